"""From a trial to what a system sees and what it is judged by."""

from __future__ import annotations

import numpy as np
import torch

from .corpus import Corpora
from .render import Rendered, render, render_clip
from .types import Clues, Mixture, Query, Trial, Truth


def render_trial(
    trial: Trial, mixture: Mixture, corpora: Corpora, rendered: Rendered | None = None
) -> tuple[Query, Truth]:
    """Query and truth of one trial.

    Args:
        trial: the question.
        mixture: its mixture.
        corpora: open corpora.
        rendered: the mixture's signals, if they are at hand.
    """
    signals = rendered or render(mixture, corpora)
    rate = mixture.sample_rate_hz
    clues = Clues(
        enrollments=tuple(
            torch.from_numpy(render_clip(clip, sample_rate_hz=rate, corpora=corpora).copy())
            for clip in trial.clue.enrollments
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


def _truth(trial: Trial, mixture: Mixture, signals: Rendered) -> Truth:
    wanted = np.array([source.id in trial.target_ids for source in mixture.sources])
    targets = [source for source in mixture.sources if source.id in trial.target_ids]
    target = None
    if targets:
        total = signals.sources[wanted].sum(axis=0, dtype=np.float32)
        target = torch.from_numpy(total[None])
    return Truth(
        target=target,
        interferers=torch.from_numpy(signals.sources[~wanted].copy()),
        active_classes=tuple(s.label for s in mixture.sources if s.role == "foreground"),
        transcript=targets[0].transcript if len(targets) == 1 else None,
    )
