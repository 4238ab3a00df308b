"""The scoring engine: plans, the edge policy, company of other trials, joins and crashes."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import fast_bss_eval
import mir_eval
import numpy as np
import pytest
import torch
from helpers.reasons import kind_of
from pesq import pesq
from pystoi import stoi
from torch import Tensor
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from tsebench.bench.metrics.bsseval import bss_eval_sdr_db
from tsebench.bench.metrics.protocol import BatchMetric, MetricInfo, Signals
from tsebench.bench.metrics.registry import METRICS, MetricFactory, known_metrics, load_metric
from tsebench.bench.outcome import Job, Outcome, Score
from tsebench.bench.scoring import batch_job
from tsebench.bench.scoring import scorer as scoring
from tsebench.bench.scoring.edges import Scorable, is_silent
from tsebench.bench.scoring.guarded_metrics import batch_outcomes
from tsebench.bench.scoring.plan import plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer, improvements
from tsebench.core.arrays import Array
from tsebench.core.errors import UnknownNameError
from tsebench.core.ratios import si_sdr_db, snr_db

RATE = 8000
LENGTH = 8000
ENERGY = ("snr", "si_sdr", "sd_sdr", "sdr", "attenuation")


def noise(frames: int = LENGTH, *, seed: int = 0, level: float = 0.1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return level * torch.randn(frames, generator=generator)


def scorable(name: str = "t", *, seed: int = 0, frames: int = LENGTH) -> Scorable:
    target, rest = noise(frames, seed=seed), noise(frames, seed=seed + 1000)
    return Scorable(trial_id=name, estimate=target + 0.3 * rest, reference=target, mixture=target + rest)


def changed(item: Scorable, **fields: object) -> Scorable:
    known = {name: getattr(item, name) for name in Scorable.__dataclass_fields__}
    return Scorable(**{**known, **fields})  # type: ignore[arg-type]


@pytest.fixture
def pool() -> Iterator[FilePool]:
    with FilePool(0) as pool:
        yield pool


def score(pool: FilePool, items: list[Scorable], *names: str, in_workers: bool = False) -> dict[tuple[str, str], Score]:
    plan = plan_metrics(names)
    scorer = Scorer(plan, sample_rate_hz=RATE, device="cpu", pool=pool, in_workers=in_workers)
    scores = scorer.submit(items).result()
    wanted = [(item.trial_id, metric.info.name) for item in items for metric in plan.metrics]
    assert [(found.trial_id, found.metric) for found in scores] == wanted
    return {(found.trial_id, found.metric): found for found in scores}


def test_a_plan_keeps_the_order_and_implies_the_base() -> None:
    plan = plan_metrics(["sdri", "attenuation", "si_sdr", "pesqi", "sdr", "si_sdri", "sdri"])
    assert plan.names == ("sdr", "sdri", "attenuation", "si_sdr", "si_sdri", "pesq", "pesqi")
    assert [m.info.name for m in plan.metrics] == ["sdr", "attenuation", "si_sdr", "pesq"]
    assert [i.info.name for i in plan.improvements] == ["sdri", "pesqi", "si_sdri"]
    assert plan.info("sdri").unit == "dB"
    assert plan.info("pesqi").unit == "MOS-LQO"
    assert plan.info("sdri").higher_is_better
    assert not plan.info("attenuation").higher_is_better
    assert plan.info("sdri").floor_db is None
    assert plan.improvements[0].signature(RATE) == f"sdri|{load_metric('sdr').signature(RATE)}"


def test_unknown_metrics_name_the_nearest_and_all_that_are_known() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown metric 'sisdri'.*did you mean 'si_sdri'"):
        plan_metrics(["sdr", "sisdri"])
    with pytest.raises(UnknownNameError, match=r"\(known: attenuation, binaural_si_sdr, .* and \d+ more"):
        plan_metrics(["loudness"])
    with pytest.raises(UnknownNameError, match=r"unknown metric 'sdr'"):
        plan_metrics(["snr"]).info("sdr")


def test_known_metrics_describe_the_improvements_too() -> None:
    names = [info.name for info in known_metrics()]
    assert {"sdr", "sdri", "attenuation", "estoi", "estoii"} <= set(names)
    assert names.index("sdri") == names.index("sdr") + 1
    assert len(set(names)) == len(names)


def test_values_equal_direct_calls(pool: FilePool) -> None:
    item = scorable(frames=16000)
    target, estimate = item.reference, item.estimate
    assert target is not None
    assert estimate is not None
    scores = score(pool, [item], "snr", "si_sdr", "sdr", "pesq", "stoi", "estoi")
    roles = {"estimate": estimate.double(), "reference": target.double()}
    pair = (target.numpy(), estimate.numpy())
    expected = {
        "snr": float(snr_db(**roles)),
        "si_sdr": float(si_sdr_db(**roles)),
        "sdr": float(bss_eval_sdr_db(**{role: x[None] for role, x in roles.items()})),
        "pesq": pesq(RATE, *pair, "nb"),
        "stoi": stoi(*pair, RATE),
        "estoi": stoi(*pair, RATE, extended=True),
    }
    for name, value in expected.items():
        assert scores["t", name].value == pytest.approx(value, abs=1e-6), name
        assert scores["t", name].status == "ok"
        assert scores["t", name].reason == ""
        assert scores["t", name].signature == load_metric(name).signature(RATE)


REFERENCE = scorable().reference
MIXTURE = scorable().mixture
GOOD = scorable().estimate
assert REFERENCE is not None
assert GOOD is not None
FLOORED = ("ok", "floored", -30.0)
EDGES = {
    "system failed": (
        {"estimate": None, "failure": "out_of_memory"},
        dict.fromkeys(("snr", "si_sdr", "sdr"), ("failed", "out_of_memory", None)),
    ),
    "system failed, target absent": (
        {"estimate": None, "failure": "no_clue", "reference": None},
        {"sdr": ("undefined", "absent_target", None), "attenuation": ("failed", "no_clue", None)},
    ),
    "system failed without a word": ({"estimate": None}, {"sdr": ("failed", "no_estimate", None)}),
    "one NaN": (
        {"estimate": torch.cat([GOOD[:-1], torch.tensor([math.nan])])},
        dict.fromkeys(("snr", "si_sdr", "sdr"), ("failed", "non_finite", None)),
    ),
    "one inf": (
        {"estimate": torch.cat([GOOD[:-1], torch.tensor([math.inf])]), "reference": None},
        {"attenuation": ("failed", "non_finite", None)},
    ),
    "two channels": ({"estimate": GOOD.expand(2, -1)}, {"snr": ("failed", "shape", None)}),
    "9.9 ms too long": (
        {"estimate": torch.cat([GOOD, noise(79, seed=5)])},
        {"snr": ("ok", "trimmed", "alone"), "sdr": ("ok", "trimmed", "alone")},
    ),
    "9.9 ms too short": ({"estimate": GOOD[:-79]}, {"snr": ("ok", "padded", None)}),
    "10 ms too long": ({"estimate": torch.cat([GOOD, noise(80, seed=5)])}, {"snr": ("failed", "length", None)}),
    "10 ms too short": ({"estimate": GOOD[:-80]}, {"sdr": ("failed", "length", None)}),
    "empty": ({"estimate": GOOD[:0]}, {"sdr": ("failed", "length", None)}),
    "target absent": (
        {"reference": None, "estimate": 0.1 * MIXTURE},
        {
            "snr": ("undefined", "absent_target", None),
            "si_sdr": ("undefined", "absent_target", None),
            "sdr": ("undefined", "absent_target", None),
            "stoi": ("undefined", "absent_target", None),
            "attenuation": ("ok", "", -20.0),
        },
    ),
    "target present": ({}, {"attenuation": ("undefined", "present_target", None)}),
    "silent output, target absent": (
        {"reference": None, "estimate": 0 * MIXTURE},
        {"attenuation": ("ok", "floored", -120.0)},
    ),
    "nearly silent output, target absent": (
        {"reference": None, "estimate": 1e-5 * MIXTURE},
        {"attenuation": ("ok", "", -100.0)},
    ),
    "silent mixture, target absent": (
        {"reference": None, "mixture": 0 * MIXTURE},
        {"attenuation": ("undefined", "silent_mixture", None)},
    ),
    "silent reference": (
        {"reference": 0 * REFERENCE},
        dict.fromkeys(("snr", "si_sdr", "sdr", "pesq", "stoi", "estoi"), ("undefined", "silent_reference", None)),
    ),
    "reference is an offset": (
        {"reference": 0 * REFERENCE + 0.25},
        {"si_sdr": ("undefined", "silent_reference", None)},
    ),
    "silent estimate": (
        {"estimate": 0 * GOOD},
        {
            "snr": ("ok", "", 0.0),
            "si_sdr": FLOORED,
            "sd_sdr": FLOORED,
            "sdr": FLOORED,
            "stoi": ("ok", "", 0.0),
            "estoi": ("ok", "", 0.0),
            "pesq": ("failed", "pesq_silent_estimate", None),
        },
    ),
    "estimate is an offset": ({"estimate": 0 * GOOD + 0.3}, {"si_sdr": FLOORED}),
    "worse than silence": (
        {"estimate": 1e-4 * REFERENCE + noise(seed=77), "notes": "clipped"},
        dict.fromkeys(("si_sdr", "sd_sdr", "sdr"), ("ok", "clipped", None)),
    ),
    "silent estimate, padded": (
        {"estimate": 0 * GOOD[:-5]},
        {"si_sdr": ("ok", "padded;floored", -30.0), "snr": ("ok", "padded", 0.0)},
    ),
    "whispered recording": (
        {"estimate": 1e-12 * GOOD, "reference": 1e-12 * REFERENCE, "mixture": 1e-12 * MIXTURE},
        dict.fromkeys(("snr", "si_sdr", "sdr"), ("ok", "", "alone")),
    ),
    "too short for a segment": (
        {"estimate": GOOD[:3000], "reference": REFERENCE[:3000], "mixture": MIXTURE[:3000]},
        {"stoi": ("undefined", "too_short", None), "estoi": ("undefined", "too_short", None), "snr": ("ok", "", None)},
    ),
    "perfect": ({"estimate": REFERENCE}, {"snr": ("ok", "", 156.536), "si_sdr": ("ok", "", 156.536)}),
}


@pytest.mark.parametrize(("fields", "expected"), EDGES.values(), ids=EDGES.keys())
def test_edges(
    pool: FilePool, fields: dict[str, object], expected: dict[str, tuple[str, str, float | str | None]]
) -> None:
    item = changed(scorable(), **fields)
    scores = score(pool, [item, scorable("neighbour", seed=1)], *expected)
    alone = score(pool, [scorable(), scorable("neighbour", seed=1)], *expected)
    for name, (status, reason, value) in expected.items():
        found = scores["t", name]
        assert (found.status, kind_of(found.reason)) == (status, reason), name
        if status != "ok":
            assert math.isnan(found.value)
        known = alone["t", name].value if value == "alone" else value
        if isinstance(known, float):
            assert found.value == pytest.approx(known, abs=1e-3), name
        neighbour = scores["neighbour", name], alone["neighbour", name]
        assert neighbour[0].value == pytest.approx(neighbour[1].value, abs=1e-9, nan_ok=True)
        assert neighbour[0].status == neighbour[1].status


def test_workers_give_the_same_scores(pool: FilePool, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("snr", "si_sdr", "sd_sdr", "sdr", "stoi", "estoi", "attenuation", "pesq")
    items = [changed(scorable(name, seed=n), **fields) for n, (name, (fields, _)) in enumerate(EDGES.items())]
    items += [scorable(f"long {n}", seed=n, frames=LENGTH + 400 * n) for n in range(5)]
    here = score(pool, items, *names)
    monkeypatch.setattr(scoring, "batch_outcomes", None)  # nothing is computed here
    with FilePool(2) as workers:
        elsewhere = score(workers, items, *names, in_workers=True)
    for key, found in here.items():
        other = elsewhere[key]
        assert found.value == pytest.approx(other.value, abs=1e-9, nan_ok=True), key
        assert replace(found, value=0.0) == replace(other, value=0.0), key


def test_reasons_name_both_numbers(pool: FilePool) -> None:
    whole = len(REFERENCE)
    cases = {
        "length": ({"estimate": GOOD[:-80]}, f"length: estimate has {whole - 80} samples, reference has {whole}"),
        "no reference": (
            {"estimate": GOOD[:-80], "reference": None},
            f"length: estimate has {whole - 80} samples, mixture has {whole}",
        ),
        "shape": ({"estimate": GOOD[None]}, f"shape: estimate has shape [1, {whole}], reference has [{whole}]"),
        "dtype": ({"estimate": GOOD > 0}, "dtype: estimate is bool, not real numbers"),
        "padded": ({"estimate": GOOD[:-79]}, f"padded from {whole - 79} to {whole} samples"),
    }
    for fields, reason in cases.values():
        name = "attenuation" if "reference" in fields else "snr"
        assert score(pool, [changed(scorable(), **fields)], name)["t", name].reason == reason


@pytest.mark.parametrize(
    ("signal", "silent"),
    [
        (torch.zeros(10), True),
        (torch.zeros(0), True),
        (torch.full((10,), 0.1), True),
        (torch.tensor([0.0, 1e-35]), True),
        (torch.tensor([0.0, 1e-12]), False),
        (torch.tensor([0.5, 0.5 + 1e-7]), False),
        (torch.tensor([-3e38, 3e38]), False),
    ],
)
def test_what_counts_as_silent(signal: Tensor, silent: bool) -> None:
    assert is_silent(signal) is silent


@pytest.mark.parametrize("db", [-29.9, -30.1, -34.67, -60.0, -100.0])
def test_only_silence_has_the_value_of_silence(pool: FilePool, db: float) -> None:
    """s = cos and n = sin over whole periods are orthogonal: g s + n has an SI-SDR of 20 log10 g, however low."""
    phase = torch.arange(8000, dtype=torch.float64) * (2 * math.pi * 50 / 8000)
    wanted, wrong = phase.cos(), phase.sin()
    gain = 10 ** (db / 20)
    item = changed(scorable(frames=8000), reference=wanted, mixture=wanted + wrong, estimate=gain * wanted + wrong)
    scores = score(pool, [item], "si_sdr", "sd_sdr")
    # SD-SDR: ‖gs‖² / ‖s − gs − n‖² = g² / ((1 − g)² + 1)
    expected = {"si_sdr": db, "sd_sdr": db - 10 * math.log10((1 - gain) ** 2 + 1)}
    for name, value in expected.items():
        found = scores["t", name]
        assert (found.status, found.reason) == ("ok", "")
        assert found.value == pytest.approx(value, abs=1e-6)


def test_low_values_agree_with_other_packages(pool: FilePool) -> None:
    item = changed(scorable(), estimate=noise(seed=77) + 1e-3 * REFERENCE)
    scores = score(pool, [item], "si_sdr", "sdr")
    reference, estimate = (x.double().numpy()[None] for x in (REFERENCE, item.estimate))
    assert scores["t", "si_sdr"].value < -35
    assert scores["t", "si_sdr"].value == pytest.approx(
        float(np.squeeze(fast_bss_eval.si_sdr(reference, estimate, zero_mean=True))), abs=1e-5
    )
    torchmetrics_sdr = scale_invariant_signal_distortion_ratio(
        torch.from_numpy(estimate[0]), torch.from_numpy(reference[0]), zero_mean=True
    )
    assert scores["t", "si_sdr"].value == pytest.approx(float(torchmetrics_sdr), abs=1e-5)
    # Noise of two seeds for BSSEval: its filter of 512 taps finds some of any other in it.
    long = changed(scorable(frames=200000), estimate=noise(200000, seed=77))
    assert long.reference is not None
    found = score(pool, [long], "sdr")["t", "sdr"].value
    reference, estimate = (x.double().numpy()[None] for x in (long.reference, long.estimate))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = mir_eval.separation.bss_eval_sources(reference, estimate, compute_permutation=False)[0][0]
    assert found == pytest.approx(float(theirs), abs=1e-4)


def test_company_does_not_change_a_value(pool: FilePool, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [LENGTH, 600, 12345, 3000, 8001, 511]
    items = [scorable(f"t{n}", seed=n, frames=n) for n in lengths]
    items[3] = changed(items[3], reference=None)
    items[4] = changed(items[4], estimate=None, failure="raised")
    together = score(pool, items, *ENERGY)
    monkeypatch.setattr(scoring, "MAX_SAMPLES", 20000)  # two or three to a group
    for scores in (
        score(pool, items, *ENERGY),
        score(pool, items[::-1], *ENERGY),
        *(score(pool, [item], *ENERGY) for item in items),
    ):
        for key, found in scores.items():
            assert found.status == together[key].status
            assert found.value == pytest.approx(together[key].value, abs=1e-6, nan_ok=True)


def test_an_empty_batch_has_no_scores(pool: FilePool) -> None:
    assert score(pool, [], "sdr", "stoi") == {}
    assert score(pool, [scorable()]) == {}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_estimates_with_gradients_and_in_double_precision(pool: FilePool, dtype: torch.dtype) -> None:
    item = scorable()
    assert item.estimate is not None
    other = changed(item, estimate=item.estimate.to(dtype).requires_grad_())
    plain = score(pool, [item], "si_sdr", "stoi")
    for key, found in score(pool, [other], "si_sdr", "stoi").items():
        assert found.value == pytest.approx(plain[key].value, abs=1e-9)


class Spy:
    """Remembers what it was given; its value is the length."""

    info = MetricInfo(name="spy", unit="", higher_is_better=True, description="for tests")

    def __init__(self) -> None:
        self.seen: list[Signals] = []

    def signature(self, sample_rate_hz: int) -> str:
        return f"spy|fs:{sample_rate_hz}"

    def compute(self, signals: Signals) -> Tensor:
        self.seen.append(signals)
        return signals.lengths.double()


class Broken:
    """A plug-in whose formula has no value."""

    info = MetricInfo(name="broken", unit="", higher_is_better=True, description="for tests")

    def signature(self, sample_rate_hz: int) -> str:
        return f"broken|fs:{sample_rate_hz}"

    def compute(self, signals: Signals) -> Tensor:
        return torch.tensor([math.nan, math.inf] + [1.0] * (len(signals.estimate) - 2))


class Partial(Broken):
    """A plug-in that says what a missing value means."""

    info = MetricInfo(
        name="partial", unit="", higher_is_better=True, description="for tests", undefined_reason="too_quiet"
    )


CRASHING = """
import os
from tsebench.bench.metrics.protocol import MetricInfo

