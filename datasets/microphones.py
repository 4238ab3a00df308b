"""Microphones of a mixture of several channels, and the room around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_CHANNELS = 64
"""Channels of a mixture."""

CLOSEST_M = 0.05
"""Least distance of a source from a microphone."""

Position = tuple[float, float, float]
"""A point in metres: to the right, to the front, upwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Microphones:
    """Omnidirectional microphones, in the open or in a room with six flat walls, and the way sound reaches them.

    Attributes:
        positions_m: one for each channel; in a room from its lower, left, near corner.
        room_m: length of the room along each axis; None: in the open, where sound comes on the direct path alone.
        reflection: share of the sound pressure that a wall reflects, 0 to 1.
        order: most reflections of a path.
    """

    positions_m: tuple[Position, ...]
    room_m: Position | None = None
    reflection: float = 0.0
    order: int = 0


MOST_REFLECTIONS = 30
_FARTHEST_M = 1e4


def channels_problem(
    microphones: Microphones | None, *, channels: int, reference: int, sources_m: Sequence[Position | None]
) -> str:
    """Why the channels of a mixture with sources at these places do not fit together; "" if they do."""
    if not (1 <= channels <= MOST_CHANNELS and 0 <= reference < channels):
        return f"channels = {channels} with reference_channel = {reference}; there are 1 to {MOST_CHANNELS}, from 0"
    if microphones is None:
        return ""
    known = [place for place in sources_m if place is not None]
    if len(microphones.positions_m) != channels or len(known) != len(sources_m):
        return f"{len(microphones.positions_m)} microphones for {channels} channels, or a source without position_m"
    if not (0 <= microphones.reflection <= 1 and 0 <= microphones.order <= MOST_REFLECTIONS):
        given = f"reflection = {microphones.reflection:g} and order = {microphones.order}"
        return f"{given}; a reflection is 0 to 1, an order 0 to {MOST_REFLECTIONS}"
    return _places_problem(microphones, known)


def _places_problem(microphones: Microphones, sources_m: Sequence[Position]) -> str:
    places, room = [*microphones.positions_m, *sources_m], microphones.room_m
    if not all(abs(value) <= _FARTHEST_M for place in (*places, room or (0.0, 0.0, 0.0)) for value in place):
        return f"a position farther than {_FARTHEST_M:g} m"
    if room is not None and not all(0 < v < size for place in places for v, size in zip(place, room, strict=True)):
        return f"a position outside the room of {' x '.join(f'{size:g}' for size in room)} m"
    if any(math.dist(place, source) < CLOSEST_M for source in sources_m for place in microphones.positions_m):
        return f"a source closer than {CLOSEST_M:g} m to a microphone"
    return ""
