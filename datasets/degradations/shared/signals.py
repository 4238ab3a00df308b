"""Degradations of one signal by itself: the mixture, or each enrollment."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...protocols.corpus import Samples
from ...protocols.degradation import Degradation, Rendering, To, UnfitTrialError
from ...types import Query, Trial, Truth

if TYPE_CHECKING:
    from ...dataset import Dataset


class SignalDegradation(Degradation):
    """Base of degradations that map a signal to one of the same length, channel by channel."""

    def __init__(self, to: To) -> None:
        self.to = to

    @abstractmethod
    def degrade(self, samples: Samples, sample_rate_hz: int, of: Rendering, place: int) -> Samples:
        """A degraded signal [T] of a signal [T].

        Args:
            samples: float32, full scale ±1.
            sample_rate_hz: of the signal.
            of: the rendered trial, with the recordings and the seed of draws.
            place: number of the channel or of the enrollment, from 0.
        """

    def clue(self, trial: Trial, of: Dataset, seed: int) -> Trial:
        """The trial as it is; one without an enrollment has no degraded enrollment."""
        del of, seed
        return needs_enrollment(trial) if self.to == "enrollment" else trial

    def apply(self, query: Query, truth: Truth, of: Rendering) -> tuple[Query, Truth]:
        """Degrade the mixture or the enrollments of a query."""
        rate = query.sample_rate_hz
        if self.to == "mixture":
            channels = [self.degrade(each.numpy(), rate, of, place) for place, each in enumerate(query.mixture)]
            return replace(query, mixture=torch.from_numpy(np.stack(channels))), truth
        enrolled = query.clues.enrollments
        degraded = tuple(
            torch.from_numpy(self.degrade(each.numpy(), rate, of, place)) for place, each in enumerate(enrolled)
        )
        return with_enrollments(query, degraded), truth


def with_enrollments(query: Query, enrollments: tuple[Tensor, ...]) -> Query:
    """The query with other enrollments [T_k]."""
    return replace(query, clues=replace(query.clues, enrollments=enrollments))


def needs_enrollment(trial: Trial) -> Trial:
    """The trial; UnfitTrialError if it has no enrollment."""
    if not trial.clue.enrollments:
        raise UnfitTrialError("no enrollment")
    return trial
