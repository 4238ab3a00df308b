"""`tsebench doctor metrics`: it passes here, and it finds a metric that is wrong."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
from rich.console import Console
from torch import Tensor

from tsebench.bench.metrics.energy import Snr
from tsebench.bench.metrics.protocol import MetricInfo, Signals
from tsebench.bench.metrics.registry import METRICS, known_infos, load_metric
from tsebench.cli import main as cli
from tsebench.core.errors import DuplicateNameError
from tsebench.doctor import metrics as doctor_metrics
from tsebench.doctor.metrics import Agreement, check_metrics
from tsebench.doctor.reference_values import REFERENCES, Reference
from tsebench.doctor.signals import Case, built_in_cases
from tsebench.systems.registry import SYSTEMS

TOLERANCES = {
    ("attenuation", "closed form"): 1e-6,
    ("estoi", "pystoi"): 1e-6,
    ("mel_distance", "closed form"): 1e-6,
    ("mel_distance_active", "closed form"): 1e-6,
    ("pesq", "pesq"): 0.0,
    ("sd_sdr", "closed form"): 1e-5,
    ("sdr", "mir_eval"): 1e-4,
    ("si_sdr", "closed form"): 1e-5,
    ("si_sdr", "fast_bss_eval"): 1e-5,
    ("snr", "closed form"): 1e-6,
    ("stoi", "pystoi"): 1e-6,
    ("wer", "closed form"): 1e-9,
    ("wer", "jiwer"): 1e-9,
    ("wrong_target_rate", "closed form"): 0.0,
    **{
        (f"{average}_{quantity}", "scikit-learn"): 1e-12
        for average in ("macro", "micro")
        for quantity in ("precision", "recall", "f1")
    },
}
FEWEST_CASES = {"wer": 13}  # a recogniser takes its time


@pytest.fixture(scope="module")
def agreements() -> dict[tuple[str, str], Agreement]:
    found = check_metrics("cpu", jobs=1)
    return {(one.metric, _package(one)): one for one in found}


def _package(one: Agreement) -> str:
    return one.reference if one.reference == "closed form" else one.reference.partition(" ")[0]


class Biased(Snr):
    """`snr` with a constant error."""

    def __init__(self, error_db: float) -> None:
        super().__init__()
        self._error_db = error_db

    def compute(self, signals: Signals) -> Tensor:
        return super().compute(signals) + self._error_db


class Raising(Snr):
    """`snr` on a device that has no such kernel."""

    def compute(self, signals: Signals) -> Tensor:
        raise RuntimeError("no kernel")


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """Let one metric be the only one."""

    def replace(name: str, metric: object) -> None:
        monkeypatch.setattr(METRICS, "names", lambda: [name])
        monkeypatch.setattr(METRICS, "get", lambda _name: lambda: metric)

    return replace


def _call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        cli.main(["doctor", "metrics", "--device", "cpu", *arguments])
    captured = capsys.readouterr()
    assert isinstance(stop.value.code, int)
    return stop.value.code, captured.out, captured.err


# Here ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "reference"), TOLERANCES)
def test_metrics_agree_here(agreements: Mapping[tuple[str, str], Agreement], metric: str, reference: str) -> None:
    found = agreements[metric, reference]
    assert found.checked
    assert found.tolerance == TOLERANCES[metric, reference]
    assert found.difference <= found.tolerance, found.remark
    assert found.cases >= FEWEST_CASES.get(metric, 30)


def test_every_metric_is_told_of(agreements: Mapping[tuple[str, str], Agreement]) -> None:
    assert {metric for metric, _ in agreements} == {info.name for info in known_infos() if not info.options}
    assert all(found.passed for found in agreements.values())


def test_a_case_too_short_for_stoi_is_left_out_on_both_sides(agreements: Mapping[tuple[str, str], Agreement]) -> None:
    cases = built_in_cases()
    short = sum(case.name.split(", ")[1] == "very short" for case in cases)
    assert short > 0
    assert agreements["stoi", "pystoi"].cases == len(cases) - short
    assert agreements["snr", "closed form"].cases == len(cases)


def test_cases_are_what_they_are_called() -> None:
    cases = {case.name: case for case in built_in_cases()}
    assert {case.sample_rate_hz for case in cases.values()} == {8000, 16000}
    for rate in (8000, 16000):
        for snr_db in (-20, -5, 0, 5, 20):
            case = cases[f"noise {snr_db} dB, utterance, {rate} Hz"]
            noise = case.estimate - case.reference
            ratio = np.sum(case.reference**2.0) / np.sum(noise**2.0)
            assert 10 * math.log10(ratio) == pytest.approx(snr_db, abs=0.01)
        inverted = cases[f"inverted, utterance, {rate} Hz"]
        assert float(inverted.estimate @ inverted.reference) < 0
        clipped = cases[f"clipped, utterance, {rate} Hz"]
        assert np.abs(clipped.estimate).max() < 0.3 * np.abs(clipped.reference).max()
        lengths = {len(c.reference) for c in cases.values() if c.sample_rate_hz == rate}
        assert lengths == {int(s * rate) for s in (0.3, 1.0, 2.0, 8.0)}


def test_closed_forms_have_known_values() -> None:
    """s = (2, −2, 2, −2), ŝ = s + (1, 1, −1, −1): orthogonal, ratio 4; mixture at twice ŝ."""
    reference = np.array([2, -2, 2, -2], np.float32)
    estimate = reference + np.array([1, 1, -1, -1], np.float32)
    case = Case(
        name="known",
        estimate=estimate,
        reference=reference,
        mixture=2 * estimate,
        interferer=2 * estimate - reference,
        sample_rate_hz=8000,
        transcript="one two",
        active_classes=("dog",),
        class_probabilities=(0.0, 1.0, 0.0, 0.0, 0.0),
    )
    expected = {"snr": 6.0206, "si_sdr": 6.0206, "sd_sdr": 6.0206, "attenuation": -6.0206}
    for name, value_db in expected.items():
        assert REFERENCES[name][0].value(case) == pytest.approx(value_db, abs=1e-4)


# What is wrong is found ---------------------------------------------------------------------------


def test_a_metric_that_is_off_is_found(only: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]) -> None:
    only("snr", Biased(1e-2))
    code, out, err = _call(capsys)
    assert (code, err) == (2, "")
    assert "PROBLEM" in out
    assert "1.0e-02 dB" in out
    only("snr", Biased(1e-8))
    code, out, _ = _call(capsys)
    assert code == 0
    assert "PROBLEM" not in out


@pytest.mark.parametrize(("metric", "words"), [(Raising(), "no kernel"), (Biased(math.nan), "fail")])
def test_a_metric_that_breaks_is_found(only: Callable[[str, object], None], metric: Snr, words: str) -> None:
    only("snr", metric)
    (found,) = check_metrics("cpu", jobs=0)
    assert not found.passed
    assert found.difference == math.inf
    assert words in found.remark


# What cannot be checked is reported, and is no failure ------------------------------------------------


def test_a_package_that_is_not_installed(
    only: Callable[[str, object], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(name: str) -> ModuleSpec | None:
        return None if name == "fast_bss_eval" else importlib.util.find_spec(name)

    metric = load_metric("si_sdr")
    only("si_sdr", metric)
    monkeypatch.setattr(doctor_metrics, "find_spec", without)
    monkeypatch.setattr("tsebench.cli.doctor.console", Console(width=100))
    code, out, err = _call(capsys)
    assert (code, err) == (0, "")
    assert "not checked: pip install fast_bss_eval" in out
    assert "closed form" in out
    assert max(len(line) for line in out.splitlines()) <= 100


def test_a_metric_without_a_reference(only: Callable[[str, object], None]) -> None:
    metric = Snr()
    metric.info = MetricInfo(name="mine", unit="", higher_is_better=True, description="a plug-in")
    only("mine", metric)
    (found,) = check_metrics("cpu", jobs=0)
    assert (found.checked, found.passed, found.remark) == (False, True, "no reference is known")


def test_a_reference_that_breaks(only: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case) -> float:
        raise AttributeError("module has no attribute")

    reference = Reference(value=broken, tolerance=1e-6, package="pystoi")
    monkeypatch.setattr(doctor_metrics, "REFERENCES", {"snr": (reference,)})
    only("snr", Snr())
    (found,) = check_metrics("cpu", jobs=0)
    assert (found.checked, found.passed) == (False, True)
    assert found.remark == "pystoi breaks: AttributeError: module has no attribute"


# The word -----------------------------------------------------------------------------------------


def test_the_name_of_the_check_is_reserved() -> None:
    assert "metrics" not in SYSTEMS.names()
    with pytest.raises(DuplicateNameError, match=r"system 'metrics': the name is reserved"):
        SYSTEMS.register("metrics")
