"""Variants of the word error rate: what is normalised, what is pooled, and which text is which."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from ..asr.counting import WordErrors, count_errors
from ..asr.normalise import NAMES, Normaliser, open_normaliser
from ..metrics.protocol import Metric
from ..metrics.shared.error_rates import ErrorRate
from ..outcome import Score, UndefinedValueError
from .variant import Variant, VariantLine

RATES = ("wer", "cer", "ter")
"""Metrics whose scores hold the recognised texts."""


def same_recogniser(metric: ErrorRate, signatures: Collection[str], sample_rate_hz: int) -> str:
    """The signature among some whose texts are those of a word error rate; its own if none is."""
    own = metric.signature(sample_rate_hz)
    parts = {part for part in own.split("|") if part.startswith(("language:", "marks:", "fs:"))}
    starts = tuple(f"{name}|{metric.recogniser_signature()}|" for name in RATES)
    near = (text for text in signatures if text.startswith(starts) and parts <= set(text.split("|")))
    return own if own in signatures else next(near, own)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One definition of the word error rate of a set."""

    variant: Variant
    normaliser: Normaliser
    pooled: bool


def word_lines(
    metric: Metric, scores: Sequence[Score], mixture: Sequence[Score], transcripts: Mapping[str, str]
) -> list[VariantLine]:
    """Lines of every reading of "WER", from scores of a system, and of the mixtures if there are any.

    Args:
        scores: their details are the recognised texts; they may be of another rate of the same recogniser.
        transcripts: of the references, by trial.
    """
    return [line for reading in _readings(metric) for line in _lines(reading, scores, mixture, transcripts)]


def _readings(metric: Metric) -> Iterator[_Reading]:
    """The normaliser of Whisper only for English, and where its package is installed."""
    language = getattr(metric, "language", "en")
    for name in NAMES:
        if name != "whisper_en" or (language == "en" and find_spec("whisper") is not None):
            normaliser = open_normaliser(name, language)
            for pooled, swapped in ((True, False), (False, False), (True, True)):
                title = f"wer_{name}{'_pooled' * pooled}{'_swapped' * swapped}"
                label = f"WER over {'all words' if pooled else 'each trial'}, {name}{', swapped' * swapped}"
                variant = Variant(name=title, label=label, family="wer", metric=metric, swapped=swapped)
                yield _Reading(variant, normaliser, pooled)


def _lines(
    reading: _Reading, scores: Sequence[Score], mixture: Sequence[Score], transcripts: Mapping[str, str]
) -> Iterator[VariantLine]:
    first = scores[0].signature
    signature = first if first.startswith("wer|") else f"wer|texts of {first}"
    ours, theirs = (_counted(reading, side, transcripts) for side in (scores, mixture))
    statuses = [score.status for score in scores]
    mean, median = _summary(reading, list(ours.values()))
    line = VariantLine(
        variant=reading.variant,
        quantity="value",
        n=len(ours),
        n_failed=statuses.count("failed"),
        n_undefined=statuses.count("undefined"),
        n_floored=0,
        mean=mean,
        median=median,
        signature=f"{signature}|{reading.variant.name}",
    )
    yield line
    if mixture:
        both = [key for key in ours if key in theirs]
        pair = [_summary(reading, [side[key] for key in both]) for side in (ours, theirs)]
        mean, median = (a - b for a, b in zip(*pair, strict=True))
        yield replace(line, quantity="improvement", n=len(both), mean=mean, median=median)


def _summary(reading: _Reading, errors: Sequence[WordErrors]) -> tuple[float, float]:
    """Mean and median over trials; or the pooled rate, which has no median."""
    if not errors:
        return math.nan, math.nan
    if reading.pooled:
        words = sum(found.words for found in errors)
        return 100.0 * sum(found.edits for found in errors) / words, math.nan
    rates = [found.rate for found in errors]
    return float(np.mean(rates)), float(np.median(rates))


def _counted(reading: _Reading, scores: Sequence[Score], transcripts: Mapping[str, str]) -> dict[str, WordErrors]:
    """Errors by trial, for trials that have a rate."""
    found = {}
    spoken = getattr(reading.variant.metric, "spoken", str)
    for score in scores:
        if score.status == "ok":
            said = reading.normaliser(spoken(transcripts[score.trial_id]))
            texts = (said, reading.normaliser(score.detail))
            with suppress(UndefinedValueError):
                found[score.trial_id] = count_errors(*(texts[::-1] if reading.variant.swapped else texts))
    return found
