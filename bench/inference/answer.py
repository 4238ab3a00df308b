"""Answers to trials, of a system or from files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.arrays import Array

if TYPE_CHECKING:
    from .labelled import Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer of a system to one trial.

    Attributes:
        estimate: [T] at the dataset's rate, or None.
        channels: [C, T] the same at all channels of the mixture, if the system gives them.
        failure: why there is no estimate.
        class_probabilities: [K] over the classes of its card, if it has such a head.
        transcript: words that the system recognised, if it recognises speech.
        activity: [K] probability that the enrolled speaker speaks in each 10 ms, if the system finds it.
        outputs: sounds with their labels, at the dataset's rate, if the system gives any.
    """

    estimate: Array | None = None
    channels: Array | None = None
    failure: str | None = None
    class_probabilities: Array | None = None
    transcript: str | None = None
    activity: Array | None = None
    outputs: Outputs | None = None
