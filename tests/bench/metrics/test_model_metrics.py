"""Metrics that run a user's own model, on small ONNX models whose answers are known."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from helpers.reasons import kind_of
from numpy.typing import NDArray

from tsebench.bench.config import RunConfig
from tsebench.bench.metrics.dnsmos import WINDOW, looped, window_starts
from tsebench.bench.metrics.protocol import Answered, AnswerMetric, Facts
from tsebench.bench.metrics.registry import load_metric, metric_info
from tsebench.bench.outcome import Score
from tsebench.bench.rows import read_rows
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import MetricSpec, plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.cli import main as cli
from tsebench.core import onnx as onnx_sessions
from tsebench.core.errors import ConfigError
from tsebench.core.mel import kaldi_fbank, p808_features
from tsebench.core.onnx import open_model
from tsebench.datasets.signals.audio import resample

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

RATE_HZ = 16000
NAMES = ("dnsmos", "dnsmos_p808", "speaker_similarity")
Array = NDArray[np.float32]
Shape = list[int | str]

# ------------------------------------------------------------------------------- small models


def tensor(name: str, values: Any, kind: type = np.float32) -> Any:
    return onnx.numpy_helper.from_array(np.asarray(values, dtype=kind), name)


def save(
    path: Path,
    nodes: list[tuple[str, str, str] | Any],
    shape: Shape,
    *,
    weights: tuple[Any, ...] = (),
    outputs: tuple[str, ...] = ("y",),
    inputs: tuple[str, ...] = ("x",),
) -> Path:
    """Write a model; a node is (operator, inputs, output), or a node of onnx."""
    real = onnx.TensorProto.FLOAT
    made = [
        onnx.helper.make_node(node[0], node[1].split(), [node[2]]) if isinstance(node, tuple) else node
        for node in nodes
    ]
    graph = onnx.helper.make_graph(
        made,
        "graph",
        [onnx.helper.make_tensor_value_info(name, real, shape) for name in inputs],
        [onnx.helper.make_tensor_value_info(name, real, None) for name in outputs],
        list(weights),
    )
    version = onnx.helper.make_opsetid("", 17)
    content = onnx.helper.make_model(graph, opset_imports=[version], ir_version=8)
    path.write_bytes(content.SerializeToString())
    return path


def p835_model(path: Path, batch: int | str = "batch") -> Path:
    """Speech score: first sample of a window; background: last; overall: mean."""
    weights = np.zeros((WINDOW, 3))
    weights[0, 0] = weights[-1, 1] = 1.0
    weights[:, 2] = 1.0 / WINDOW
    nodes = [("MatMul", "x w", "y")]
    return save(path, nodes, [batch, WINDOW], weights=(tensor("w", weights),))


def p808_model(path: Path) -> Path:
    """The mean of all features."""
    mean = onnx.helper.make_node("ReduceMean", ["x"], ["m"], axes=[1, 2], keepdims=0)
    column = tensor("column", [-1, 1], np.int64)
    nodes = [mean, ("Reshape", "m column", "y")]
    return save(path, nodes, ["batch", 900, 120], weights=(column,))


def voice_model(path: Path) -> Path:
    """An embedding of two numbers: the means of the samples and of their squares."""
    nodes = [
        onnx.helper.make_node("ReduceMean", ["x"], ["first"], axes=[1], keepdims=1),
        ("Mul", "x x", "squares"),
        onnx.helper.make_node("ReduceMean", ["squares"], ["second"], axes=[1], keepdims=1),
        onnx.helper.make_node("Concat", ["first", "second"], ["y"], axis=1),
    ]
    return save(path, nodes, ["batch", "time"])


def fbank_model(path: Path) -> Path:
    """The mean square of each feature, next to the squares themselves."""
    nodes = [
        ("Mul", "feats feats", "frames"),
        onnx.helper.make_node("ReduceMean", ["frames"], ["embs"], axes=[1], keepdims=0),
    ]
    shape: Shape = ["B", "T", 80]
    return save(path, nodes, shape, inputs=("feats",), outputs=("frames", "embs"))


def ratio_model(path: Path) -> Path:
    """Speech and background: the first sample over the last one; overall: the last."""
    pick = [tensor("first", [0], np.int64), tensor("last", [WINDOW - 1], np.int64)]
    nodes = [
        onnx.helper.make_node("Gather", ["x", "first"], ["a"], axis=1),
        onnx.helper.make_node("Gather", ["x", "last"], ["b"], axis=1),
        ("Div", "a b", "c"),
        onnx.helper.make_node("Concat", ["c", "c", "b"], ["y"], axis=1),
    ]
    return save(path, nodes, ["batch", WINDOW], weights=tuple(pick))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "dnsmos": p835_model(folder / "sig_bak_ovr.onnx"),
        "dnsmos_p808": p808_model(folder / "model_v8.onnx"),
        "speaker_similarity": voice_model(folder / "voice.onnx"),
        "fbank": fbank_model(folder / "fbank.onnx"),
        "ratio": ratio_model(folder / "ratio.onnx"),
    }


# --------------------------------------------------------------------------------- the real path


@pytest.fixture(scope="module")
def pool() -> Iterator[FilePool]:
    with FilePool(0) as opened:
        yield opened


def noise(seconds: float, *, seed: int = 0, rate_hz: int = RATE_HZ) -> Array:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(int(seconds * rate_hz))).astype(np.float32)


def trial(estimate: Array, *, name: str = "t", enrollment: Array | None = None) -> Scorable:
    signal = torch.from_numpy(noise(len(estimate) / RATE_HZ + 1.0, seed=99)[: len(estimate)])
    clue = None if enrollment is None else torch.from_numpy(enrollment)
    return Scorable(
        trial_id=name,
        estimate=torch.from_numpy(estimate),
        reference=signal,
        mixture=signal,
        facts=Facts(enrollment=clue),
    )


def score(
    pool: FilePool, items: list[Scorable], name: str, *, rate_hz: int = RATE_HZ, **options: object
) -> list[list[Score]]:
    """Scores of each item: the metric, and its parts."""
    plan = plan_metrics([MetricSpec(name=name, options=options)])
    found = Scorer(plan, sample_rate_hz=rate_hz, device="cpu", pool=pool).submit(items).result()
    count = len(found) // len(items)
    return [found[k * count : (k + 1) * count] for k in range(len(items))]


def values(scores: list[Score]) -> list[float]:
    assert [s.status for s in scores] == ["ok"] * len(scores)
    return [s.value for s in scores]


def opinion(speech: float, background: float, overall: float) -> list[float]:
    """Overall, speech, background as opinion scores, by the published polynomials."""
    return [
        -0.06766283 * overall**2 + 1.11546468 * overall + 0.04602535,
        -0.08397278 * speech**2 + 1.22083953 * speech + 0.0052439,
        -0.13166888 * background**2 + 1.60915514 * background - 0.39604546,
    ]


def raw_scores(signal: Array, starts: list[int]) -> list[tuple[float, float, float]]:
    cuts = [signal[s * RATE_HZ : s * RATE_HZ + WINDOW].astype(np.float64) for s in starts]
    return [(float(c[0]), float(c[-1]), float(c.mean())) for c in cuts]


# ----------------------------------------------------------------------------------------- DNSMOS


@pytest.mark.parametrize(
    ("seconds", "official", "every"),
    [
        (9.01, [0], [0]),
        (10.01, [0], [0, 1]),
        (12.0, [0, 1, 2], [0, 1, 2]),
        (16.5, list(range(7)), list(range(8))),
        (20.0, list(range(7)), list(range(11))),
        (33.5, list(range(7)), list(range(25))),
        (34.5, [*range(7), 24], list(range(26))),
        (40.0, list(range(7)) + list(range(24, 31)), list(range(31))),
        (140.0, [*range(7), *range(24, 119), *range(123, 131)], list(range(131))),
    ],
)
def test_windows(seconds: float, official: list[int], every: list[int]) -> None:
    length = round(seconds * RATE_HZ)
    assert window_starts(length, "official") == official
    assert window_starts(length, "all") == every
    assert every[-1] * RATE_HZ + WINDOW <= length < (every[-1] + 1) * RATE_HZ + WINDOW


@pytest.mark.parametrize(("length", "copies"), [(1, 2**18), (70000, 4), (72080, 2), (144160, 1)])
def test_short_signals_are_doubled(length: int, copies: int) -> None:
    signal = noise(length / RATE_HZ)
    np.testing.assert_array_equal(looped(signal), np.tile(signal, copies))


@pytest.mark.parametrize("seconds", [3.0, 9.01, 12.3, 26.0])
def test_dnsmos_is_the_mean_over_windows(seconds: float, models: dict[str, Path], pool: FilePool) -> None:
    signal = 10.0 * noise(seconds)
    long = np.tile(signal, 4) if seconds == 3.0 else signal
    raw = raw_scores(long, window_starts(len(long), "official"))
    (found,) = score(pool, [trial(signal)], "dnsmos", model=models["dnsmos"])
    assert [s.metric for s in found] == ["dnsmos", "dnsmos_sig", "dnsmos_bak"]
    expected = np.mean([opinion(*scores) for scores in raw], axis=0)
    np.testing.assert_allclose(values(found), expected, rtol=0, atol=2e-6)
    (plain,) = score(pool, [trial(signal)], "dnsmos", model=models["dnsmos"], polynomial=False)
    speech, background, overall = np.mean(raw, axis=0)
    np.testing.assert_allclose(values(plain), [overall, speech, background], rtol=0, atol=1e-6)


def test_all_windows_hear_more(models: dict[str, Path], pool: FilePool) -> None:
    signal = noise(26.0) + np.linspace(0.0, 1.0, 26 * RATE_HZ, dtype=np.float32)
    options = {"model": models["dnsmos"], "polynomial": False}
    found = [
        values(score(pool, [trial(signal)], "dnsmos", windows=windows, **options)[0])[0]
        for windows in ("official", "all")
    ]
    expected = [np.mean([raw[2] for raw in raw_scores(signal, list(range(n)))]) for n in (7, 17)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert found[1] > found[0] + 0.1


def test_personalized_polynomials(models: dict[str, Path], pool: FilePool) -> None:
    signal = np.full(WINDOW, 2.0, dtype=np.float32)  # all raw scores are 2
    options = {"model": models["dnsmos"], "personalized": True}
    (found,) = score(pool, [trial(signal)], "dnsmos", **options)
    expected = [
        -0.00533021 * 8 + 0.005101 * 4 + 1.18058466 * 2 - 0.11236046,
        -0.01019296 * 8 + 0.02751166 * 4 + 1.19576786 * 2 - 0.24348726,
        -0.04976499 * 8 + 0.44276479 * 4 - 0.1644611 * 2 + 0.96883132,
    ]
    np.testing.assert_allclose(values(found), expected, rtol=0, atol=1e-5)


def test_other_rates_are_resampled(models: dict[str, Path], pool: FilePool) -> None:
    slow = noise(10.0, rate_hz=8000)
    fast = resample(slow, from_hz=8000, to_hz=RATE_HZ)
    for name in NAMES:
        options = {"model": models[name]}
        (a,) = score(pool, [trial(slow, enrollment=slow[:9000])], name, rate_hz=8000, **options)
        (b,) = score(pool, [trial(fast, enrollment=fast[:18000])], name, **options)
        np.testing.assert_allclose(values(a), values(b), rtol=0, atol=1e-4)
        assert "|fs:8000>16000|soxr:VHQ" in a[0].signature
        assert "|fs:16000" in b[0].signature
        assert "soxr" not in b[0].signature


def test_p808_is_the_mean_over_windows(models: dict[str, Path], pool: FilePool) -> None:
    signal = noise(12.0) * np.sin(np.arange(12 * RATE_HZ) / 5000.0).astype(np.float32)
    (found,) = score(pool, [trial(signal)], "dnsmos_p808", model=models["dnsmos_p808"])
    features = [p808_features(signal[s * RATE_HZ :][:144000]) for s in (0, 1, 2)]
    assert {f.shape for f in features} == {(900, 120)}
    expected = np.mean([f.mean(dtype=np.float64) for f in features])
    assert values(found) == pytest.approx([expected], abs=1e-5)


# ------------------------------------------------------------------------------ speaker similarity


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def moments(signal: Array) -> NDArray[np.float64]:
    exact = signal.astype(np.float64)
    return np.array([exact.mean(), np.square(exact).mean()])


@pytest.mark.parametrize("against", ["enrollment", "reference"])
def test_similarity_of_waveforms(against: str, models: dict[str, Path], pool: FilePool) -> None:
    estimate, clue = noise(1.5) + np.float32(0.01), noise(2.0, seed=1) - np.float32(0.02)
    item = trial(estimate, enrollment=clue)
    assert item.reference is not None
    other = clue if against == "enrollment" else item.reference.numpy()
    (found,) = score(pool, [item], "speaker_similarity", model=models["speaker_similarity"], against=against)
    assert values(found) == pytest.approx([cosine(moments(estimate), moments(other))], abs=1e-6)


def test_the_same_voice_is_one_and_its_opposite_minus_one(tmp_path: Path, pool: FilePool) -> None:
    mean = onnx.helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0)
    path = save(tmp_path / "mean.onnx", [mean], ["b", "t"])
    up = np.full(16000, 0.3, dtype=np.float32)
    items = [trial(up, enrollment=sign * up[:9000]) for sign in (np.float32(1), np.float32(-1))]
    found = [values(s)[0] for s in score(pool, items, "speaker_similarity", model=path)]
    assert found == [1.0, -1.0]


def test_similarity_of_kaldi_features(models: dict[str, Path], pool: FilePool) -> None:
    estimate = noise(1.0)
    clue = (np.cumsum(noise(1.3, seed=2)) / 10.0).astype(np.float32)
    options = {"model": models["fbank"], "input": "fbank80", "output": "embs"}
    (found,) = score(pool, [trial(estimate, enrollment=clue)], "speaker_similarity", **options)
    a, b = (
        np.square(kaldi_fbank(s, n_mels=80, sample_rate_hz=RATE_HZ).astype(np.float64)).mean(axis=0)
        for s in (estimate, clue)
    )
    assert values(found) == pytest.approx([cosine(a, b)], abs=1e-6)
    assert "|output:embs|input:fbank80|dither:0|against:enrollment|" in found[0].signature


def test_a_signal_without_a_frame_is_too_short(models: dict[str, Path], pool: FilePool) -> None:
    options = {"model": models["fbank"], "input": "fbank80", "output": "embs"}
    (found,) = score(pool, [trial(noise(1.0), enrollment=noise(1.0)[:399])], "speaker_similarity", **options)
    assert (found[0].status, kind_of(found[0].reason)) == ("undefined", "too_short")


# ----------------------------------------------------------------------------- what every one does


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name: str, models: dict[str, Path]) -> None:
    info = metric_info(name)
    assert (info.name, info.scope) == (name, "present")
    assert info.options in {(), ("model",)}  # the second where no package has the model
    assert not info.needs_reference_energy
    digest = hashlib.sha256(models[name].read_bytes()).hexdigest()
    metric = load_metric(name, {"model": str(models[name])})
    assert isinstance(metric, AnswerMetric)
    file, version = models[name].name, onnxruntime.__version__
    expected = {
        "dnsmos": "personalized:false|polynomial:true|windows:official|fs:16000",
        "dnsmos_p808": "mel:zero_padded|windows:official|fs:16000",
        "speaker_similarity": "output:y|input:waveform|against:enrollment|fs:16000|tsebench:1",
    }[name]
    head = f"{name}|model:{file}|sha256:{digest[:8]}|onnxruntime:{version}"
    assert metric.signature(RATE_HZ) == f"{head}|{expected}"
    names = [info.name for info in plan_metrics([choice(name, models[name])]).infos]
    parts = ["dnsmos_sig", "dnsmos_bak"] if name == "dnsmos" else []
    assert names == [name, *parts, *(f"{each}_reference" for each in (name, *parts))]


def choice(name: str, model: Path, **options: object) -> MetricSpec:
    return MetricSpec(name=name, options={"model": str(model), **options})


def test_every_setting_is_in_the_signature(models: dict[str, Path]) -> None:
    base = {name: {"model": str(models[name])} for name in NAMES}
    changed: list[tuple[str, dict[str, object]]] = [
        ("dnsmos", {}),
        ("dnsmos", {"personalized": True}),
        ("dnsmos", {"polynomial": False}),
        ("dnsmos", {"windows": "all"}),
        ("dnsmos_p808", {}),
        ("dnsmos_p808", {"windows": "all"}),
        ("speaker_similarity", {}),
        ("speaker_similarity", {"against": "reference"}),
        ("speaker_similarity", {"sample_rate_hz": 8000}),
    ]
    signatures = [load_metric(name, {**base[name], **more}).signature(RATE_HZ) for name, more in changed]
    assert len(set(signatures)) == len(signatures)
    same = load_metric("dnsmos", {**base["dnsmos"], "on_cpu": True}).signature(RATE_HZ)
    assert same == signatures[0]


@pytest.mark.parametrize("name", NAMES)
def test_company_and_processes_change_no_value(name: str, models: dict[str, Path], pool: FilePool) -> None:
    signals = [noise(seconds, seed=k) for k, seconds in enumerate((3.0, 21.0, 0.4, 9.5))]
    items = [trial(s, name=str(k), enrollment=noise(1.0 + k, seed=50 + k)) for k, s in enumerate(signals)]
    together = [values(s) for s in score(pool, items, name, model=models[name])]
    alone = [values(score(pool, [item], name, model=models[name])[0]) for item in items]
    with FilePool(2) as processes:
        apart = [values(s) for s in score(processes, items[::-1], name, model=models[name])]
    assert together == alone == apart[::-1]
    assert len({v[0] for v in together}) == len(items)


@pytest.mark.parametrize("name", NAMES)
def test_edges_are_rows_with_a_reason(name: str, models: dict[str, Path], pool: FilePool) -> None:
    good = trial(noise(1.0), enrollment=noise(1.0))
    silent = dataclasses.replace(good, estimate=torch.zeros(RATE_HZ))
    quiet = dataclasses.replace(good, reference=torch.zeros(RATE_HZ))
    absent = dataclasses.replace(good, reference=None)
    broken = dataclasses.replace(good, estimate=torch.full((RATE_HZ,), torch.nan))
    missing = dataclasses.replace(good, estimate=None)
    items = [good, silent, quiet, absent, broken, missing]
    found = [(s[0].status, kind_of(s[0].reason)) for s in score(pool, items, name, model=models[name])]
    silence = ("failed", "non_finite_value") if name == "speaker_similarity" else ("ok", "")
    assert found == [
        ("ok", ""),
        silence,  # an embedding of zeros has no direction
        ("ok", ""),
        ("undefined", "absent_target"),
        ("failed", "non_finite"),
        ("failed", "no_estimate"),
    ]


def test_similarity_needs_something_to_compare_with(models: dict[str, Path], pool: FilePool) -> None:
    model = models["speaker_similarity"]
    bare = trial(noise(1.0))
    quiet = dataclasses.replace(bare, reference=torch.zeros(RATE_HZ))
    found = [
        (s[0].status, s[0].reason)
        for against, item in (("enrollment", bare), ("reference", bare), ("reference", quiet))
        for s in score(pool, [item], "speaker_similarity", model=model, against=against)
    ]
    assert found[0] == ("undefined", "no_enrollment")
    assert found[1:] == [("ok", ""), ("undefined", "silent_reference")]


def test_no_number_is_a_failure(models: dict[str, Path], pool: FilePool) -> None:
    ramp = np.linspace(1.0, 2.0, WINDOW, dtype=np.float32)
    items = [trial(ramp), trial(np.zeros(WINDOW, dtype=np.float32))]
    good, bad = score(pool, items, "dnsmos", model=models["ratio"], polynomial=False)
    assert values(good) == pytest.approx([2.0, 0.5, 0.5])
    assert {(s.status, s.reason) for s in bad} == {("failed", "non_finite_value")}


def test_a_batch_gives_what_single_windows_give(models: dict[str, Path]) -> None:
    windows = [noise(9.01, seed=k) for k in range(5)]
    model = open_model(models["dnsmos"], where="test")
    assert model.batch_size == 1
    for size in (2, 16):
        batched = dataclasses.replace(model, batch_size=size).run(iter(windows))
        assert batched.shape == (5, 3)
        np.testing.assert_allclose(batched, model.run(windows), rtol=0, atol=1e-7)


def test_jobs_hold_no_weights_and_models_load_once(models: dict[str, Path]) -> None:
    model = open_model(models["dnsmos"], where="test")
    assert len(pickle.dumps(model)) < 1000
    assert pickle.loads(pickle.dumps(model)) == model
    before = onnx_sessions.session.cache_info().misses
    model.run([noise(9.01)])
    open_model(models["dnsmos"], where="test")
    assert onnx_sessions.session.cache_info().misses == before


def test_modules_are_cheap_to_import() -> None:
    modules = ("core.mel", "core.onnx", "bench.metrics.dnsmos", "bench.metrics.speaker_similarity")
    program = "import sys\n" + "".join(f"import tsebench.{m}\n" for m in modules)
    program += "print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"torch", "scipy", "pandas", "onnxruntime", "pydantic", "soxr", "soundfile"}
    assert not heavy & set(done.stdout.split())


# --------------------------------------------------------------------------- files that are refused


def refused(name: str, model: Path, **options: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_metric(name, {"model": str(model), **options})
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no package with models were installed."""
    monkeypatch.setattr("tsebench.bench.metrics.shared.model_files.packaged_file", lambda name, path: None)


