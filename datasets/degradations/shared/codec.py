"""Signals through a lossy codec."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....core.errors import DatasetError
from ...protocols.corpus import Samples
from ...protocols.degradation import Rendering, To
from ...signals.codecs import LIBRARY, Codec, check_level, coded
from ...types import Trial
from .signals import SignalDegradation

if TYPE_CHECKING:
    from ...dataset import Dataset


class CodecDegradation(SignalDegradation):
    """Base of the codecs of libsndfile; the release of the library is a setting, since its samples depend on it.

    Attributes:
        codec: name of the codec.
    """

    codec: ClassVar[Codec]

    def __init__(self, *, level: float, to: To = "mixture", library: str = LIBRARY) -> None:
        super().__init__(to)
        if library != LIBRARY:
            raise DatasetError(f"the set was coded by {library}, and here is {LIBRARY}; install that, or sweep again")
        self._level = level

    def clue(self, trial: Trial, of: Dataset, seed: int) -> Trial:
        """The trial, if the codec has the level at the rate of the set."""
        check_level(self.codec, self._level, of.card.sample_rate_hz)
        return super().clue(trial, of, seed)

    def degrade(self, samples: Samples, sample_rate_hz: int, of: Rendering, place: int) -> Samples:
        """The decoded signal [T], aligned with the plain one."""
        del of, place
        return coded(samples, sample_rate_hz, codec=self.codec, level=self._level)
