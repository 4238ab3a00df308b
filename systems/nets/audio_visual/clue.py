"""Input and output of networks with a visual clue."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..visual.videos import Videos


@dataclass(frozen=True, slots=True, kw_only=True)
class AvClue:
    """Clues of B queries.

    Attributes:
        videos: lips of the wanted speaker.
        enrollment: [B, T'] of a speaker who is not in the picture, zeros past the lengths; None for networks that use
            the video alone.
        enrollment_lengths: [B].
    """

    videos: Videos
    enrollment: Tensor | None = None
    enrollment_lengths: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AvAnswer:
    """Estimates, and what further losses of the training need.

    Attributes:
        estimate: [B, T].
        embeddings: embeddings [B, D] of the voices of intermediate estimates, one for each speaker classifier.
        activity: logits [B, K] of the voice activity of the enrolled speaker on the audio frames, one for each stack.
    """

    estimate: Tensor
    embeddings: tuple[Tensor, ...] = ()
    activity: tuple[Tensor, ...] = ()