@pytest.mark.usefixtures("no_packages")
@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_needed(name: str) -> None:
    install = "resemblyzer" if name == "speaker_similarity" else r"tsebench\[quality\]"
    with pytest.raises(ConfigError, match=rf"metric '{name}' needs its setting 'model'.*pip install.*{install}"):
        load_metric(name)
    metric = load_metric(name, {"model": None})
    with pytest.raises(ConfigError, match=rf"metric '{name}' needs its setting 'model'"):
        metric.signature(RATE_HZ)


@pytest.mark.parametrize("name", NAMES)
def test_missing_and_wrong_files(name: str, tmp_path: Path) -> None:
    start = rf"metric '{name}': "
    line = refused(name, tmp_path / "none.onnx")
    assert line.startswith(f"metric '{name}': cannot read model")
    assert "No such file" in line
    (tmp_path / "folder.onnx").mkdir()
    assert "Is a directory" in refused(name, tmp_path / "folder.onnx")
    assert "cannot read model '~nobody_/x.onnx'" in refused(name, Path("~nobody_/x.onnx"))
    voice = name == "speaker_similarity"  # .pt is Resemblyzer's
    for suffix in (".pth", ".pkl", ".ort", "", *([] if voice else [".pt"])):
        line = refused(name, tmp_path / f"model{suffix}")
        assert line.startswith(start)
        assert "is not an .onnx file; other formats (.pt, .pth, .pkl) can run code" in line


