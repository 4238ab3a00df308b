"""From a recipe to samples. The same recipe always gives the same samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from .audio import quantise_int16, resample
from .corpus import Corpora
from .mixing import fade_ends, peak_gain, place, power_db, round_gain
from .types import Clip, Mixture, Source

Samples = NDArray[np.float32]
ClipReader = Callable[[Clip], Samples]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A mixture's signals: `sources` [S, T] in the recipe's order, and their sum `mixture` [T]."""

    sources: Samples
    mixture: Samples


def render_clip(clip: Clip, *, sample_rate_hz: int, corpora: Corpora) -> Samples:
    """Mono samples [T] of a clip at the given rate; it is cut first and resampled then."""
    if clip.corpus not in corpora:
        raise DatasetError(
            f"clip {clip.path!r} is of corpus {clip.corpus!r}, which is not open "
            f"(open: {', '.join(sorted(corpora)) or 'none'})"
        )
    samples, rate = corpora[clip.corpus].read(clip.path, clip.start, clip.frames)
    return resample(samples, from_hz=rate, to_hz=sample_rate_hz)


def clip_reader(*, sample_rate_hz: int, corpora: Corpora, keep: int = 32) -> ClipReader:
    """`render_clip` that keeps what it read last: a clip is measured first and mixed then."""
    return lru_cache(maxsize=keep)(
        partial(render_clip, sample_rate_hz=sample_rate_hz, corpora=corpora)
    )


def render(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All sources and their sum, in float32, in the order of the recipe."""
    rate = mixture.sample_rate_hz
    return _mix(mixture, [_clip(source, rate, corpora) for source in mixture.sources])


def limit_peak(
    mixture: Mixture, peak: float, corpora: Corpora, *, read: ClipReader | None = None
) -> tuple[Mixture, Rendered]:
    """Scale all gains so that neither the mixture nor a source exceeds `peak`.

    Args:
        mixture: the recipe.
        peak: largest magnitude.
        corpora: open corpora.
        read: a reader at the mixture's rate that keeps what it read; None reads every clip.

    Returns:
        the scaled recipe, and its signals, the same that `render` makes.
    """
    rate = mixture.sample_rate_hz
    clips = [
        read(source.clip) if read else _clip(source, rate, corpora) for source in mixture.sources
    ]
    loud = _mix(replace(mixture, quantise="none"), clips)
    gain = peak_gain([loud.mixture, *loud.sources], peak)
    sources = tuple(replace(s, gain=round_gain(s.gain * gain)) for s in mixture.sources)
    scaled = replace(mixture, sources=sources)
    return scaled, _mix(scaled, clips)


def input_snr(
    mixture: Mixture, rendered: Rendered, target_ids: tuple[str, ...]
) -> dict[str, float]:
    """Tag `input_snr_db`: power of the target against the rest of the mixture, in 0.1 dB."""
    if not target_ids:
        return {}
    wanted = np.array([source.id in target_ids for source in mixture.sources])
    target, rest = (rendered.sources[part].sum(axis=0) for part in (wanted, ~wanted))
    target_db, rest_db = power_db(target), power_db(rest)
    if not (np.isfinite(target_db) and np.isfinite(rest_db)):
        return {}
    return {"input_snr_db": round(target_db - rest_db, 1)}


def _clip(source: Source, sample_rate_hz: int, corpora: Corpora) -> Samples:
    return render_clip(source.clip, sample_rate_hz=sample_rate_hz, corpora=corpora)


def _mix(mixture: Mixture, clips: Sequence[Samples]) -> Rendered:
    """Fade, scale, place and add up the clips [T_k] of a recipe's sources."""
    sources = np.stack(
        [
            place(
                fade_ends(clip, source.fade) * np.float32(source.gain),
                onset=source.onset,
                length=mixture.num_samples,
            )
            for source, clip in zip(mixture.sources, clips, strict=True)
        ]
    )
    total: Samples = np.add.reduce(sources, axis=0)
    if mixture.quantise == "int16":
        return Rendered(sources=quantise_int16(sources), mixture=quantise_int16(total))
    return Rendered(sources=sources, mixture=total)
