"""Clips of corpora as mono signals at the rate of a mixture."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from ...core.errors import AudioError, DatasetError
from ..protocols.corpus import ChannelCorpus, Corpora
from ..types import Clip
from .audio import resample

Samples = NDArray[np.float32]
ClipReader = Callable[[Clip], Samples]


def read_clip(clip: Clip, corpora: Corpora) -> tuple[Samples, int]:
    """Mono samples [T] of a clip at its own rate, and that rate in Hz."""
    if clip.corpus not in corpora:
        raise DatasetError(
            f"clip {clip.path!r} is of corpus {clip.corpus!r}, which is not open "
            f"(open: {', '.join(sorted(corpora)) or 'none'})"
        )
    return corpora[clip.corpus].read(clip.path, clip.start, clip.frames)


def render_clip(clip: Clip, *, sample_rate_hz: int, corpora: Corpora) -> Samples:
    """Mono samples [T] of a clip at the given rate; it is cut first and resampled then."""
    samples, rate = read_clip(clip, corpora)
    return resample(samples, from_hz=rate, to_hz=sample_rate_hz)


def read_channels(clip: Clip, corpora: Corpora, *, channels: int) -> tuple[Samples, int]:
    """All channels [C, T] of a clip at its own rate, and that rate in Hz.

    Raises:
        AudioError: the file has another number of channels.
        DatasetError: the corpus is not open, or has one channel.
    """
    corpus: object = corpora.get(clip.corpus)
    if not isinstance(corpus, ChannelCorpus):
        raise DatasetError(f"clip {clip.path!r} is of corpus {clip.corpus!r}, which gives no channels; is it open?")
    samples, rate = corpus.read_channels(clip.path, clip.start, clip.frames)
    if len(samples) != channels:
        raise AudioError(
            f"file {clip.path!r} of corpus {clip.corpus!r} has {len(samples)} channels, and its mixture {channels}; "
            "restore it"
        )
    return samples, rate


def clip_reader(*, sample_rate_hz: int, corpora: Corpora, keep: int = 32) -> ClipReader:
    """`render_clip` that caches the last clips, since a clip is first measured and then mixed."""
    return lru_cache(maxsize=keep)(partial(render_clip, sample_rate_hz=sample_rate_hz, corpora=corpora))
