"""Metrics with models of installed packages: `dnsmos`, `dnsmos_p808` and `plcmos` against speechmos itself."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tsebench.bench.metrics.plcmos import plc_features
from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.outcome import Score
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import MetricSpec, plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.core.errors import ConfigError
from tsebench.core.packages import packaged_file

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
if packaged_file("speechmos", "speechmos/plcmos.py") is None:
    pytest.skip("speechmos is not installed: pip install 'tsebench[quality]'", allow_module_level=True)

RATE_HZ = 16000

# By speechmos 0.0.1.1 with librosa 0.11, of `walk()` and of 11 s of it: overall, speech, background; P.808.
PACKAGE = [2.0474147043576614, 2.454783381704637, 3.222371527666998]
PERSONALIZED = [2.7460166946924534, 2.5618956199820233, 4.404667622914909]
LONGER = [2.0475876626744123, 2.459734060751745, 3.248956413509002]
P808, P808_LONGER = 1.9465005, 1.9586593


def walk() -> np.ndarray:
    """2.5 s of a random walk."""
    steps = (np.cumsum(np.random.RandomState(0).standard_normal(40000)) / 400).astype(np.float32)
    steps /= abs(steps).max() * 1.25
    return steps


def scores(signal: np.ndarray, name: str, **options: object) -> list[Score]:
    sound = torch.from_numpy(signal)
    item = Scorable(trial_id="t", estimate=sound, reference=sound, mixture=sound)
    plan = plan_metrics([MetricSpec(name=name, options=options)])
    with FilePool(0) as pool:
        return Scorer(plan, sample_rate_hz=RATE_HZ, device="cpu", pool=pool).submit([item]).result()


def values(signal: np.ndarray, name: str, **options: object) -> list[float]:
    found = scores(signal, name, **options)
    assert {score.status for score in found} == {"ok"}
    return [score.value for score in found]


def test_p835_without_a_model_is_that_of_the_package() -> None:
    assert values(walk(), "dnsmos") == pytest.approx(PACKAGE, abs=1e-5)
    assert values(walk(), "dnsmos", personalized=True) == pytest.approx(PERSONALIZED, abs=1e-5)
    assert values(np.tile(walk(), 5)[: 11 * RATE_HZ], "dnsmos") == pytest.approx(LONGER, abs=1e-5)


def test_p808_without_a_model_is_that_of_the_package() -> None:
    assert values(walk(), "dnsmos_p808") == pytest.approx([P808], abs=1e-5)
    assert values(np.tile(walk(), 5)[: 11 * RATE_HZ], "dnsmos_p808") == pytest.approx([P808_LONGER], abs=1e-5)


def test_p835_by_the_code_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """librosa is needed for P.808 alone."""
    librosa: Any = ModuleType("librosa")
    librosa.feature = ModuleType("librosa.feature")
    librosa.feature.melspectrogram = lambda **_: np.zeros((120, 900))
    librosa.power_to_db = lambda power, ref: power
    monkeypatch.setitem(sys.modules, "librosa", librosa)
    monkeypatch.delitem(sys.modules, "speechmos.dnsmos", raising=False)
    from speechmos import dnsmos

    signal = walk()[::-1].copy()
    theirs = dnsmos.run(signal, RATE_HZ)
    ours = values(signal, "dnsmos")
    assert ours == pytest.approx([theirs["ovrl_mos"], theirs["sig_mos"], theirs["bak_mos"]], abs=1e-6)
    monkeypatch.delitem(sys.modules, "speechmos.dnsmos")


def test_plcmos_is_that_of_the_package_for_the_same_raters() -> None:
    from speechmos import plcmos

    for seed in (0, 3):
        np.random.seed(seed)
        theirs = plcmos.run(walk(), RATE_HZ)["plcmos"]
        assert values(walk(), "plcmos", seed=seed) == [pytest.approx(theirs, abs=1e-6)]


def test_plcmos_is_the_same_every_time() -> None:
    assert values(walk(), "plcmos") == values(walk(), "plcmos")
    assert values(walk(), "plcmos") != values(walk(), "plcmos", seed=1)


@pytest.mark.parametrize("length", [1, 255, 256, 257, 1000, 4096])
def test_features_of_plcmos_are_those_of_the_package(length: int) -> None:
    from speechmos.plcmos import PLCMOS

    package = PLCMOS.__new__(PLCMOS)
    for signal in (walk()[:length], np.zeros(length, np.float32), np.pad(walk()[:length], (700, 700))):
        theirs = np.float32(package.stft_transform(signal))
        ours = plc_features(signal)
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_signatures_name_the_files_of_the_package() -> None:
    start = "dnsmos|model:sig_bak_ovr.onnx|sha256:269fbebd|onnxruntime:"
    assert load_metric("dnsmos").signature(RATE_HZ).startswith(start)
    other = load_metric("dnsmos", {"personalized": True}).signature(RATE_HZ)
    assert other.startswith("dnsmos|model:sig_bak_ovr.onnx|sha256:")
    assert not other.startswith(start)
    assert "|raters:15|seed:0|fs:8000>16000|soxr:VHQ|" in load_metric("plcmos").signature(8000)


def test_a_model_with_other_inputs_is_refused() -> None:
    path = packaged_file("speechmos", "speechmos/dnsmos_models/model_v8.onnx")
    with pytest.raises(ConfigError, match=r"metric 'plcmos': model .* has the inputs input_1, not degraded_audio, rat"):
        load_metric("plcmos", {"model": str(path)})


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsebench.bench.metrics.shared.model_files.packaged_file", lambda name, path: None)
    for name, install in (("plcmos", "quality"), ("dnsmos", "quality"), ("speech_in_silence", "vad")):
        with pytest.raises(ConfigError, match=rf"needs its setting 'model'.*pip install 'tsebench\[{install}\]'"):
            load_metric(name)
