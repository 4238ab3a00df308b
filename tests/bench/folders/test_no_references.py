"""Scoring real recordings: no references, and only metrics that need none have values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tsebench.bench.folders.known_facts import FactFiles
from tsebench.bench.folders.score import FolderScores, ScoreOptions, score_folders
from tsebench.bench.metrics.registry import known_infos
from tsebench.bench.metrics.shared import activity
from tsebench.bench.rows import read_rows
from tsebench.bench.scoring.plan import MetricSpec
from tsebench.cli import main as cli
from tsebench.core.errors import ConfigError

RATE_HZ = 8000
GIVEN = MetricSpec(name="ter", options={"backend": "given"})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings u0 to u2, of which u2 has no estimate; words in English and Mandarin, and what was recognised."""
    root = tmp_path_factory.mktemp("real")
    rng = np.random.default_rng(0)
    for key in ("u0", "u1", "u2"):
        mixture = 0.1 * rng.standard_normal(RATE_HZ)
        for folder, samples in (("mix", mixture), ("est", 0.5 * mixture), ("voice", 0.1 * rng.standard_normal(6000))):
            (root / folder).mkdir(exist_ok=True)
            soundfile.write(str(root / folder / f"{key}.wav"), samples, RATE_HZ)
    (root / "est/u2.wav").unlink()
    (root / "said.csv").write_text(
        "name,text,language\nu0,Hello there big world,en\nu1,主题不一样,zh\nu2,x,en\n", "utf-8"
    )
    (root / "found.csv").write_text("utterance,transcript\nu0,hello big word\nu1,主 题不样\n", "utf-8")
    return root


def _score(root: Path, out: str, *metrics: str | MetricSpec, mixtures: bool = True, **facts: Path) -> FolderScores:
    options = ScoreOptions(
        out=root / out, metrics=metrics, facts=FactFiles(**facts), jobs=0, cache=root / "cache", device="cpu"
    )
    return score_folders(
        estimates=root / "est", references=(), mixtures=root / "mix" if mixtures else None, options=options
    )


def test_error_rates_count_in_the_unit_of_the_language(root: Path) -> None:
    done = _score(root, "ter", GIVEN, transcripts=root / "said.csv", recognised=root / "found.csv")
    rows = read_rows(root / "ter").query("metric == 'ter' and system == 'estimates'").set_index("trial_id")
    # Two words of four: one is left out, one is another. One character of five is left out.
    assert rows.loc["u0", "value"] == pytest.approx(50.0)
    assert rows.loc["u1", "value"] == pytest.approx(20.0)
    assert rows["weight"].to_dict() == {"u0": 4.0, "u1": 5.0, "u2": 1.0}
    assert rows.loc["u2", "reason"] == "missing"
    assert done.failed_trials == 1
    assert rows.loc["u0", "signature"].startswith("ter|given|basic:2|language:auto|jiwer:")


def test_metrics_with_a_reference_do_not_apply_and_nothing_vanishes(root: Path) -> None:
    _score(root, "si_sdr", "si_sdri", "pesq", GIVEN, transcripts=root / "said.csv", recognised=root / "found.csv")
    rows = read_rows(root / "si_sdr").query("system == 'estimates'")
    for metric in ("si_sdr", "si_sdri", "pesq"):
        own = rows[rows["metric"] == metric]
        assert sorted(own["trial_id"]) == ["u0", "u1", "u2"]
        assert set(own["status"]) == {"undefined"}
        assert set(own["reason"]) == {"no_reference"}


