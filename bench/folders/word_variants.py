"""Variants of the word error rate: what is normalised, what is pooled, and which text is which."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from ..asr.counting import WordErrors, count_errors
from ..asr.normalise import Normaliser, clean_reference, open_normaliser
from ..metrics.protocol import Metric
from ..outcome import Score, UndefinedValueError
from .variant import Variant, VariantLine


@dataclass(frozen=True, slots=True)
class _Reading:
    """One definition of the word error rate of a set."""

    normaliser: Normaliser
    pooled: bool
    swapped: bool

    @property
    def name(self) -> str:
        ending = "_pooled" * self.pooled + "_swapped" * self.swapped
        return f"wer_{self.normaliser.name}{ending}"

    @property
    def label(self) -> str:
        over = "all words" if self.pooled else "each trial"
        return f"WER over {over}, {self.normaliser.name}{', swapped' * self.swapped}"


def word_lines(
    metric: Metric, scores: Sequence[Score], mixture: Sequence[Score], transcripts: Mapping[str, str]
) -> list[VariantLine]:
    """Lines of every reading of "WER".

    Args:
        metric: the word error rate that gave the scores.
        scores: of a system; their details are what was recognised.
        mixture: of the mixtures for the same trials; empty without mixtures.
        transcripts: of the references, by trial.
    """
    return [line for reading in _readings() for line in _lines(reading, metric, scores, mixture, transcripts)]


def _readings() -> Iterator[_Reading]:
    """The normaliser of Whisper only where its package is installed."""
    for name in ("none", "basic", "whisper_en"):
        if name != "whisper_en" or find_spec("whisper") is not None:
            normaliser = open_normaliser(name)
            for pooled, swapped in ((True, False), (False, False), (True, True)):
                yield _Reading(normaliser, pooled, swapped)


def _lines(
    reading: _Reading, metric: Metric, scores: Sequence[Score], mixture: Sequence[Score], transcripts: Mapping[str, str]
) -> Iterator[VariantLine]:
    ours, theirs = (_counted(reading, side, transcripts) for side in (scores, mixture))
    statuses = [score.status for score in scores]
    mean, median = _summary(reading, list(ours.values()))
    line = VariantLine(
        variant=Variant(name=reading.name, label=reading.label, family="wer", metric=metric, swapped=reading.swapped),
        quantity="value",
        n=len(ours),
        n_failed=statuses.count("failed"),
        n_undefined=statuses.count("undefined"),
        n_floored=0,
        mean=mean,
        median=median,
        signature=f"{scores[0].signature}|{reading.name}",
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
    for score in scores:
        if score.status == "ok":
            said = reading.normaliser(clean_reference(transcripts[score.trial_id]))
            texts = (said, reading.normaliser(score.detail))
            with suppress(UndefinedValueError):
                found[score.trial_id] = count_errors(*(texts[::-1] if reading.swapped else texts))
    return found
