"""The evaluator at its edges: a table of cases, with what the definitions say of every metric.

What is expected is a formula, a package that defines the value, or a rule of the edge policy.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import mir_eval
import numpy as np
import pandas as pd
import pesq
import pystoi
import pytest
import soundfile
import torch
from helpers.reasons import kind_of
from numpy.typing import NDArray
from torch import Tensor

from tsebench.bench.folders.score import ScoreOptions, score_folders
from tsebench.bench.metrics.protocol import Facts
from tsebench.bench.metrics.registry import MetricContext
from tsebench.bench.outcome import Score
from tsebench.bench.rows import read_rows
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.core.errors import ConfigError
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.signals.audio import resample

RATE_HZ = 8000
RATIOS = ("snr", "si_sdr", "sd_sdr", "sdr")
SPEECH = ("stoi", "estoi", "pesq")
BATCHED = (*RATIOS, "stoi", "estoi", "attenuation", "wrong_target_rate", "macro_f1")
ALL = (*BATCHED, "pesq", "wer")
TOP_DB = -10.0 * math.log10(np.finfo(np.float64).eps)  # 156.54 dB, where every ratio ends
Array = NDArray[np.float64]


# What is expected ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Want:
    """Expected outcome of one metric; "package": the value is that of `authority`."""

    status: str
    reason: str = ""
    low: float = -math.inf
    high: float = math.inf
    like: str | None = None
    within: float = 0.0


def value(number: float, within: float = 1e-6, reason: str = "") -> Want:
    return Want("ok", reason, number - within, number + within)


def between(low: float, high: float, reason: str = "") -> Want:
    return Want("ok", reason, low, high)


def as_good(within: float = 1e-9, reason: str = "") -> Want:
    """The value of the case "good"."""
    return Want("ok", reason, like="good", within=within)


def package(reason: str = "") -> Want:
    return Want("ok", reason, like="package")


def undefined(reason: str) -> Want:
    return Want("undefined", reason)


def failed(reason: str) -> Want:
    return Want("failed", reason)


FLOORED = value(-30.0, 0.0, "floored")
SOME = between(0.0, math.inf)  # a word error rate, about which the definitions say nothing
Wants = dict[str, Want]


def present(rest: Want, **others: Want) -> Wants:
    """Of a target in the mixture. Class activity needs no reference, only a usable answer."""
    classes = rest
    if rest.status != "failed":
        classes = value(1.0, 0.0, rest.reason if rest.status == "ok" else "")
    return {**dict.fromkeys(ALL, rest), "attenuation": undefined("present_target"), "macro_f1": classes, **others}


def ratios(rest: Want, **others: Want) -> Wants:
    right = value(0.0, 0.0, rest.reason)
    return {**present(rest), "wrong_target_rate": right, "wer": SOME, **others}


def absent(attenuation: Want, macro_f1: Want | None = None) -> Wants:
    return {
        **dict.fromkeys(ALL, undefined("absent_target")),
        "attenuation": attenuation,
        "macro_f1": macro_f1 or value(1.0, 0.0),
    }


def energy(signal: Array) -> float:
    return float(np.sum(signal**2))


def authority(metric: str, estimate: Array, reference: Array) -> float:
    """A formula in numpy, or the package that the metric must agree with."""
    s, e = reference, estimate
    if metric == "snr":
        return 10 * math.log10(energy(s) / energy(s - e))
    if metric in {"si_sdr", "sd_sdr"}:
        s, e = s - s.mean(), e - e.mean()
        target = s * float(e @ s) / float(s @ s)
        rest = energy(target - e) if metric == "si_sdr" else energy(s - e)
        return 10 * math.log10(energy(target) / rest)
    if metric == "sdr":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it announces that it will drop the module
            found = mir_eval.separation.bss_eval_sources(s[None], e[None], False)
        return float(found[0][0])
    if metric in {"stoi", "estoi"}:
        return float(pystoi.stoi(s, e, RATE_HZ, extended=metric == "estoi"))
    if metric == "pesq":
        return float(pesq.pesq(RATE_HZ, s.astype(np.float32), e.astype(np.float32), "nb"))
    raise KeyError(metric)


AGREEMENT = {"snr": 1e-6, "si_sdr": 1e-5, "sd_sdr": 1e-5, "sdr": 1e-4, "stoi": 1e-6, "estoi": 1e-6}


# Cases --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Speech:
    """One utterance, noise of the same power, and a fair estimate of it."""

    target: Tensor
    noise: Tensor
    transcript: str

    def trial(self, **changes: object) -> Scorable:
        item = Scorable(
            trial_id="good",
            estimate=self.target + 0.1 * self.noise,
            reference=self.target,
            mixture=self.target + self.noise,
            facts=self.facts(),
        )
        return replace(item, **changes)  # type: ignore[arg-type]

    def facts(self, **changes: object) -> Facts:
        facts = Facts(
            interferers=self.noise[None],
            transcript=self.transcript,
            active_classes=("dog",),
            classes=("cat", "dog"),
            class_probabilities=torch.tensor([0.1, 0.9]),
        )
        return replace(facts, **changes)  # type: ignore[arg-type]

    def cut(self, start: int, stop: int) -> Scorable:
        part = slice(start, stop)
        return self.trial(
            estimate=(self.target + 0.1 * self.noise)[part],
            reference=self.target[part],
            mixture=(self.target + self.noise)[part],
            facts=self.facts(interferers=self.noise[None, part]),
        )

    def scaled(self, factor: float) -> Scorable:
        good = self.trial()
        assert good.estimate is not None
        assert good.reference is not None
        return self.trial(
            estimate=factor * good.estimate,
            reference=factor * good.reference,
            mixture=factor * good.mixture,
            facts=self.facts(interferers=factor * self.noise[None]),
        )

    def estimate(self, change: Callable[[Tensor], Tensor]) -> Scorable:
        return self.trial(estimate=change(self.target + 0.1 * self.noise))


def spoilt(signal: Tensor, bad: float) -> Tensor:
    return torch.cat([signal[:-1], torch.tensor([bad])])


def longer(samples: int) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.cat([x, 0.1 * torch.ones(samples)])


def delayed(signal: Tensor, samples: int) -> Tensor:
    return torch.cat([torch.zeros(samples), signal[:-samples]])


# 9 ms are 72 samples, 10 ms are 80.
NON_FINITE, LENGTH, SILENT = failed("non_finite"), failed("length"), undefined("silent_reference")
BY_PACKAGE = dict.fromkeys(SPEECH, package())
# To ESTOI pystoi adds noise of 1e-16 at random, which shows at this level.
AT_1E_12 = {**BY_PACKAGE, "estoi": as_good(1e-4)}
SHORT = {"stoi": undefined("too_short"), "estoi": undefined("too_short")}
CASES: dict[str, tuple[Callable[[Speech], Scorable], Wants]] = {
    "good": (lambda s: s.trial(), ratios(package(), wer=between(0.0, 50.0))),
    # Silence
    "silent reference": (lambda s: s.trial(reference=0 * s.target), present(SILENT)),
    "silent estimate": (
        lambda s: s.estimate(lambda x: 0 * x),
        present(
            FLOORED,
            macro_f1=value(1.0, 0.0),
            snr=value(0.0, 1e-9),
            stoi=value(0.0),
            estoi=value(0.0),
            pesq=failed("pesq_silent_estimate"),
            wrong_target_rate=value(0.0, 0.0),
            wer=value(100.0),
        ),
    ),
    "silent estimate and reference": (
        lambda s: s.trial(estimate=0 * s.target, reference=0 * s.target),
        present(SILENT),
    ),
    "negative zeros": (lambda s: s.trial(reference=-0.0 * s.target), present(SILENT)),
    "silent mixture": (lambda s: s.trial(mixture=0 * s.target), ratios(as_good(), wer=as_good())),
    "all is silent": (lambda s: s.scaled(0.0), present(SILENT)),
    # Constants: an offset without sound
    "constant reference": (lambda s: s.trial(reference=0 * s.target + 0.3), present(SILENT)),
    "constant estimate": (
        lambda s: s.estimate(lambda x: 0 * x - 0.3),
        ratios(package(), si_sdr=FLOORED, sd_sdr=FLOORED, stoi=between(-1.0, 1.0), estoi=between(-1.0, 1.0)),
    ),
    # Numbers that are none
    "one NaN": (lambda s: s.estimate(lambda x: spoilt(x, math.nan)), present(NON_FINITE)),
    "only NaN": (lambda s: s.estimate(lambda x: x * math.nan), present(NON_FINITE)),
    "one inf": (lambda s: s.estimate(lambda x: spoilt(x, math.inf)), present(NON_FINITE)),
    "one -inf": (lambda s: s.estimate(lambda x: spoilt(x, -math.inf)), present(NON_FINITE)),
    "NaN and a silent reference": (
        lambda s: s.trial(estimate=s.target * math.nan, reference=0 * s.target),
        present(NON_FINITE),
    ),
    "NaN in the padding that is cut off": (
        lambda s: s.estimate(lambda x: spoilt(longer(72)(x), math.nan)),
        present(NON_FINITE),
    ),
    # Lengths
    "no sample": (lambda s: s.cut(0, 0), present(SILENT)),
    "one sample": (lambda s: s.cut(5000, 5001), present(SILENT)),
    "two samples": (
        lambda s: s.cut(5000, 5002),
        ratios(
            between(-30.0, TOP_DB + 0.01), **SHORT, pesq=failed("pesq_too_short"), wrong_target_rate=between(0.0, 100.0)
        ),
    ),
    "0.1 s": (lambda s: s.cut(5000, 5800), ratios(package(), **SHORT, pesq=failed("pesq_too_short"))),
    "9 ms longer": (lambda s: s.estimate(longer(72)), present(as_good(reason="trimmed"))),
    "9 ms shorter": (
        lambda s: s.estimate(lambda x: x[:-72]),
        ratios(package("padded"), wer=between(0.0, math.inf, "padded")),
    ),
    "10 ms longer": (lambda s: s.estimate(longer(80)), present(LENGTH)),
    "11 ms longer": (lambda s: s.estimate(longer(88)), present(LENGTH)),
    "11 ms shorter": (lambda s: s.estimate(lambda x: x[:-88]), present(LENGTH)),
    "empty estimate": (lambda s: s.estimate(lambda x: x[:0]), present(LENGTH)),
    "estimate of one sample": (lambda s: s.estimate(lambda x: x[:1]), present(LENGTH)),
    "mixture 9 ms longer": (lambda s: s.trial(mixture=longer(72)(s.target)), ratios(as_good(), wer=as_good())),
    # Levels. 2^±40 is 9.1e-13 and 1.1e12, and exact in float32.
    "recording of 2^-40": (lambda s: s.scaled(2.0**-40), ratios(as_good(), **AT_1E_12)),
    "recording of 2^40": (lambda s: s.scaled(2.0**40), ratios(as_good(), **BY_PACKAGE)),
    "recording of 1e-12": (lambda s: s.scaled(1e-12), ratios(as_good(1e-5), **AT_1E_12)),
    "recording of 1e12": (lambda s: s.scaled(1e12), ratios(as_good(1e-5), **BY_PACKAGE)),
    "estimate of 2^-40": (
        lambda s: s.estimate(lambda x: 2.0**-40 * x),
        ratios(as_good(), snr=value(0.0), sd_sdr=value(-TOP_DB), **AT_1E_12),  # by the formula -241 dB
    ),
    "estimate of 2^40": (
        lambda s: s.estimate(lambda x: 2.0**40 * x),
        ratios(
            as_good(),
            snr=value(-TOP_DB),  # by the formula -240 dB: below any ratio of float64
            sd_sdr=package(),
            **BY_PACKAGE,
        ),
    ),
    "clipped": (lambda s: s.estimate(lambda x: (20 * x).clamp(-1.0, 1.0)), ratios(package())),
    # Copies
    "identical": (
        lambda s: s.trial(estimate=s.target),
        ratios(value(TOP_DB), sdr=between(100.0, TOP_DB + 1e-6), stoi=value(1.0), estoi=value(1.0), pesq=package()),
    ),
    "inverted": (
        lambda s: s.trial(estimate=-s.target),
        ratios(
            value(TOP_DB),
            snr=value(10 * math.log10(1 / 4)),
            sd_sdr=value(10 * math.log10(1 / 4)),
            sdr=between(100.0, TOP_DB + 1e-6),
            stoi=value(1.0),
            estoi=value(1.0),
            pesq=package(),
        ),
    ),
    "inverted estimate": (
        lambda s: s.estimate(lambda x: -x),
        ratios(package(), si_sdr=as_good(), sdr=as_good(), stoi=as_good(), estoi=as_good()),
    ),
    "3 samples late": (
        lambda s: s.trial(estimate=delayed(s.target, 3)),
        # The filter of BSSEval forgives it, but for the samples that are lost at the end.
        ratios(package(), sdr=between(60.0, TOP_DB), si_sdr=between(-30.0, 0.0)),
    ),
    "3 samples early": (
        lambda s: s.trial(estimate=delayed(s.target.flip(0), 3).flip(0)),
        ratios(package(), si_sdr=between(-30.0, 0.0)),  # the filter is causal
    ),
    "the interferer": (
        lambda s: s.trial(estimate=s.noise),
        # Independent of the target: its SI-SDR is about -10 log10(T) = -40 dB.
        ratios(package(), wrong_target_rate=value(100.0, 0.0)),
    ),
    # Kinds of tensors
    "float64": (lambda s: s.estimate(lambda x: x.double()), ratios(as_good(), wer=as_good())),
    "float16": (lambda s: s.estimate(lambda x: x.half()), ratios(package())),
    "bfloat16": (lambda s: s.estimate(lambda x: x.bfloat16()), ratios(package())),
    # The numbers are taken as they are: nothing is rescaled to full scale.
    "int16": (lambda s: s.estimate(lambda x: (30000 * x).to(torch.int16)), ratios(package())),
    "bool": (lambda s: s.estimate(lambda x: x > 0), present(failed("dtype"))),
    "complex": (lambda s: s.estimate(lambda x: x + 0j), present(failed("dtype"))),
    "beyond float32": (lambda s: s.estimate(lambda x: 1e200 * x.double()), present(NON_FINITE)),
    "with a gradient": (lambda s: s.estimate(lambda x: x.clone().requires_grad_()), ratios(as_good(), wer=as_good())),
    "every second sample in memory": (
        lambda s: s.estimate(lambda x: x.repeat_interleave(2)[::2]),
        ratios(as_good(), wer=as_good()),
    ),
    "[1, T]": (lambda s: s.estimate(lambda x: x[None]), present(failed("shape"))),
    "a number": (lambda s: s.estimate(lambda x: x[0]), present(failed("shape"))),
    # No answer
    "failure": (lambda s: s.trial(estimate=None, failure="no clue"), present(failed("no clue"))),
    "no estimate": (lambda s: s.trial(estimate=None), present(failed("no_estimate"))),
    "failure with an estimate": (lambda s: s.trial(failure="late"), present(failed("late"))),
    "with a note": (lambda s: s.trial(notes="late"), present(as_good(reason="late"))),
    # The target is absent: 10 log10(||0.1 x||^2 / ||x||^2)
    "absent": (lambda s: s.trial(reference=None, estimate=0.1 * (s.target + s.noise)), absent(value(-20.0, 1e-5))),
    "absent, copy of the mixture": (lambda s: s.trial(reference=None, estimate=s.target + s.noise), absent(value(0.0))),
    "absent, silent": (lambda s: s.trial(reference=None, estimate=0 * s.noise), absent(value(-120.0, 0.0, "floored"))),
    "absent, nearly silent": (
        lambda s: s.trial(reference=None, estimate=2.0**-20 * (s.target + s.noise)),
        absent(value(-120.0, 0.0, "floored")),  # -120.4 dB
    ),
    "absent, silent mixture": (
        lambda s: s.trial(reference=None, mixture=0 * s.noise),
        absent(undefined("silent_mixture"), undefined("silent_mixture")),
    ),
    "absent, NaN": (lambda s: s.trial(reference=None, estimate=math.nan * s.noise), absent(NON_FINITE, NON_FINITE)),
    "absent, 11 ms shorter": (lambda s: s.trial(reference=None, estimate=s.noise[:-88]), absent(LENGTH, LENGTH)),
    # What is not known
    "no facts": (
        lambda s: s.trial(facts=Facts()),
        present(
            as_good(),
            wrong_target_rate=undefined("no_interferers"),
            wer=undefined("no_transcript"),
            macro_f1=undefined("no_class_probabilities"),
        ),
    ),
    "no transcript, silent interferers": (
        lambda s: s.trial(facts=s.facts(transcript="?!", interferers=0 * s.noise[None])),
        present(as_good(), wrong_target_rate=undefined("no_interferers"), wer=undefined("no_transcript")),
    ),
    "no interferers": (
        lambda s: s.trial(facts=s.facts(interferers=s.noise[None][:0])),
        present(as_good(), wrong_target_rate=undefined("no_interferers")),
    ),
    "interferers that are copies of the target": (
        # As close as the target itself, but for rounding: that is no wrong target.
        lambda s: s.trial(facts=s.facts(interferers=torch.tensor([[0.1], [0.3], [0.7], [-1.7]]) * s.target)),
        present(as_good()),
    ),
    "short interferers": (lambda s: s.trial(facts=s.facts(interferers=s.noise[None, :100])), present(as_good())),
    "NaN among class probabilities": (
        lambda s: s.trial(facts=s.facts(class_probabilities=torch.tensor([math.nan, 0.9]))),
        present(as_good(), macro_f1=failed("class_probabilities_non_finite")),
    ),
    "too few class probabilities": (
        lambda s: s.trial(facts=s.facts(class_probabilities=torch.tensor([0.9]))),
        present(as_good(), macro_f1=failed("class_probabilities_shape")),
    ),
    "no class there or found": (
        lambda s: s.trial(facts=s.facts(class_probabilities=torch.zeros(2), active_classes=())),
        present(as_good(), macro_f1=undefined("no_class")),
    ),
}


@pytest.fixture(scope="module")
def speech() -> Speech:
    """The shortest of a few synthetic utterances, about two seconds."""
    corpus = SyntheticSpeech(utterances=1)
    recording = min(corpus.recordings(), key=lambda found: (found.frames, found.path))
    samples, rate = corpus.read(recording.path)
    target = torch.from_numpy(resample(samples, from_hz=rate, to_hz=RATE_HZ))
    noise = torch.randn(len(target), generator=torch.Generator().manual_seed(0))
    noise *= float(target.square().mean().sqrt())
    return Speech(target, noise, str(recording.transcript))


@pytest.fixture(scope="module")
def items(speech: Speech) -> dict[str, Scorable]:
    return {name: replace(make(speech), trial_id=name) for name, (make, _) in CASES.items()}


Found = dict[str, dict[str, Score]]


def scored(items: list[Scorable], names: tuple[str, ...]) -> Found:
    plan = plan_metrics(names, context=MetricContext(grammar=SyntheticSpeech().grammar()))
    with FilePool(0) as pool:
        scorer = Scorer(plan, sample_rate_hz=RATE_HZ, device="cpu", pool=pool)
        scores = scorer.submit(items).result()
    found: Found = {item.trial_id: {} for item in items}
    for score in scores:
        found[score.trial_id][score.metric] = score
    return found


@pytest.fixture(scope="module")
def found(items: dict[str, Scorable]) -> Found:
    """All cases in one batch, so that the worst of them are neighbours of the others."""
    try:
        return scored(list(items.values()), ALL)
    except Exception as error:  # noqa: BLE001 - which case it was is seen in the test below
        pytest.fail(f"the evaluator raised {type(error).__name__}: {error}")


@pytest.fixture(scope="module")
def alone() -> Found:
    """Scores of cases without company, as far as they are known yet."""
    return {}


@pytest.mark.parametrize("case", CASES)
def test_no_case_raises(case: str, items: dict[str, Scorable], alone: Found) -> None:
    """Alone, so that it is known which one does."""
    alone |= scored([items[case]], BATCHED)
    assert set(alone[case]) == set(BATCHED)


@pytest.mark.parametrize("case", CASES)
def test_every_metric_is_as_defined(case: str, items: dict[str, Scorable], found: Found) -> None:
    wants = CASES[case][1]
    assert set(wants) == set(ALL)
    wrong = [
        f"{metric}: wanted {want}, found {score.status} {score.reason!r} {score.value}"
        for metric, want in wants.items()
        for score in [found[case][metric]]
        if not fits(score, want, item=items[case], good=found["good"][metric].value)
    ]
    assert not wrong, "\n".join(wrong)


def fits(score: Score, want: Want, *, item: Scorable, good: float) -> bool:
    if (score.status, kind_of(score.reason)) != (want.status, want.reason):
        return False
    if want.status != "ok":
        return math.isnan(score.value)
    if want.like == "good":
        return abs(score.value - good) <= want.within
    if want.like == "package" and score.metric in {*RATIOS, *SPEECH}:
        assert item.estimate is not None
        assert item.reference is not None
        reference = item.reference.double().numpy()
        estimate = item.estimate.detach().double().numpy()[: len(reference)]
        estimate = np.pad(estimate, (0, len(reference) - len(estimate)))
        expected = authority(score.metric, estimate, reference)
        return abs(score.value - expected) <= AGREEMENT.get(score.metric, 0.0)
    return math.isfinite(score.value) and want.low <= score.value <= want.high


@pytest.mark.parametrize("case", CASES)
def test_a_batch_of_bad_neighbours_changes_nothing(
    case: str, items: dict[str, Scorable], found: Found, alone: Found
) -> None:
    if case not in alone:
        alone |= scored([items[case]], BATCHED)
    for metric, score in alone[case].items():
        there = found[case][metric]
        assert (score.status, score.reason) == (there.status, there.reason), metric
        if score.value < 130.0 or metric != "sdr":  # there the last digits of sums are left
            assert score.value == pytest.approx(there.value, abs=1e-9, nan_ok=True), metric


def test_lengths_from_a_fifth_of_a_second_to_a_minute() -> None:
    """Padded to a minute, and in groups, short trials have the values that they have alone."""
    rng = torch.Generator().manual_seed(1)
    items = []
    for seconds in (0.2, 60.0, 0.5, 0.2001, 3.0, 17.3, 1.0):
        frames = round(seconds * RATE_HZ)
        target, noise = 0.1 * torch.randn(2, frames, generator=rng) + 0.02
        target *= 1.2 + torch.sin(torch.arange(frames) / 300.0)
        common = {"mixture": target + noise, "facts": Facts(interferers=noise[None])}
        items += [
            Scorable(trial_id=f"{seconds} {what}", estimate=target + 0.3 * noise, reference=r, **common)
            for what, r in (("present", target), ("absent", None))
        ]
    names = (*RATIOS, "stoi", "estoi", "attenuation", "wrong_target_rate")
    together, turned = scored(items, names), scored(items[::-1], names)
    for item in items:
        alone = scored([item], names)[item.trial_id]
        for metric, score in alone.items():
            for other in (together, turned):
                there = other[item.trial_id][metric]
                assert (there.status, there.reason) == (score.status, score.reason)
                assert there.value == pytest.approx(score.value, abs=1e-9, nan_ok=True), (item.trial_id, metric)
    statuses = {name: together[name]["stoi"].status for name in together}
    assert statuses["0.2 present"] == "undefined"  # less than the 0.384 s of a segment
    assert statuses["1.0 present"] == "ok"


@pytest.mark.parametrize("bad", ["silence", "silence with an offset", "whisper", "thunder"])
def test_a_bad_neighbour_of_the_same_length_leaves_every_digit(bad: str) -> None:
    """So that a report does not change in its last digits when another trial's answer does."""
    target, noise = 0.1 * torch.randn(2, 4000, generator=torch.Generator().manual_seed(2))
    items = [
        Scorable(trial_id=name, estimate=target + 0.3 * noise, reference=reference, mixture=target + noise)
        for name, reference in (("a", target), ("b", target), ("absent", None), ("lost", None))
    ]
    change = {"silence": 0.0, "silence with an offset": 0.0, "whisper": 1e-30, "thunder": 1e30}[bad]
    spoilt = change * noise + (0.25 if "offset" in bad else 0.0)
    company = [replace(item, estimate=spoilt) if item.trial_id in {"b", "lost"} else item for item in items]
    names = (*RATIOS, "attenuation")
    before, after = scored(items, names), scored(company, names)
    for name in ("a", "absent"):
        for metric in names:
            np.testing.assert_equal(after[name][metric], before[name][metric])