def _voice_model(path: Path) -> Path:
    """An embedding of two numbers: the mean of the samples, and of their squares."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    real, node = onnx.TensorProto.FLOAT, onnx.helper.make_node
    nodes = [
        node("ReduceMean", ["x"], ["first"], axes=[1], keepdims=1),
        node("Mul", ["x", "x"], ["squares"]),
        node("ReduceMean", ["squares"], ["second"], axes=[1], keepdims=1),
        node("Concat", ["first", "second"], ["y"], axis=1),
    ]
    ends = ([onnx.helper.make_tensor_value_info(name, real, shape)] for name, shape in (("x", ["B", "T"]), ("y", None)))
    graph = onnx.helper.make_graph(nodes, "graph", *ends)
    opset = onnx.helper.make_opsetid("", 17)
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString())
    return path


def test_similarity_has_the_mixture_as_its_baseline(root: Path, tmp_path: Path) -> None:
    model = _voice_model(tmp_path / "voice.onnx")
    similarity = MetricSpec(name="speaker_similarity_gain", options={"model": model})
    _score(root, "voice", similarity, enrollments=root / "voice")
    rows = read_rows(root / "voice").set_index(["system", "metric", "trial_id"])["value"]
    gain, own = rows["estimates", "speaker_similarity_gain", "u0"], rows["estimates", "speaker_similarity", "u0"]
    assert gain == pytest.approx(own - rows["mixture", "speaker_similarity", "u0"], abs=1e-12)
    with pytest.raises(ConfigError, match="needs enrollments, and this call gives none: add --enrollments DIR"):
        _score(root, "voiceless", similarity)


def test_times_of_speech_are_those_that_are_given(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of estimates in which speech is found from 0.2 to 0.6 s, counted by hand without 50 ms at each edge."""
    pytest.importorskip("silero_vad", reason="silero-vad is not installed")
    found = np.zeros(100, dtype=np.bool_)
    found[20:60] = True
    monkeypatch.setattr(activity, "speech_frames", lambda *_, **__: found)
    (root / "times.csv").write_text("name,activity\nu0,0.30-0.80\nu1,\n", "utf-8")
    _score(root, "times", "timing_f1", "si_sdr", activity=root / "times.csv")
    rows = read_rows(root / "times").query("system == 'estimates'").set_index(["metric", "trial_id"])
    # Frames 35 to 74 are the target's, and 0 to 24 and 85 to 99 are not: 25 are found in it and 5 outside.
    assert rows.loc[("timing_precision", "u0"), "value"] == pytest.approx(25 / 30)
    assert rows.loc[("timing_recall", "u0"), "value"] == pytest.approx(25 / 40)
    assert rows.loc[("timing_f1", "u1"), "reason"].startswith("no_speech")
    assert rows.loc[("timing_f1", "u2"), "reason"] == "missing"


def test_these_metrics_need_no_reference() -> None:
    free = {info.name for info in known_infos() if not info.needs_reference}
    assert free == {
        *("wer", "cer", "ter", "cpwer", "ts_asr_wer", "dnsmos", "dnsmos_p808", "plcmos", "speaker_similarity"),
        *("timing_f1", "speech_in_silence", "output_level", "verification_score"),
    }
    every = [part for info in known_infos() for part in info.parts if not info.needs_reference]
    assert not any(part.needs_reference for part in every)


def test_trials_follow_from_what_is_there(root: Path) -> None:
    """Without mixtures the transcripts say which trials are wanted."""
    done = _score(root, "texts", GIVEN, mixtures=False, transcripts=root / "said.csv", recognised=root / "found.csv")
    assert done.trials == 3
    assert set(done.record.systems) == {"estimates"}
    with pytest.raises(ConfigError, match="no references are given: add --references DIR, or what metrics without"):
        _score(root, "none")


def test_the_command_takes_no_references(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--estimates", root / "est", "--mixtures", root / "mix", "--out", root / "cli", "--metrics", "ter,sdr"]
    options += ["--option", "ter.backend=given", "--transcripts", root / "said.csv", "--recognised", root / "found.csv"]
    with pytest.raises(SystemExit) as ended:
        cli.main(["score", *map(str, options), "--device", "cpu", "--jobs", "1"])
    assert ended.value.code == 3  # u2 has no estimate
    out = " ".join(capsys.readouterr().out.split())
    assert "not applicable without clean references: sdr" in out
    with pytest.raises(SystemExit) as ended:
        cli.main(["score", *map(str, options), "--variants"])
    assert ended.value.code == 2
    assert "add --references DIR" in capsys.readouterr().err
