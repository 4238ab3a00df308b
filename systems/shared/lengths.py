"""Lengths of estimates: what is trimmed or padded, and what fails. Worker processes import this module."""

from __future__ import annotations

LENGTH_TOLERANCE_S = 0.010
"""An estimate whose length is off by less is trimmed or padded, with a note; by more, it fails."""


def far_too_long(frames: int, length: int, sample_rate_hz: int) -> bool:
    """Whether an estimate has so many more frames than its trial that it is not even decoded, moved or stored.

    Its trial fails with the reason `length`, as after less.
    """
    return frames > 4 * length + sample_rate_hz


def wrong_length(samples: int, length: int, other: str = "mixture") -> str:
    """Reason of a trial whose estimate has another length than `other`, the signal that it belongs to."""
    return f"length: estimate has {samples} samples, {other} has {length}"