class Crashing:
    info = MetricInfo(name="crashing", unit="", higher_is_better=True, description="for tests")
    def signature(self, sample_rate_hz):
        return "crashing"
    def compute_file(self, *, estimate, reference, sample_rate_hz):
        if len(estimate) == 100:
            os._exit(1)
        return float(len(estimate))
"""


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, MetricFactory]]:
    """The registry's entries; what a test adds is gone after it."""
    METRICS.names()
    entries = dict(METRICS._entries)
    monkeypatch.setattr(METRICS, "_entries", entries)
    return entries


def test_groups_are_bounded_padded_with_zeros_and_hold_nothing_unusable(
    pool: FilePool, plug_in: dict[str, MetricFactory], monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy()
    plug_in["spy"] = lambda: spy
    monkeypatch.setattr(scoring, "MAX_SAMPLES", 2000)
    lengths = [900, 100, 3000, 400, 300, 900, 500]
    items = [scorable(str(n), seed=n, frames=length) for n, length in enumerate(lengths)]
    items += [
        changed(scorable("absent"), reference=None),
        changed(scorable("failed"), estimate=None),
        changed(scorable("silent"), reference=torch.zeros(LENGTH)),
    ]
    scores = score(pool, items, "spy")
    assert [scores[str(n), "spy"].value for n in range(7)] == lengths
    assert sorted(length for seen in spy.seen for length in seen.lengths.tolist()) == sorted(lengths)
    for seen in spy.seen:
        for signal in (seen.estimate, seen.reference, seen.mixture):
            assert signal.numel() <= 2000 or len(signal) == 1
            outside = torch.arange(signal.shape[-1]) >= seen.lengths[:, None]
            assert not signal[outside].any()
            assert signal.abs().amax(dim=-1).gt(0).all()


def test_a_metric_without_a_value_costs_its_own_row(pool: FilePool, plug_in: dict[str, MetricFactory]) -> None:
    plug_in["broken"] = Broken
    plug_in["partial"] = Partial
    scores = score(pool, [scorable(name) for name in "abc"], "broken", "partial", "snr")
    found = {key: (value.status, value.reason) for key, value in scores.items()}
    assert found["a", "broken"] == found["b", "broken"] == ("failed", "non_finite_value")
    assert found["a", "partial"] == ("undefined", "too_quiet")
    assert found["b", "partial"] == ("failed", "non_finite_value")
    assert scores["c", "broken"].value == scores["c", "partial"].value == 1.0
    assert math.isnan(scores["a", "partial"].value)
    assert scores["a", "snr"].status == "ok"


def test_a_crashing_file_metric_costs_one_value(
    plug_in: dict[str, MetricFactory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crashing_metric.py").write_text(CRASHING)
    monkeypatch.syspath_prepend(tmp_path)
    plug_in["crashing"] = import_module("crashing_metric").Crashing
    items = [scorable("a", frames=300), scorable("b", frames=100), scorable("c", frames=200)]
    with FilePool(1) as pool:
        scores = score(pool, items, "snr", "crashing")
    assert scores["a", "crashing"].value == 300.0
    assert scores["c", "crashing"].value == 200.0
    assert (scores["b", "crashing"].status, scores["b", "crashing"].reason) == ("failed", "crashed")
    assert scores["b", "snr"].status == "ok"


BATCHED = """
import os
from tsebench.bench.metrics.protocol import MetricInfo

class Batched:
    takes_arrays = True
    info = MetricInfo(name="batched", unit="", higher_is_better=True, description="for tests")
    def signature(self, sample_rate_hz):
        return "batched"
    def compute(self, signals):
        if 100 in signals.lengths:
            os._exit(1)
        return signals.lengths * 1.0 + (os.getpid() == PARENT)
"""


def test_a_batched_metric_that_ends_its_worker_costs_the_values_of_its_job(
    plug_in: dict[str, MetricFactory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "batched_metric.py").write_text(f"PARENT = {os.getpid()}\n{BATCHED}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(batch_job, "MOST_TRIALS", 2)
    plug_in["batched"] = import_module("batched_metric").Batched
    lengths = {"a": 300, "b": 100, "c": 200, "d": 400}  # a job takes similar lengths
    with FilePool(1) as workers:
        items = [scorable(name, frames=length) for name, length in lengths.items()]
        scores = score(workers, items, "snr", "batched", in_workers=True)
    for name in "ad":
        assert scores[name, "batched"].value == lengths[name]
        assert scores[name, "snr"].status == "ok"
    for name in "bc":
        for metric in ("batched", "snr"):
            assert (scores[name, metric].status, scores[name, metric].reason) == ("failed", "crashed")


def test_metrics_that_cannot_be_sent_to_a_worker_are_computed_here(plug_in: dict[str, MetricFactory]) -> None:
    class Local(Spy):  # pickle cannot name a class of a function
        takes_arrays = True

        def compute(self, signals: Signals) -> Array:
            return signals.lengths * 1.0

    plug_in["spy"] = Local
    snr = load_metric("snr")
    assert batch_job.of_workers([Local(), Spy(), load_metric("pesq"), snr]) == (snr,)
    with FilePool(1) as workers:
        scores = score(workers, [scorable("a"), scorable("b", frames=500)], "spy", "snr", in_workers=True)
    assert [scores[name, "spy"].value for name in "ab"] == [LENGTH, 500]
    assert scores["a", "snr"].status == "ok"


def test_the_pool_begins_before_the_batched_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Watched(FilePool):
        def submit(self, job: Job) -> Future[Outcome]:
            done.append("file")
            return super().submit(job)

    def batched(metric: BatchMetric, signals: Signals) -> list[Outcome]:
        done.append("batch")
        return batch_outcomes(metric, signals)

    monkeypatch.setattr(scoring, "batch_outcomes", batched)
    with Watched(0) as pool:  # in the order of the plan, the file metric is in the middle
        score(pool, [scorable("a"), scorable("b")], "snr", "pesq", "si_sdr")
    assert done == ["file", "file", "batch", "batch"]


def row(trial: str, value: float, status: str = "ok", reason: str = "") -> Score:
    signature = load_metric("si_sdr").signature(RATE)
    return Score(
        trial_id=trial,
        metric="si_sdr",
        signature=signature,
        value=value,
        status=status,  # type: ignore[arg-type]
        reason=reason,
    )


def test_improvements_join_by_trial_and_keep_every_row() -> None:
    nan = math.nan
    system = [
        row("both", 12.5, reason="padded"),
        row("system", nan, "failed", "non_finite"),
        row("mixture", 3.0),
        row("neither", nan, "undefined", "silent_reference"),
        row("missing", 1.0),
        row("floored", -30.0, reason="floored"),
    ]
    mixture = [
        row("floored", -30.0, reason="floored"),
        row("neither", nan, "undefined", "silent_reference"),
        row("mixture", nan, "failed", "length"),
        row("system", 0.5),
        row("both", 2.25),
        row("extra", 2.0),
    ]
    found = improvements(plan_metrics(["si_sdri", "sdr"]), system=system, mixture=mixture)
    assert [(f.trial_id, f.status, f.reason) for f in found] == [
        ("both", "ok", "padded"),
        ("system", "failed", "non_finite"),
        ("mixture", "failed", "mixture:length"),
        ("neither", "undefined", "silent_reference"),
        ("missing", "failed", "mixture:missing"),
        ("floored", "ok", "floored;mixture:floored"),
    ]
    values = [f.value for f in found]
    assert values[0] == 10.25
    assert values[5] == 0.0
    assert np.isnan(values[1:5]).all()
    assert {f.metric for f in found} == {"si_sdri"}
    assert {f.signature for f in found} == {"si_sdri|" + load_metric("si_sdr").signature(RATE)}


def test_improvements_that_were_not_asked_for_are_not_made() -> None:
    rows = [row("a", 1.0)]
    assert improvements(plan_metrics(["si_sdr", "sdri"]), system=rows, mixture=rows) == []


def test_the_mixture_as_a_system_improves_by_nothing(pool: FilePool) -> None:
    items = [scorable(f"t{n}", seed=n) for n in range(3)]
    as_system = [changed(item, estimate=item.mixture) for item in items]
    plan = plan_metrics(["snri", "si_sdri", "sdri"])
    scorer = Scorer(plan, sample_rate_hz=RATE, device="cpu", pool=pool)
    system = scorer.submit(items).result()
    baseline = scorer.submit(as_system).result()
    zero = improvements(plan, system=baseline, mixture=baseline)
    assert [found.value for found in zero] == [0.0] * 9
    better = improvements(plan, system=system, mixture=baseline)
    # 0.3 of the interference is left: 20 log10(1 / 0.3) dB less of it.
    for found in better:
        assert found.value == pytest.approx(10.458, abs=0.35 if found.metric == "sdri" else 0.2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_scores_are_the_same_on_cuda(pool: FilePool) -> None:
    items = [scorable(f"t{n}", seed=n, frames=n) for n in (8000, 6000, 500)]
    plan = plan_metrics(ENERGY)
    there, here = (
        Scorer(plan, sample_rate_hz=RATE, device=device, pool=pool).submit(items).result() for device in ("cuda", "cpu")
    )
    for one, other in zip(there, here, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-6, nan_ok=True)
