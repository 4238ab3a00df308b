"""Degradation `vorbis`."""

from __future__ import annotations

from ..protocols.degradation import DEGRADATIONS
from .shared.codec import CodecDegradation


@DEGRADATIONS.register("vorbis")
class Vorbis(CodecDegradation):
    """Ogg Vorbis of a constant quality, coded and decoded by libvorbis; it has no delay.

    Args:
        level: quality, 0 (about 40 kbit/s at 44.1 kHz) to 10.
        library: release of libsndfile, whose samples another release need not give; the one that is installed.
    """

    codec = "vorbis"
    title = "Vorbis quality"
    examples = (3, 0)