class Evil:
    """Its pickle, when it is read, touches a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def ort_format(model: Path, path: Path) -> bytes:
    """The same model in the other format of onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return path.read_bytes()


def test_nothing_but_onnx_is_read(tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / "model.onnx"
    script = tmp_path / "script.zip"
    with zipfile.ZipFile(script, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Evil(marker)))
    whole = p835_model(tmp_path / "whole.onnx")
    contents = [
        (pickle.dumps(Evil(marker)), "is a Python pickle; give an ONNX file"),
        (script.read_bytes(), "is a zip archive; give an ONNX file"),
        (b"", "is an empty file; give an ONNX file"),
        (b"hello", "is a text file; give an ONNX file"),
        (whole.read_bytes()[:50_000], "cannot be loaded: "),
        (ort_format(whole, tmp_path / "model.ort"), "cannot be loaded: "),
    ]
    for content, problem in contents:
        path.write_bytes(content)
        line = refused("dnsmos", path)
        assert f"model.onnx' {problem}" in line
        assert line.endswith("; give an ONNX file that holds all its weights")
    assert not marker.exists()


def external(path: Path, place: str, where: str) -> Path:
    """A model whose weights are in another file: of the graph, of a node, or of a branch."""
    weights = tensor("w", np.full((WINDOW, 3), 5.0))
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", place), ("offset", "0"), ("length", str(WINDOW * 12))):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    product = ("MatMul", "x w", "y")
    if where == "graph":
        return save(path, [product], ["batch", WINDOW], weights=(weights,))
    constant = onnx.helper.make_node("Constant", [], ["w"], value=weights)
    if where == "node":
        return save(path, [constant, product], ["batch", WINDOW])
    value = onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, None)
    inner = onnx.helper.make_node("MatMul", ["x", "w"], ["z"])
    branch = onnx.helper.make_graph([constant, inner], "branch", [], [value])
    choose = onnx.helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
    return save(path, [choose], ["batch", WINDOW], weights=(tensor("yes", True, bool),))


