"""Rendering of trials: the query that a system sees, and the truth that its answer is scored against."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import as_tensor
from ..core.errors import DatasetError
from .protocols.corpus import Corpora, Samples, VideoCorpus
from .protocols.degradation import Rendering, make_degradation
from .protocols.renderer import Rendered, in_mixture
from .render import render
from .seeding import sample_seed
from .signals.clips import render_clip
from .types import Clues, EnrollmentClip, Mixture, MixtureClip, Query, Trial, Truth, VideoClip

if TYPE_CHECKING:
    from torch import Tensor

Separated = Callable[[MixtureClip], Samples]
"""Renders a source of another mixture of the set, as it is there."""


def render_trial(
    trial: Trial,
    mixture: Mixture,
    corpora: Corpora,
    rendered: Rendered | None = None,
    *,
    separated: Separated | None = None,
    fingerprint: str = "",
) -> tuple[Query, Truth]:
    """Query and truth of one trial.

    Args:
        separated: renders enrollments that are sources of other mixtures.
        fingerprint: of the data set; the query's seed is that of its first sample.

    A degraded trial has a degraded query; of its truth, the target stays.
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

    enrolled = tuple(as_tensor(enrollment(clip).copy()) for clip in trial.clue.enrollments)
    video, fps = _video(trial.clue.video, mixture, corpora)
    clue = trial.clue
    every = signals.all_channels
    query = Query(
        id=trial.id,
        mixture=as_tensor((signals.mixture[None] if every is None else every).copy()),
        sample_rate_hz=rate,
        clues=Clues(
            enrollments=enrolled,
            classes=clue.classes,
            text=clue.text,
            video=video,
            video_fps=fps,
            negative_text=clue.negative_text,
            activity=clue.activity,
            direction=clue.direction,
        ),
        seed=sample_seed(fingerprint, trial.id, 0),
        reference_channel=mixture.reference_channel,
    )
    truth = _truth(trial, mixture, signals)
    for each in trial.degraded:
        clips = tuple(render_clip(clip, sample_rate_hz=rate, corpora=corpora) for clip in each.clips)
        degradation = make_degradation(each.name, each.settings, where=f"trial {trial.id!r}")
        of = Rendering(mixture=mixture, signals=signals, clips=clips, seed=each.seed)
        query, truth = degradation.apply(query, truth, of)
    return query, truth


def source_signal(source_id: str, mixture: Mixture, signals: Rendered) -> Samples:
    """One source [T] of a mixture; an auxiliary one with its own length, if the renderer has it."""
    ids = [source.id for source in mixture.sources]
    if source_id not in ids:
        raise DatasetError(
            f"mixture {mixture.id!r} has no source {source_id!r} (its sources: {', '.join(ids)}); build the set again"
        )
    samples: Samples = signals.sources[ids.index(source_id)]
    return signals.auxiliary.get(source_id, samples)


def _video(clip: VideoClip | None, mixture: Mixture, corpora: Corpora) -> tuple[Tensor | None, float | None]:
    """Pictures [F, H, W] in 0..1, or features [F, 1, D], as many as fit into the mixture, and their rate.

    The last picture stays if the video is shorter, as it is where sound outlasts it in a file. A clip of no pictures is
    a video that is missing: black.
    """
    if clip is None:
        return None, None
    corpus = corpora[clip.corpus]
    if not isinstance(corpus, VideoCorpus):
        raise DatasetError(
            f"video {clip.path!r} is of corpus {clip.corpus!r}, which has no videos; use one that "
            "has, such as synthetic_av or voxceleb2"
        )
    pictures, fps = corpus.read_video(clip.path, clip.start, max(1, clip.frames))
    if clip.frames == 0:
        pictures = np.zeros_like(pictures)
    seconds = mixture.num_samples / mixture.sample_rate_hz
    frames = max(1, int(seconds * fps + 1e-6))  # 1e-6: a product such as 3.9999 is 4 pictures
    last = len(pictures) - 1
    fitted = pictures[np.minimum(np.arange(frames), last)]
    scale = np.float32(255 if fitted.dtype == np.uint8 else 1)
    return as_tensor(fitted.astype(np.float32) / scale), fps


def _truth(trial: Trial, mixture: Mixture, signals: Rendered) -> Truth:
    wanted = np.array([source.id in trial.target_ids for source in mixture.sources])
    targets = [source for source in mixture.sources if source.id in trial.target_ids]
    # Without a reference, what else is in the mixture is not known either, also of a set that only withholds it.
    others = in_mixture(mixture) & ~wanted & (trial.recorded is None)
    target = None
    if targets:
        images = signals.sources[:, None] if signals.all_sources is None else signals.all_sources
        target = as_tensor(images[wanted].sum(axis=0, dtype=np.float32))
    return Truth(
        target=target,
        interferers=as_tensor(signals.sources[others].copy()),
        active_classes=tuple(s.label for s in mixture.sources if s.role == "foreground"),
        transcript=target_transcript(trial, mixture),
        target_labels=target_labels(trial, mixture),
        parts=_parts(target, mixture, [source.id for source in targets], signals.sources[wanted]),
        interferer_roles=tuple(source.role for source, other in zip(mixture.sources, others, strict=True) if other),
        recorded=trial.recorded,
    )


def target_labels(trial: Trial, mixture: Mixture) -> tuple[str, ...]:
    """Labels of the target's sources, or the speaker of a target without reference; none if it is absent."""
    if trial.recorded is not None:
        return (trial.recorded.speaker,)
    return tuple(source.label for source in mixture.sources if source.id in trial.target_ids)


def target_transcript(trial: Trial, mixture: Mixture) -> str | None:
    """Words of a target of one source, or of one without reference; None if they are unknown."""
    if trial.recorded is not None:
        return trial.recorded.transcript
    said = [source.transcript for source in mixture.sources if source.id in trial.target_ids]
    return said[0] if len(said) == 1 else None


def _parts(target: Tensor | None, mixture: Mixture, ids: list[str], sources: Samples) -> dict[str, Tensor]:
    """Each source [T] of the target by its id; a single one is the target's own tensor."""
    if target is not None and len(ids) == 1:
        return {ids[0]: target[mixture.reference_channel]}
    return {name: as_tensor(source.copy()) for name, source in zip(ids, sources, strict=True)}