# Folders ------------------------------------------------------------------------------------------


FILE_METRICS = ("snri", "si_sdri", "sd_sdri", "sdri", *SPEECH, "wrong_target_rate")
FILE_NAMES = (*RATIOS, *SPEECH, "wrong_target_rate")
GAINS = tuple(f"{name}i" for name in RATIOS)


def from_table(case: str, **changes: Want) -> Wants:
    """Expectation of the table above for the same case."""
    return {**{name: CASES[case][1][name] for name in FILE_NAMES}, **changes}


Signals = tuple[Array, Array, Array]
FILES: dict[str, tuple[Callable[[Array, Array, Array], Signals], str, Wants]] = {
    "good": (lambda e, s, m: (e, s, m), "FLOAT", from_table("good")),
    "silent_reference": (lambda e, s, m: (e, 0 * s, m), "FLOAT", from_table("silent reference")),
    "silent_estimate": (lambda e, s, m: (0 * e, s, m), "FLOAT", from_table("silent estimate")),
    "silent_both": (lambda e, s, m: (0 * e, 0 * s, m), "FLOAT", from_table("all is silent")),
    "silent_mixture": (lambda e, s, m: (e, s, 0 * m), "FLOAT", from_table("silent mixture")),
    "constant_estimate": (lambda e, s, m: (0 * e - 0.3, s, m), "FLOAT", from_table("constant estimate")),
    "constant_reference": (lambda e, s, m: (e, 0 * s + 0.3, m), "FLOAT", from_table("all is silent")),
    "nan": (lambda e, s, m: (put(e, np.nan), s, m), "FLOAT", from_table("one NaN")),
    "inf": (lambda e, s, m: (put(e, np.inf), s, m), "DOUBLE", from_table("one inf")),
    "beyond_float32": (lambda e, s, m: (1e200 * e, s, m), "DOUBLE", from_table("beyond float32")),
    "one_sample": (lambda e, s, m: (e[:1], s[:1], m[:1]), "FLOAT", from_table("one sample")),
    "longer_9ms": (lambda e, s, m: (np.pad(e, (0, 72)), s, m), "FLOAT", from_table("9 ms longer")),
    "shorter_9ms": (lambda e, s, m: (e[:-72], s, m), "FLOAT", from_table("9 ms shorter")),
    "longer_11ms": (lambda e, s, m: (np.pad(e, (0, 88)), s, m), "FLOAT", from_table("11 ms longer")),
    "shorter_11ms": (lambda e, s, m: (e[:-88], s, m), "FLOAT", from_table("11 ms shorter")),
    "recording_of_2^-40": (
        lambda e, s, m: (2.0**-40 * e, 2.0**-40 * s, 2.0**-40 * m),
        "FLOAT",
        from_table("recording of 2^-40"),
    ),
    "recording_of_2^40": (
        lambda e, s, m: (2.0**40 * e, 2.0**40 * s, 2.0**40 * m),
        "FLOAT",
        from_table("recording of 2^40"),
    ),
    "identical": (lambda e, s, m: (s, s, m), "FLOAT", from_table("identical")),
    "inverted": (lambda e, s, m: (-s, s, m), "FLOAT", from_table("inverted")),
    "3_late": (lambda e, s, m: (np.roll(s, 3), s, m), "FLOAT", from_table("float16")),
    # Files of integers are read as full scale = 1.
    "int16": (lambda e, s, m: (e, s, m), "PCM_16", from_table("good", **dict.fromkeys(FILE_NAMES[:7], as_good(0.01)))),
    "float64": (lambda e, s, m: (e, s, m), "DOUBLE", from_table("float64")),
    "mixture_9ms_shorter": (lambda e, s, m: (e, s, m[:-72]), "FLOAT", from_table("mixture 9 ms longer")),
}


