"""What players get of a trial: its signals, its recipe and an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..datasets.types import Mixture, Trial

Samples = NDArray[np.float32]

MOST_FRAMES = 1 << 26
"""Samples of the longest sound of a player: 70 minutes at 16 kHz, half a gigabyte as float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSignals:
    """Audio of one trial without estimates.

    Attributes:
        mixture: [T], the reference channel.
        target: [T], the same of it, or None if the target is absent, or has no reference.
        enrollments: [T_k] each.
        unreferenced: whether the target is in the mixture, and has no reference.
        video: [F, H, W] grey pictures of the clue, and their rate, or None.
        parts: label and samples [T] of each source of a target that is a sum; () where it is one source.
    """

    sample_rate_hz: int
    mixture: Samples
    target: Samples | None
    enrollments: tuple[Samples, ...]
    unreferenced: bool = False
    video: tuple[NDArray[np.uint8], float] | None = None
    parts: tuple[tuple[str, Samples], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecipe:
    """Recipe of a trial.

    Attributes:
        transcript: of the target, if it is one utterance with a known transcript.
    """

    trial: Trial
    mixture: Mixture
    transcript: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Estimate of one trial: samples [T], or None and the reason.

    Attributes:
        outputs: label and samples [T] of each labelled output that was kept with it.
        outputs_reason: why outputs that were kept are not here; "" if they are.
    """

    samples: Samples | None
    sample_rate_hz: int = 0
    reason: str = ""
    outputs: tuple[tuple[str, Samples], ...] = ()
    outputs_reason: str = ""
