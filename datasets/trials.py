"""From a trial to what a system sees and what it is judged by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import DatasetError
from .clips import render_clip
from .corpus import Corpora
from .render import render
from .renderer import Rendered
from .types import Clues, EnrollmentClip, Mixture, MixtureClip, Query, Trial, Truth

Samples = NDArray[np.float32]
Separated = Callable[[MixtureClip], Samples]
"""Gives a source of another mixture of the set as it is rendered there."""


def render_trial(
    trial: Trial,
    mixture: Mixture,
    corpora: Corpora,
    rendered: Rendered | None = None,
    *,
    separated: Separated | None = None,
) -> tuple[Query, Truth]:
    """Query and truth of one trial.

    Args:
        trial: the question.
        mixture: its mixture.
        corpora: open corpora.
        rendered: the mixture's signals, if they are at hand.
        separated: gives enrollments that are sources of other mixtures.

    Raises:
        DatasetError: such an enrollment is wanted, and `separated` is None.
    """
    signals = rendered or render(mixture, corpora)
    rate = mixture.sample_rate_hz

    def enrollment(clip: EnrollmentClip) -> Samples:
        if not isinstance(clip, MixtureClip):
            return render_clip(clip, sample_rate_hz=rate, corpora=corpora)
        if clip.mixture_id == mixture.id:
            return source_signal(clip.source_id, mixture, signals)
        if separated is None:
            raise DatasetError(
                f"trial {trial.id!r} enrolls with mixture {clip.mixture_id!r}, which is not at "
                "hand here; build the set, and read it from its folder"
            )
        return separated(clip)

    clues = Clues(
        enrollments=tuple(
            torch.from_numpy(enrollment(clip).copy()) for clip in trial.clue.enrollments
        ),
        classes=trial.clue.classes,
        text=trial.clue.text,
    )
    query = Query(
        id=trial.id,
        mixture=torch.from_numpy(signals.mixture[None].copy()),
        sample_rate_hz=rate,
        clues=clues,
    )
    return query, _truth(trial, mixture, signals)


def source_signal(source_id: str, mixture: Mixture, signals: Rendered) -> Samples:
    """One source [T] of a mixture.

    Raises:
        DatasetError: the mixture has no such source.
    """
    ids = [source.id for source in mixture.sources]
    if source_id not in ids:
        raise DatasetError(
            f"mixture {mixture.id!r} has no source {source_id!r} (its sources: {', '.join(ids)}); "
            "build the set again"
        )
    samples: Samples = signals.sources[ids.index(source_id)]
    return samples


def _truth(trial: Trial, mixture: Mixture, signals: Rendered) -> Truth:
    wanted = np.array([source.id in trial.target_ids for source in mixture.sources])
    heard = np.array([source.role != "auxiliary" for source in mixture.sources])
    targets = [source for source in mixture.sources if source.id in trial.target_ids]
    target = None
    if targets:
        total = signals.sources[wanted].sum(axis=0, dtype=np.float32)
        target = torch.from_numpy(total[None])
    return Truth(
        target=target,
        interferers=torch.from_numpy(signals.sources[heard & ~wanted].copy()),
        active_classes=tuple(s.label for s in mixture.sources if s.role == "foreground"),
        transcript=targets[0].transcript if len(targets) == 1 else None,
    )
