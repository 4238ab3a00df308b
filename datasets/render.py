"""From a recipe to samples. The same recipe always gives the same samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from .audio import quantise_int16, resample
from .corpus import Corpora
from .mixing import fade_ends, peak_gain, place, power_db, round_gain
from .types import Clip, Mixture, Source

Samples = NDArray[np.float32]


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


def render_source(
    source: Source, *, sample_rate_hz: int, num_samples: int, corpora: Corpora
) -> Samples:
    """One source as it is in the mixture, [T]: resampled, faded, scaled, placed, cut."""
    samples = render_clip(source.clip, sample_rate_hz=sample_rate_hz, corpora=corpora)
    samples = fade_ends(samples, source.fade) * np.float32(source.gain)
    return place(samples, onset=source.onset, length=num_samples)


def render(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All sources and their sum, in float32, in the order of the recipe."""
    sources = np.stack(
        [
            render_source(
                source,
                sample_rate_hz=mixture.sample_rate_hz,
                num_samples=mixture.num_samples,
                corpora=corpora,
            )
            for source in mixture.sources
        ]
    )
    total: Samples = np.add.reduce(sources, axis=0)
    if mixture.quantise == "int16":
        return Rendered(sources=quantise_int16(sources), mixture=quantise_int16(total))
    return Rendered(sources=sources, mixture=total)


def limit_peak(mixture: Mixture, peak: float, corpora: Corpora) -> tuple[Mixture, Rendered]:
    """Scale all gains so that neither the mixture nor a source exceeds `peak`.

    Returns:
        the scaled recipe, and the signals as they were before the scaling, not quantised.
    """
    rendered = render(replace(mixture, quantise="none"), corpora)
    gain = peak_gain([rendered.mixture, *rendered.sources], peak)
    sources = tuple(replace(s, gain=round_gain(s.gain * gain)) for s in mixture.sources)
    return replace(mixture, sources=sources), rendered


def input_snr(
    mixture: Mixture, rendered: Rendered, target_ids: tuple[str, ...]
) -> dict[str, float]:
    """Tag `input_snr_db`: power of the target against the rest of the mixture, in 0.1 dB."""
    if not target_ids:
        return {}
    wanted = [source.id in target_ids for source in mixture.sources]
    target = rendered.sources[wanted].sum(axis=0)
    ratio_db = power_db(target) - power_db(rendered.mixture - target)
    return {"input_snr_db": round(ratio_db, 1)} if np.isfinite(ratio_db) else {}