def put(signal: Array, bad: float) -> Array:
    return np.append(signal[:-1], bad)


def write(path: Path, samples: Array, subtype: str = "FLOAT") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), samples, RATE_HZ, subtype=subtype)


@pytest.fixture(scope="module")
def files(speech: Speech) -> dict[str, Signals]:
    """Estimate, reference and mixture as they are read: float32, of a second."""
    good = speech.cut(4000, 12000)
    assert good.estimate is not None
    assert good.reference is not None
    arrays = tuple(x.double().numpy() for x in (good.estimate, good.reference, good.mixture))
    return {name: make(*arrays) for name, (make, _, _) in FILES.items()}


@pytest.fixture(scope="module")
def rows(files: dict[str, Signals], tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    root = tmp_path_factory.mktemp("folders")
    for name, signals in files.items():
        for folder, samples in zip("erm", signals, strict=True):
            write(root / folder / f"{name}.wav", samples, FILES[name][1] if folder == "e" else "FLOAT")
    options = ScoreOptions(out=root / "out", metrics=FILE_METRICS, jobs=0, cache=root / "cache", device="cpu")
    result = score_folders(estimates=root / "e", references=root / "r", mixtures=root / "m", options=options)
    assert result.trials == len(FILES)
    failing = [name for name, (_, _, wants) in FILES.items() if wants["snr"].status == "failed"]
    assert result.failed_trials == len(failing)
    return read_rows(root / "out")


def row_of(rows: pd.DataFrame, case: str, metric: str, system: str = "estimates") -> Score:
    of = rows[(rows["trial_id"] == case) & (rows["metric"] == metric) & (rows["system"] == system)]
    (line,) = of.to_dict("records")
    return Score(**{name: line[name] for name in Score.__dataclass_fields__})


@pytest.mark.parametrize("case", FILES)
def test_every_file_is_scored_as_defined(case: str, files: dict[str, Signals], rows: pd.DataFrame) -> None:
    estimate, reference, mixture = (torch.from_numpy(x).float() for x in files[case])
    item = Scorable(trial_id=case, estimate=estimate, reference=reference, mixture=mixture)
    wrong = []
    for metric, want in FILES[case][2].items():
        score, good = row_of(rows, case, metric), row_of(rows, "good", metric)
        if not fits(score, want, item=item, good=good.value):
            wrong.append(f"{metric}: wanted {want}, found {score}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("case", FILES)
def test_improvements_of_files_are_differences(case: str, rows: pd.DataFrame) -> None:
    for name in GAINS:
        gain, ours = row_of(rows, case, name), row_of(rows, case, name[:-1])
        mixture = row_of(rows, case, name[:-1], "mixture")
        if ours.status != "ok":
            assert (gain.status, gain.reason) == (ours.status, ours.reason)
        elif mixture.status != "ok":
            assert (gain.status, gain.reason) == (mixture.status, f"mixture:{mixture.reason}")
        else:
            assert gain.value == ours.value - mixture.value
            marked = [f"mixture:{note}" for note in mixture.reason.split(";") if note]
            assert gain.reason == ";".join([*filter(None, [ours.reason]), *marked])


def test_what_the_mixtures_are_is_noted(rows: pd.DataFrame) -> None:
    assert row_of(rows, "silent_mixture", "sdri").reason == "mixture:floored"
    assert row_of(rows, "silent_mixture", "snri").reason == ""
    assert row_of(rows, "mixture_9ms_shorter", "snri").reason.startswith("mixture:padded from ")
    assert row_of(rows, "silent_estimate", "si_sdri").reason == "floored"


Change = Callable[[Array], Array]


def same(signal: Array) -> Array:
    return signal


def stereo(signal: Array) -> Array:
    return np.stack([signal, -0.5 * signal], axis=1)


REFUSED: dict[str, tuple[tuple[Change, Change, Change], int | None, type[Exception], str]] = {
    "stereo estimate": (
        (stereo, same, same),
        None,
        ConfigError,
        r"'a', has 2 channels .*--channel estimates=0 \(or 1, or",
    ),
    "stereo reference": ((same, stereo, same), None, ConfigError, r"'a', has 2 channels .*--channel references=0"),
    "stereo mixture": ((same, same, stereo), None, ConfigError, r"'a', has 2 channels .*--channel mixtures=0"),
    "channel too high": ((stereo, same, same), 2, ConfigError, r"--channel is 2; choose one"),
    "channel too low": ((stereo, same, same), -1, ConfigError, r"'-1' is neither a number from 0 nor mean"),
    "empty reference": ((same, lambda x: x[:0], same), None, ConfigError, r"audio file 'a.wav' has no samples"),
}


def scored_alone(root: Path, changes: tuple[Change, Change, Change], channel: int | None) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    reference, noise = 0.1 * rng.standard_normal((2, RATE_HZ)).astype(np.float32)
    signals = (reference + 0.3 * noise, reference, reference + noise)
    for folder, samples, change in zip("erm", signals, changes, strict=True):
        write(root / folder / "a.wav", change(samples))
    options = ScoreOptions(out=root / "out", metrics=("snr",), jobs=0, cache=root / "c", channel=channel, device="cpu")
    score_folders(estimates=root / "e", references=root / "r", mixtures=root / "m", options=options)
    return read_rows(root / "out")


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_user_must_mend_is_one_clear_error(case: str, tmp_path: Path) -> None:
    changes, channel, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message) as error:
        scored_alone(tmp_path, changes, channel)
    assert "\n" not in str(error.value)


def test_a_chosen_channel_is_scored(tmp_path: Path) -> None:
    """Channel 1 is -0.5 times channel 0; a mono file is taken whatever the channel."""
    first = scored_alone(tmp_path / "0", (stereo, same, same), 0)
    second = scored_alone(tmp_path / "1", (stereo, same, same), 1)
    mono = scored_alone(tmp_path / "2", (same, same, same), 1)
    chosen = [frame[frame["system"] == "estimates"]["value"].iloc[0] for frame in (first, second, mono)]
    assert chosen[0] == chosen[2] == pytest.approx(-20 * math.log10(0.3), abs=0.2)
    assert chosen[1] == pytest.approx(-10 * math.log10(1.5**2 + 0.15**2), abs=0.2)
