"""Inputs that metrics need; a metric that could have no value at all is refused before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ...core.errors import ConfigError, listed
from ..metrics.protocol import Metric, Need, Scope
from .plan import MetricPlan

Given = Need | Literal["target", "absence"]
"""A need, or trials whose target is in the mixture, or is not."""

_WORDS: Mapping[Given, str] = {
    "transcript": "transcripts of the targets",
    "enrollment": "enrollments",
    "interferers": "the other sources of the mixtures",
    "class_probabilities": "class probabilities of a system",
    "recognised": "transcripts of a system",
    "activity": "the activity of the enrolled speaker as a system finds it",
    "outputs": "labelled outputs of a system",
    "channels": "targets at several channels",
    "mixture": "mixtures",
    "parts": "targets that are sums of several sources",
    "target": "trials whose target is in the mixture",
    "absence": "trials whose target is not in the mixture",
}

_ELSEWHERE = "score it by `tsebench run` on a set that has some"

OF_FILES: Mapping[Given, str] = {
    "transcript": "add --transcripts CSV (columns name and text)",
    "enrollment": "add --enrollments DIR, or take a setting that needs none (--option "
    "speaker_similarity.against=reference)",
    "interferers": "add --mixtures DIR",
    "class_probabilities": "score it by `tsebench run` with a system that finds classes",
    "recognised": "add --recognised CSV (columns name and text), or score it by `tsebench run` with a system that "
    "recognises speech",
    "activity": "score it by `tsebench run` with a system that finds it, such as av_onoff",
    "outputs": "add --labelled, with files named MIXTURE_LABEL.wav",
    "channels": "name the reference channel of files that have several with --channel",
    "mixture": "add --mixtures DIR",
    "parts": "score it by `tsebench run` on a set of on- and off-screen speech",
    "absence": _ELSEWHERE,
}
"""Fix for each missing input, in `score`."""

OF_SETS: Mapping[Given, str] = {
    "transcript": "add a set of recordings with transcripts",
    "enrollment": "add a set whose clues are enrollments, or take a setting that needs none",
    "interferers": "add a set of mixtures of several sources",
    "class_probabilities": "add a system whose card names its classes",
    "parts": "add a set of on- and off-screen speech (builder av_mix)",
    "recognised": "add a system whose card says `transcribes`",
    "activity": "add a system whose card says `detects_activity`, such as av_onoff with attention",
    "outputs": "add a system whose card says `labels_outputs`",
    "channels": "add a set of several channels, such as mini_sounds_2ears",
    "target": "add a set with such trials, or more trials of this one",
    "absence": "add a set with such trials, or more trials of this one",
}
"""Fix for each missing input, in a run."""

_OF_SCOPE: Mapping[Scope, tuple[Given, ...]] = {"present": ("target",), "absent": ("absence",), "any": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Inputs of metrics that the trials of a set, and the systems on it, provide."""

    name: str
    gives: frozenset[Given]


def check_needs(planned: Sequence[tuple[MetricPlan, Offer]], *, fixes: Mapping[Given, str]) -> None:
    """Check that every metric of a call can have a value on one of the sets that it is planned for.

    Args:
        planned: the sets, each with its metrics.
        fixes: for the end of a message, how to give what is missing: `OF_FILES` or `OF_SETS`.

    Raises:
        ConfigError: a metric would be undefined on every trial.
    """
    lacks: dict[str, list[Given | None]] = {}
    places: dict[str, list[str]] = {}
    for plan, offer in planned:
        for name, needs in _needs(plan):
            lacks.setdefault(name, []).append(next((need for need in needs if need not in offer.gives), None))
            places.setdefault(name, []).append(offer.name)
    for name, found in lacks.items():
        if need := None if None in found else found[0]:
            where = f"{places[name][0]} gives none" if len(found) == 1 else f"none of {listed(places[name])} gives any"
            fix = fixes.get(need, _ELSEWHERE)
            raise ConfigError(f"metric {name!r} needs {_WORDS[need]}, and {where}: {fix}, or leave the metric out")


def _needs(plan: MetricPlan) -> Iterator[tuple[str, tuple[Given, ...]]]:
    """Needs by name of improvements and metrics."""
    for gain in plan.improvements:
        yield gain.info.name, (*_of(gain.base), "mixture")
    for metric in plan.metrics:
        yield metric.info.name, _of(metric)


def _of(metric: Metric) -> tuple[Given, ...]:
    return (*metric.info.needs, *_OF_SCOPE[metric.info.scope])
