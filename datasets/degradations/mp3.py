"""Degradation `mp3`."""

from __future__ import annotations

from ..protocols.degradation import DEGRADATIONS
from .shared.codec import CodecDegradation


@DEGRADATIONS.register("mp3")
class Mp3(CodecDegradation):
    """MP3 (MPEG-1, 2 or 2.5 layer III) of a constant bit rate, coded by LAME and decoded by mpg123.

    The delay of coder and decoder is taken out to the sample.

    Args:
        level: bit rate, one that layer III has: 8 to 64 kbit/s at sample rates up to 12 kHz, 8 to 160 up to 24 kHz, 32
            to 320 above.
        library: release of libsndfile, whose samples another release need not give; the one that is installed.
    """

    codec = "mp3"
    title = "MP3 bit rate"
    examples = (16, 8)
    unit = "kbit/s"
