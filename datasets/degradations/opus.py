"""Degradation `opus`."""

from __future__ import annotations

from ..protocols.degradation import DEGRADATIONS
from .shared.codec import CodecDegradation


@DEGRADATIONS.register("opus")
class Opus(CodecDegradation):
    """Opus (RFC 6716) at a mean bit rate, coded and decoded by libopus.

    The delay, of a few samples, is taken out to the sample.

    Args:
        level: mean bit rate of one channel, 6 to 256 kbit/s.
        library: release of libsndfile, whose samples another release need not give; the one that is installed.
    """

    codec = "opus"
    title = "Opus bit rate"
    examples = (24, 6)
    unit = "kbit/s"
