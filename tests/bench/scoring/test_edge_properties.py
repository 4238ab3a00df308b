"""The evaluator on signals with any disease: rules that hold whatever a system gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from helpers.reasons import kind_of
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from tsebench.bench.metrics.protocol import Facts
from tsebench.bench.outcome import Score
from tsebench.bench.scoring.edges import SILENCE, Scorable
from tsebench.bench.scoring.plan import MetricPlan, plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer, improvements

RATE_HZ = 8000
LONGEST = 6000  # 0.75 s: two segments of STOI
RATIOS = ("snr", "si_sdr", "sd_sdr", "sdr")
GAINS = ("snri", "si_sdri", "sd_sdri", "sdri", "stoii", "estoii")
NAMES = (*RATIOS, "stoi", "estoi", "attenuation", "wrong_target_rate", "macro_f1")
TOP_DB = -10.0 * math.log10(np.finfo(np.float64).eps)
OWN_FAILURE = "out of memory"

# The whole vocabulary. A reason that is not here must be added on purpose.
UNDEFINED = {
    *("absent_target", "present_target", "silent_mixture", "silent_reference"),
    *("too_short", "no_interferers", "no_transcript", "no_class_probabilities", "no_class"),
}
FAILED = {
    *("no_estimate", "shape", "dtype", "non_finite", "length", OWN_FAILURE),
    *("class_probabilities_shape", "class_probabilities_non_finite"),
    *("pesq_silent_estimate", "pesq_no_utterance", "pesq_too_short", "pesq_no_number"),
}
PESQ_ERROR = "pesq_error: "  # and what the package says
NOTES = {"floored", "trimmed", "padded"}
BOUNDS: dict[str, tuple[float, float]] = {
    "snr": (-TOP_DB, TOP_DB),
    "si_sdr": (-TOP_DB, TOP_DB),
    "sd_sdr": (-TOP_DB, TOP_DB),
    "sdr": (-TOP_DB, TOP_DB),
    "stoi": (-1.0, 1.0),
    "estoi": (-1.0, 1.0),
    "attenuation": (-120.0, TOP_DB),
    "wrong_target_rate": (0.0, 100.0),
    "macro_f1": (0.0, 1.0),
    "pesq": (0.9, 4.7),
}


# Signals ------------------------------------------------------------------------------------------

seeds = st.integers(0, 2**16)
scales = st.one_of(st.just(1.0), st.sampled_from([1e-30, 1e-12, 1e-3, 30.0, 1e12, 1e30]))
KINDS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "noise": lambda n, rng: torch.randn(n, generator=rng),
    "low": lambda n, rng: torch.randn(n + 63, generator=rng).unfold(0, 64, 1).mean(-1),
    "tone": lambda n, rng: torch.sin(torch.arange(n) * float(torch.rand(1, generator=rng))),
    "clicks": lambda n, rng: (torch.rand(n, generator=rng) < 0.01).float(),
    "silence": lambda n, _: torch.zeros(n),
    "constant": lambda n, _: torch.full((n,), -0.7),
    "square": lambda n, rng: torch.randn(n, generator=rng).sign(),
}


@st.composite
def signals(draw: st.DrawFn, frames: int, *, kinds: tuple[str, ...] = tuple(KINDS)) -> Tensor:
    """A float32 signal [T] with zero runs, an offset, and any level."""
    rng = torch.Generator().manual_seed(draw(seeds))
    signal = KINDS[draw(st.sampled_from(kinds))](frames, rng)
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, frames))
        signal[start : start + draw(st.integers(0, frames))] = 0.0
    signal = signal + draw(st.sampled_from([0.0, 0.0, 0.5, -20.0]))
    return signal * draw(scales)


@st.composite
def estimates(draw: st.DrawFn, reference: Tensor) -> Tensor:
    """Something of the reference and something else, of the right length and finite."""
    other = draw(signals(len(reference)))
    share = draw(st.sampled_from([0.0, 1.0, -1.0, 0.5]))
    rest = draw(st.sampled_from([0.0, 1e-4, 0.3, 1.0]))
    return share * reference + rest * other


def cut(estimate: Tensor, samples: int) -> Tensor:
    return estimate[:samples] if samples < 0 else torch.cat([estimate, estimate.new_ones(samples)])


@st.composite
def spoilt(draw: st.DrawFn, estimate: Tensor) -> Tensor | None:
    """With one of the faults that systems have, or none."""
    fault = draw(st.sampled_from(["none"] * 4 + ["bad", "length", "dtype", "shape", "no answer"]))
    if fault == "bad":
        bad = draw(st.sampled_from([math.nan, math.inf, -math.inf]))
        estimate = estimate.clone()
        estimate[draw(st.integers(0, len(estimate) - 1))] = bad
    elif fault == "length":
        estimate = cut(estimate, draw(st.sampled_from([-9000, -100, -80, -79, -1, 1, 79, 80, 9000])))
    elif fault == "dtype":
        kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int16, torch.int64, torch.uint8)
        estimate = estimate.clamp(-100, 100).abs().to(draw(st.sampled_from([*kinds, torch.bool, torch.complex64])))
    elif fault == "shape":
        return draw(st.sampled_from([estimate[None], estimate[0], estimate[None, :0]]))
    return None if fault == "no answer" else estimate


@st.composite
def facts(draw: st.DrawFn, frames: int) -> Facts:
    interferers = draw(st.one_of(st.none(), signals(frames), signals(max(1, frames // 2))))
    probability = st.floats(0.0, 1.0, width=32)
    found = draw(st.one_of(st.none(), st.lists(probability, min_size=3, max_size=3)))
    if found is not None:
        found += draw(st.sampled_from([[], [], [0.5], [math.nan]]))
    return Facts(
        interferers=None if interferers is None else interferers[None],
        classes=draw(st.sampled_from([None, ("a", "b", "c"), ("a", "b", "c", "d")])),
        class_probabilities=None if found is None else torch.tensor(found),
        active_classes=draw(st.sampled_from([(), ("a",), ("a", "z")])),
    )


@st.composite
def items(draw: st.DrawFn, *, trial: str = "t") -> Scorable:
    """A trial of a good dataset, and the answer of any system."""
    frames = draw(st.one_of(st.integers(1, 40), st.integers(1, LONGEST)))
    reference = draw(signals(frames))
    mixture = reference + draw(signals(frames))
    answer = draw(spoilt(draw(estimates(reference))))
    assume(bool(mixture.isfinite().all()))
    return Scorable(
        trial_id=trial,
        estimate=answer,
        reference=reference if draw(st.integers(0, 4)) else None,
        mixture=mixture,
        failure=draw(st.sampled_from([None] * 9 + [OWN_FAILURE])),
        facts=draw(facts(frames)),
    )


@cache
def plan_of(names: tuple[str, ...]) -> MetricPlan:
    return plan_metrics(names)


def score(batch: list[Scorable], *names: str) -> list[Score]:
    with FilePool(0) as pool:
        scorer = Scorer(plan_of(names), sample_rate_hz=RATE_HZ, device="cpu", pool=pool)
        return scorer.submit(batch).result()


def one(item: Scorable, *names: str) -> dict[str, Score]:
    return {found.metric: found for found in score([item], *names)}


usual = ("noise", "low", "square")


# Rules --------------------------------------------------------------------------------------------


def check_words(found: Score) -> None:
    """Status and reason are of the vocabulary, and there is a finite value just where it is ok."""
    where = f"{found.metric}: {found.status} {found.reason!r} {found.value}"
    if found.status == "ok":
        low, high = BOUNDS[found.metric]
        assert low - 1e-6 <= found.value <= high + 1e-6, where
        notes = kind_of(found.reason).split(";") if found.reason else []
        assert set(notes) <= NOTES, where
        assert len(set(notes)) == len(notes), where
        return
    assert math.isnan(found.value), where
    known = {"undefined": UNDEFINED, "failed": FAILED}[found.status]
    assert kind_of(found.reason) in known or found.reason.startswith(PESQ_ERROR), where


@settings(max_examples=150, deadline=None)
@given(items())
def test_nothing_raises_and_the_vocabulary_is_closed(item: Scorable) -> None:
    scores = score([item], *NAMES)
    assert [found.metric for found in scores] == list(NAMES)
    for found in scores:
        check_words(found)


@settings(max_examples=25, deadline=None)
@given(items())
def test_pesq_is_a_number_or_says_why(item: Scorable) -> None:
    (found,) = score([item], "pesq")
    check_words(found)


@settings(max_examples=60, deadline=None)
@given(items())
def test_the_verdict_follows_the_order_of_the_policy(item: Scorable) -> None:
    """Scope, then failures, then silence: all metrics of a trial tell the same story."""
    scores = one(item, *NAMES)
    absent = item.reference is None
    for name in (*RATIOS, "stoi", "estoi", "wrong_target_rate"):
        assert (scores[name].reason == "absent_target") == absent
    assert (scores["attenuation"].reason == "present_target") == (not absent)
    about_classes = {"class_probabilities_shape", "class_probabilities_non_finite"}
    reasons = {found.reason for found in scores.values() if found.status == "failed"}
    reasons = {reason for reason in reasons if kind_of(reason) not in about_classes}
    assert len(reasons) <= 1
    if reasons:
        applicable = {"attenuation", "macro_f1"} if absent else set(NAMES) - {"attenuation"}
        assert {scores[name].reason for name in applicable} == reasons
    judge = item.mixture if item.reference is None else item.reference
    if not reasons and float(judge.max()) == float(judge.min()):
        silent = "silent_mixture" if absent else "silent_reference"
        silenced = ["attenuation"] if absent else [*RATIOS, "stoi", "estoi", "wrong_target_rate"]
        assert {scores[name].reason for name in silenced} == {silent}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whether_a_value_exists_depends_on_the_trial_alone(data: st.DataObject) -> None:
    """No usable estimate, however odd, makes its trial undefined: systems have the same trials."""
    frames = data.draw(st.integers(1, LONGEST))
    reference = data.draw(signals(frames))
    common = Scorable(
        trial_id="t",
        estimate=reference,
        reference=reference,
        mixture=reference,
        facts=Facts(interferers=data.draw(signals(frames))[None]),
    )
    usable = data.draw(estimates(reference))
    assume(bool(usable.isfinite().all()))
    names = (*RATIOS, "stoi", "estoi", "attenuation", "wrong_target_rate")
    perfect, other = one(common, *names), one(replace(common, estimate=usable), *names)
    for name in names:
        assert other[name].status == perfect[name].status, name
        if other[name].status != "ok":
            assert other[name].reason == perfect[name].reason, name


def same(one: Score, other: Score) -> bool:
    """Equal but for rounding.

    A residual at -v dB is the difference of numbers 10^(v/20) times as large, so that it has so
    many times their rounding error. Where the envelopes of a signal are constant (an offset), ESTOI
    correlates rounding errors, and pystoi random numbers; STOI loses some digits.
    """
    if (one.status, one.reason, one.detail) != (other.status, other.reason, other.detail):
        return False
    if one.status != "ok":
        return True
    if one.metric in {"stoi", "estoi"}:
        return abs(one.value - other.value) <= {"stoi": 1e-6, "estoi": 5e-3}[one.metric]
    loss = 10.0 ** (max(one.value, other.value, 0.0) / 20.0) if one.metric in RATIOS else 1.0
    return abs(one.value - other.value) <= 1e-9 + 1e-14 * loss


@settings(max_examples=50, deadline=None)
@given(st.lists(items(), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_a_value_depends_neither_on_the_batch_nor_on_its_order(drawn: list[Scorable], random: object) -> None:
    batch = [replace(item, trial_id=f"t{n}") for n, item in enumerate(drawn)]
    together = {(s.trial_id, s.metric): s for s in score(batch, *NAMES)}
    shuffled = batch.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    alone = [found for item in batch for found in score([item], *NAMES)]
    for found in [*score(shuffled, *NAMES), *alone]:
        there = together[found.trial_id, found.metric]
        assert same(found, there), (found, there)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_snr_is_its_closed_form(data: st.DataObject) -> None:
    frames = data.draw(st.integers(2, 2000))
    reference = data.draw(signals(frames))
    estimate = data.draw(estimates(reference))
    assume(bool(estimate.isfinite().all()))
    assume(float(reference.max()) - float(reference.min()) > SILENCE)
    s, e = reference.double().numpy(), estimate.double().numpy()
    signal, noise = math.fsum(s**2), math.fsum((s - e) ** 2)
    expected = TOP_DB if noise == 0.0 else 10 * math.log10(signal / noise)
    item = Scorable(trial_id="t", estimate=estimate, reference=reference, mixture=reference)
    found = one(item, "snr")["snr"].value
    assert found == pytest.approx(min(TOP_DB, max(-TOP_DB, expected)), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.floats(-12.0, 12.0), st.sampled_from([1.0, -1.0]))
def test_si_sdr_and_sdr_do_not_depend_on_the_level_of_the_estimate(
    data: st.DataObject, exponent: float, sign: float
) -> None:
    """A factor rounds an estimate in float64, at -300 dB; powers of two do not round at all."""
    frames = data.draw(st.integers(2, 2000))
    reference = data.draw(signals(frames, kinds=usual))
    estimate = data.draw(estimates(reference)).double()
    assume(bool(estimate.isfinite().all()) and float(estimate.abs().max()) < 1e20)
    swing = float(estimate.max() - estimate.min())
    assume(swing <= SILENCE / 1e12 or swing > SILENCE * 1e12)  # it is silent, or not, at every level
    item = Scorable(trial_id="t", estimate=estimate, reference=reference, mixture=reference)
    expected = one(item, "si_sdr", "sdr")
    for factor in (sign * 10.0**exponent, sign * 2.0 ** round(exponent)):
        found = one(replace(item, estimate=factor * estimate), "si_sdr", "sdr")
        for name, there in expected.items():
            assert found[name].status == there.status
            if there.status == "ok" and there.value < 80.0:
                assert found[name].value == pytest.approx(there.value, abs=1e-5), name


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(-40, 40))
def test_the_level_of_the_recording_does_not_matter(data: st.DataObject, exponent: int) -> None:
    """Every ratio is the same for c s, c ŝ, c x; a power of two is exact in float32."""
    frames = data.draw(st.integers(2, 2000))
    reference = data.draw(signals(frames, kinds=usual))
    estimate = data.draw(estimates(reference))
    mixture = reference + data.draw(signals(frames, kinds=usual))
    loudest = max(float(x.abs().max()) for x in (reference, estimate, mixture))
    nonzero = [x[x != 0].abs() for x in (reference, estimate, mixture)]
    quietest = min((float(x.min()) for x in nonzero if len(x)), default=1.0)  # all may be silent
    assume(loudest < 1e20 and quietest > 1e-20)  # else scaling would lose digits
    names = (*RATIOS, "attenuation", "wrong_target_rate")
    for target in (reference, None):
        item = Scorable(
            trial_id="t",
            estimate=estimate,
            reference=target,
            mixture=mixture,
            facts=Facts(interferers=(mixture - reference)[None]),
        )
        scaled = replace(
            item,
            estimate=2.0**exponent * estimate,
            reference=None if target is None else 2.0**exponent * target,
            mixture=2.0**exponent * mixture,
            facts=Facts(interferers=2.0**exponent * (mixture - reference)[None]),
        )
        there, here = one(item, *names), one(scaled, *names)
        for name in names:
            assert same(there[name], here[name]), (there[name], here[name])


# Improvements -------------------------------------------------------------------------------------


def joined(system: Score, mixture: Score | None) -> tuple[str, str, float]:
    """The rules of an improvement: status, reason and value."""
    if system.status != "ok":
        return system.status, system.reason, math.nan
    if mixture is None:
        return "failed", "mixture:missing", math.nan
    if mixture.status != "ok":
        return mixture.status, f"mixture:{mixture.reason}", math.nan
    theirs = [f"mixture:{note}" for note in mixture.reason.split(";") if note]
    notes = [note for note in (system.reason, *theirs) if note]
    return "ok", ";".join(notes), system.value - mixture.value


@settings(max_examples=40, deadline=None)
@given(st.lists(items(), min_size=1, max_size=3), st.booleans())
def test_improvements_are_differences_and_carry_on_what_happened(drawn: list[Scorable], lost: bool) -> None:
    batch = [replace(item, trial_id=f"t{n}") for n, item in enumerate(drawn)]
    as_mixture = [replace(item, estimate=item.mixture, failure=None) for item in batch]
    plan = plan_of(GAINS)
    system, mixture = score(batch, *GAINS), score(as_mixture[lost:], *GAINS)
    gained = improvements(plan, system=system, mixture=mixture[::-1])
    known = {(found.trial_id, found.metric): found for found in mixture}
    assert len(gained) == len(batch) * len(GAINS)
    for found, ours in zip(gained, system, strict=True):
        assert (found.trial_id, found.metric) == (ours.trial_id, f"{ours.metric}i")
        expected = joined(ours, known.get((ours.trial_id, ours.metric)))
        assert (found.status, found.reason) == expected[:2]
        np.testing.assert_equal(found.value, expected[2])  # exactly


outcomes = st.one_of(
    st.tuples(st.just("ok"), st.lists(st.sampled_from(sorted(NOTES)), unique=True).map(";".join), st.floats(-1e3, 1e3)),
    st.tuples(st.just("undefined"), st.sampled_from(sorted(UNDEFINED)), st.just(math.nan)),
    st.tuples(st.just("failed"), st.sampled_from(sorted(FAILED)), st.just(math.nan)),
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.tuples(outcomes, st.none() | outcomes), max_size=6))
@example({"t": (("ok", "floored", -30.0), ("ok", "floored;padded", -30.0))})
def test_every_pair_of_outcomes_joins_by_the_rules(
    drawn: dict[str, tuple[tuple[str, str, float], tuple[str, str, float] | None]],
) -> None:
    plan = plan_of(("si_sdri",))
    signature = plan.metrics[0].signature(RATE_HZ)

    def made(trial: str, outcome: tuple[str, str, float]) -> Score:
        return Score(
            trial_id=trial,
            metric="si_sdr",
            signature=signature,
            value=outcome[2],
            status=outcome[0],  # type: ignore[arg-type]
            reason=outcome[1],
        )

    system = [made(trial, ours) for trial, (ours, _) in drawn.items()]
    mixture = [made(trial, theirs) for trial, (_, theirs) in drawn.items() if theirs is not None]
    known = {found.trial_id: found for found in mixture}
    gained = improvements(plan, system=system, mixture=mixture)
    assert [found.trial_id for found in gained] == list(drawn)
    for found, ours in zip(gained, system, strict=True):
        expected = joined(ours, known.get(ours.trial_id))
        assert (found.status, found.reason) == expected[:2]
        np.testing.assert_equal(found.value, expected[2])
        assert math.isnan(found.value) == (found.status != "ok")