@pytest.mark.parametrize("where", ["graph", "node", "branch"])
def test_weights_in_other_files_are_refused(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    for place in (folder, folder / "deep", elsewhere, tmp_path):
        place.mkdir(exist_ok=True)
        np.full((WINDOW, 3), 5.0, dtype=np.float32).tofile(place / "w.bin")
    (folder / "link.bin").symlink_to(elsewhere / "w.bin")
    monkeypatch.chdir(elsewhere)
    places = ["w.bin", "./w.bin", "deep/w.bin", "../w.bin", "../elsewhere/w.bin", "link.bin"]
    places += [str(elsewhere / "w.bin"), "../models/w.bin"]
    for place in places:
        line = refused("dnsmos", external(folder / "model.onnx", place, where))
        assert "cannot be loaded" in line
        assert "give an ONNX file that holds all its weights" in line


def test_other_models_are_refused(models: dict[str, Path], tmp_path: Path) -> None:
    line = refused("dnsmos", models["dnsmos_p808"])
    assert "does not take a float32 input of shape [1, 144160]" in line
    assert line.endswith("give sig_bak_ovr.onnx of the DNS Challenge")
    assert "give model_v8.onnx of the DNS" in refused("dnsmos_p808", models["dnsmos"])
    line = refused("dnsmos", models["speaker_similarity"])
    assert "gives 2 scores, not 3; give sig_bak_ovr.onnx" in line
    two = save(tmp_path / "two.onnx", [("Add", "a b", "y")], ["b", "t"], inputs=("a", "b"))
    assert "has 2 inputs (a, b)" in refused("speaker_similarity", two)
    line = refused("speaker_similarity", models["fbank"])
    assert "has 2 outputs of numbers (frames, embs) where one is needed; name it with the setting" in line
    line = refused("speaker_similarity", models["fbank"], output="emb", input="fbank80")
    assert "has no output 'emb' of numbers; did you mean 'embs'" in line
    line = refused("speaker_similarity", models["fbank"], output="frames", input="fbank80")
    assert "output 'frames'" in line
    assert "grows with the signal" in line
    line = refused("speaker_similarity", models["fbank"], output="embs")
    assert "set `input` to fbank80" in line
    line = refused("speaker_similarity", models["speaker_similarity"], input="fbank80")
    assert "set `input` to waveform" in line
    line = refused("speaker_similarity", models["speaker_similarity"], sample_rate_hz=0)
    assert "sample_rate_hz = 0; set it to 1000 or more" in line
    assert "unknown key 'modle'" in refused("dnsmos", models["dnsmos"], modle=1)
    assert "'official' or 'all'" in refused("dnsmos", models["dnsmos"], windows="some")


def test_a_fixed_batch_is_fine(tmp_path: Path, pool: FilePool) -> None:
    path = p835_model(tmp_path / "fixed.onnx", batch=1)
    (found,) = score(pool, [trial(noise(12.0))], "dnsmos", model=path)
    assert len(values(found)) == 3


def test_a_link_is_as_good_as_a_file(models: dict[str, Path], tmp_path: Path) -> None:
    store = tmp_path / "blobs" / "1a2b3c"
    store.parent.mkdir()
    store.write_bytes(models["dnsmos"].read_bytes())
    (tmp_path / "sig_bak_ovr.onnx").symlink_to(store)
    one, other = (
        load_metric("dnsmos", {"model": str(path)}).signature(RATE_HZ)
        for path in (tmp_path / "sig_bak_ovr.onnx", models["dnsmos"])
    )
    assert one == other


def test_a_file_that_changes_during_a_run_fails(tmp_path: Path, pool: FilePool) -> None:
    path = p835_model(tmp_path / "model.onnx")
    metric = load_metric("dnsmos", {"model": str(path)})
    assert isinstance(metric, AnswerMetric)
    p808_model(path)
    onnx_sessions.session.cache_clear()
    plan = plan_metrics(["snr"]).restricted([metric])
    scorer = Scorer(plan, sample_rate_hz=RATE_HZ, device="cpu", pool=pool)
    (found, *_) = scorer.submit([trial(noise(10.0))]).result()
    assert found.status == "failed"
    assert "model.onnx' changed since the run began" in found.reason


def test_package_missing_or_too_old(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "__version__", "1.23.2")
    line = refused("dnsmos", models["dnsmos"])
    assert "onnxruntime 1.23.2 is older than 1.24; pip install 'tsebench[models]'" in line
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    line = refused("dnsmos", models["dnsmos"])
    assert line.startswith("package 'onnxruntime' cannot be imported")
    assert line.endswith("pip install 'tsebench[models]'")
    assert metric_info("dnsmos").unit == "MOS"


def test_a_gpu_is_used_or_refused(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    providers = ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    with pytest.raises(ConfigError, match=r"'cuda:0' .* no CUDA; install onnxruntime-gpu .*on_cpu"):
        open_model(models["dnsmos"], where="test", device="cuda:0")
    asked: list[Any] = []

    def session(content: bytes, options: Any, **given: Any) -> Any:
        asked.append(given["providers"])
        return real(content, options, providers=["CPUExecutionProvider"])

    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    providers.append("CUDAExecutionProvider")
    with pytest.raises(ConfigError, match=r"onnxruntime cannot use 'cuda:1'"):
        open_model(models["dnsmos"], where="test", device="cuda:1")
    exact = {"device_id": "1", "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
    assert asked == [[("CUDAExecutionProvider", exact)]]
    onnx_sessions.session.cache_clear()


def test_on_a_gpu_it_runs_here_and_not_in_the_pool(models: dict[str, Path]) -> None:
    """The same numbers, without a worker, as far as that can be seen without a GPU."""
    model = open_model(models["dnsmos"], where="test")
    metric: Any = load_metric("dnsmos", {"model": str(models["dnsmos"])})
    answers = [answered(noise(12.0)), answered(np.zeros(0, dtype=np.float32))]

    def never(job: Callable[[], object]) -> Any:
        raise AssertionError

    with FilePool(0) as pool:
        there = metric.judge(answers, sample_rate_hz=RATE_HZ, submit=pool.submit)
    on_gpu = dataclasses.replace(model, device="cuda", batch_size=16)
    sessions = onnx_sessions.session
    metric._chosen.model = on_gpu
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tsebench.core.onnx.session", lambda path, sha256, device: sessions(path, sha256, "cpu"))
        here = metric.judge(answers, sample_rate_hz=RATE_HZ, submit=never)
    assert here[0].value == pytest.approx(there[0].result().value, abs=1e-6)
    assert [kind_of(outcome.reason) for outcome in here] == ["", "too_short"]


def answered(signal: Array) -> Answered:
    estimate = torch.from_numpy(signal)
    return Answered(trial_id="t", estimate=estimate, reference=estimate, mixture=estimate, facts=Facts())


# -------------------------------------------------------------------------------- runs and folders

SPEECH: dict[str, Any] = {
    "name": "speech",
    "builder": "speech_mix",
    "corpora": {"speech": {"kind": "synthetic_speech"}},
    "params": {"count": 1, "sample_rate_hz": 8000, "n_speakers": 2, "mode": "max", "speech": {"corpus": "speech"}},
}


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TSEBENCH_CORPORA", "")
    monkeypatch.setenv("COLUMNS", "80")


def run_config(tmp_path: Path, metrics: list[object]) -> RunConfig:
    path = tmp_path / "speech.yaml"
    path.write_text(json.dumps(SPEECH))
    return RunConfig.model_validate(
        {
            "name": "test",
            "metrics": metrics,
            "systems": ["mixture", "oracle_target"],
            "datasets": [str(path)],
            "measure_cost": False,
        }
    )


@pytest.mark.usefixtures("own_folders")
def test_a_run_judges_with_the_users_models(tmp_path: Path, models: dict[str, Path]) -> None:
    metrics: list[object] = [{"name": name, "options": {"model": str(models[name])}} for name in NAMES]
    out = tmp_path / "out"
    run(run_config(tmp_path, metrics), RunOptions(out=out, device="cpu", jobs=1))
    rows = read_rows(out)
    assert set(rows.metric) == {
        "dnsmos",
        "dnsmos_sig",
        "dnsmos_bak",
        "dnsmos_reference",
        "dnsmos_sig_reference",
        "dnsmos_bak_reference",
        "dnsmos_p808",
        "dnsmos_p808_reference",
        "speaker_similarity",
        "speaker_similarity_reference",
    }
    assert set(rows.status) == {"ok"}
    wide = rows.pivot_table(index=["system", "trial_id"], columns="metric", values="value")
    for name in (*NAMES, "dnsmos_sig", "dnsmos_bak"):
        perfect = wide.loc["oracle_target"]
        pd.testing.assert_series_equal(perfect[name], perfect[f"{name}_reference"], check_names=False, check_exact=True)
        assert (wide.loc["mixture", name] != wide.loc["oracle_target", name]).all()


@pytest.mark.usefixtures("own_folders")
def test_a_run_with_a_wrong_model_does_not_begin(tmp_path: Path) -> None:
    metrics: list[object] = ["si_sdr", {"name": "dnsmos", "options": {"model": str(tmp_path / "none.onnx")}}]
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match=r"metric 'dnsmos': cannot read model '.*none\.onnx'"):
        run(run_config(tmp_path, metrics), RunOptions(out=out, device="cpu", jobs=0))
    assert not list((out / "rows").glob("*"))


@pytest.fixture
def wavs(tmp_path: Path) -> Path:
    for k in range(2):
        target = noise(9.5, seed=k)
        for folder, signal in (("ref", target), ("est", target + noise(9.5, seed=10 + k))):
            (tmp_path / folder).mkdir(exist_ok=True)
            soundfile.write(tmp_path / folder / f"u{k}.wav", signal, RATE_HZ, subtype="FLOAT")
    return tmp_path


def command(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([str(word) for word in words])
    return int(left.value.code or 0)


@pytest.mark.usefixtures("own_folders")
def test_folders_are_scored_with_the_users_model(
    wavs: Path, models: dict[str, Path], pool: FilePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(models["dnsmos"].parent)
    words = ["score", "--estimates", wavs / "est", "--references", wavs / "ref", "--out"]
    options = ["--metrics", "dnsmos", "--option", "dnsmos.model=sig_bak_ovr.onnx", "--jobs", "1"]
    assert command(*words, wavs / "out", *options) == 0
    rows = read_rows(wavs / "out").set_index(["trial_id", "metric"])
    for k in range(2):
        signal, _ = soundfile.read(wavs / "est" / f"u{k}.wav", dtype="float32")
        (found,) = score(pool, [trial(signal)], "dnsmos", model=models["dnsmos"])
        for one in found:
            assert rows.loc[(f"u{k}", one.metric), "value"] == one.value
            assert rows.loc[(f"u{k}", one.metric), "signature"] == one.signature


@pytest.mark.usefixtures("own_folders", "no_packages")
def test_a_wrong_model_is_one_line_on_the_command_line(wavs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["score", "--estimates", wavs / "est", "--references", wavs / "ref", "--out"]
    words += [wavs / "out", "--metrics", "dnsmos"]
    (wavs / "model.onnx").write_bytes(b"not a model")
    cases = [
        ([], "needs its setting 'model'"),
        (["--option", f"dnsmos.model={wavs / 'none.onnx'}"], "No such file or directory"),
        (["--option", f"dnsmos.model={wavs / 'model.pt'}"], "is not an .onnx file"),
        (["--option", f"dnsmos.model={wavs / 'model.onnx'}"], "is a text file; give an ONNX file"),
    ]
    for options, problem in cases:
        assert command(*words, *options) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert problem in said
        assert "Traceback" not in said
    assert not (wavs / "out").exists()
