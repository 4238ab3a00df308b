"""Rendering of recipes; the same recipe always gives the same samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.allocator import room_for
from ..core.errors import DatasetError
from .protocols.corpus import Corpora
from .protocols.renderer import RENDERERS, Rendered, in_mixture
from .renderers.standard import mix
from .signals.clips import ClipReader, render_clip
from .signals.mixing import SILENT_DB, peak_gain, power_db, round_gain
from .types import Mixture


def render(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All sources and their sum, in float32, in the order of the recipe."""
    if not room_for(8 * mixture.num_samples * mixture.channels * (len(mixture.sources) + 1)):
        raise DatasetError(
            f"mixture {mixture.id!r} has {mixture.num_samples} samples and {len(mixture.sources)} sources, more than "
            "the memory holds; is its set damaged?"
        )
    return RENDERERS.get(mixture.renderer)(mixture, corpora)


def limit_peak(
    mixture: Mixture, peak: float, corpora: Corpora, *, read: ClipReader | None = None
) -> tuple[Mixture, Rendered]:
    """Scale all gains so that no channel of the mixture or of a source exceeds `peak`; for the standard renderer.

    Args:
        read: a caching reader at the mixture's rate; None reads every clip.

    Returns:
        the scaled recipe, and the signals that `render` makes of it.
    """
    rate = mixture.sample_rate_hz
    clips = [
        read(s.clip) if read else render_clip(s.clip, sample_rate_hz=rate, corpora=corpora) for s in mixture.sources
    ]
    loud = mix(replace(mixture, quantise="none"), clips, corpora)
    every = [loud.mixture, *loud.sources]
    if loud.all_channels is not None and loud.all_sources is not None:
        every = [loud.all_channels, *loud.all_sources]
    gain = peak_gain(every, peak)
    sources = tuple(replace(s, gain=round_gain(s.gain * gain)) for s in mixture.sources)
    scaled = replace(mixture, sources=sources)
    return scaled, mix(scaled, clips, corpora)


def audible_ids(mixture: Mixture, rendered: Rendered) -> list[str]:
    """Ids of the sources that are not silent, in the recipe's order."""
    pairs = zip(mixture.sources, rendered.sources, strict=True)
    return [source.id for source, samples in pairs if power_db(samples) > SILENT_DB]


def input_snr(mixture: Mixture, rendered: Rendered, target_ids: tuple[str, ...]) -> dict[str, float]:
    """Tag `input_snr_db`: power of the target against the rest of the mixture, in 0.1 dB."""
    if not target_ids:
        return {}
    wanted = np.array([source.id in target_ids for source in mixture.sources])
    target, rest = (rendered.sources[part].sum(axis=0) for part in (wanted, in_mixture(mixture) & ~wanted))
    target_db, rest_db = power_db(target), power_db(rest)
    if not (np.isfinite(target_db) and np.isfinite(rest_db)):
        return {}
    return {"input_snr_db": round(target_db - rest_db, 1)}
