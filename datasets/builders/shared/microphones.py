"""Microphones of a set: places of sources around them, drawn by mixture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from ....core.errors import ConfigError
from ....core.validation import StrictModel
from ...microphones import CLOSEST_M, MOST_CHANNELS, MOST_REFLECTIONS, Microphones, Position
from ...protocols.builder import BuildContext
from ...seeding import generator
from ...types import Direction, Mixture, Source
from .options import NotNegative, Seconds, SecondsSpan

_TRIES = 100
_IN_ROOM = (0.45, 0.4, 0.5)  # of the array, as shares of the room: off the middle, where images coincide
_SABINE = 0.161  # s/m


def _angles(value: tuple[float, float]) -> tuple[float, float]:
    if not -180 <= value[0] <= value[1] <= 180:
        raise ValueError(f"{list(value)} must rise, within -180 and 180")
    return value


class MicrophoneOptions(StrictModel):
    """Microphones, and where sources are drawn around them.

    Attributes:
        positions_m: [right, front, up] of each microphone from the middle of the array, in metres; the channels are in
            this order.
        reference: channel, from 0, that systems and metrics of one channel take; levels of sources are those there.
        distance_m: nearest and farthest source from the middle of the array, drawn uniformly.
        azimuth_deg: rightmost and leftmost direction of a source, drawn uniformly: 0 is in front, 90 to the left.
        apart_deg: least angle between two sources of a mixture.
        room_m: size [right, front, up] of a room in metres; null: in the open, where sound comes on the direct path
            alone. The array is at 45 %, 40 % and 50 % of it.
        rt60_s: reverberation time of the room, which gives the reflection of its walls by Eyring's formula, as if
            sound were everywhere alike: small rooms decay up to a half more slowly. null: walls reflect nothing.
        order: most reflections of a path; energy of later ones is missing.
    """

    positions_m: Annotated[tuple[Position, ...], Field(min_length=2, max_length=MOST_CHANNELS)]
    reference: Annotated[int, Field(ge=0)] = 0
    distance_m: SecondsSpan = (0.8, 1.5)
    azimuth_deg: Annotated[tuple[float, float], AfterValidator(_angles)] = (-90.0, 90.0)
    apart_deg: NotNegative = 20.0
    room_m: tuple[Seconds, Seconds, Seconds] | None = None
    rt60_s: Seconds | None = None
    order: Annotated[int, Field(ge=0, le=MOST_REFLECTIONS)] = 6


class Placement:
    """Draws places of sources, and adds them and the microphones to recipes of single recordings."""

    def __init__(self, context: BuildContext, options: MicrophoneOptions | None) -> None:
        self._context, self._options = context, options
        if options is None:
            return
        _check(options)
        self._microphones = Microphones(
            positions_m=tuple(_moved(place, _middle(options)) for place in options.positions_m),
            room_m=options.room_m,
            reflection=_reflection(options),
            order=options.order if options.room_m and options.rt60_s else 0,
        )

    @property
    def places(self) -> bool:
        """Whether there are several microphones, so that sources have places."""
        return self._options is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """A remark on the channels, if there are several."""
        if self._options is None:
            return ()
        count, reference = len(self._options.positions_m), self._options.reference
        return (f"mixtures have {count} channels; the reference channel is {reference}",)

    def direction(self, source: Source) -> Direction | None:
        """Direction from the middle of the array to a placed source, to 0.001°; None for one without a place."""
        if self._options is None or source.position_m is None:
            return None
        right, front, up = (a - b for a, b in zip(source.position_m, _middle(self._options), strict=True))
        azimuth = round(math.degrees(math.atan2(-right, front)), 3)
        elevation = round(math.degrees(math.atan2(up, math.hypot(right, front))), 3)
        return Direction(azimuth_deg=180.0 if azimuth == -180 else azimuth, elevation_deg=elevation)

    def placed(self, mixture: Mixture) -> Mixture:
        """The recipe with microphones; itself without any."""
        options = self._options
        if options is None:
            return mixture
        rng = generator(*self._context.key(mixture.id), "positions")
        angles = _azimuths(options, len(mixture.sources), rng)
        distances = rng.uniform(*options.distance_m, size=len(angles))
        middle = _middle(options)
        sources = [
            replace(source, position_m=_at(middle, angle, float(distance)))
            for source, angle, distance in zip(mixture.sources, angles, distances, strict=True)
        ]
        return replace(
            mixture,
            sources=tuple(sources),
            channels=len(options.positions_m),
            reference_channel=options.reference,
            microphones=self._microphones,
        )


def _check(options: MicrophoneOptions) -> None:
    """Check that all sources that may be drawn fit the array and the room."""
    count, positions = len(options.positions_m), options.positions_m
    if options.reference >= count:
        raise ConfigError(
            f"microphones: reference = {options.reference} is none of the {count} channels; they count from 0"
        )
    if any(abs(value) > 100 or not math.isfinite(value) for place in positions for value in place):
        raise ConfigError("microphones: positions_m holds a place farther than 100 m from the middle; give metres")
    reach = max(math.hypot(*place) for place in positions)
    if options.distance_m[0] < reach + CLOSEST_M:
        raise ConfigError(
            f"microphones: distance_m = {list(options.distance_m)} lets sources come closer than {CLOSEST_M:g} m to a "
            f"microphone, which are up to {reach:g} m from the middle; raise it"
        )
    if options.rt60_s is not None and options.room_m is None:
        raise ConfigError("microphones: rt60_s needs a room; add room_m, or leave out rt60_s")
    if options.room_m is None:
        return
    middle = _middle(options)
    free_m = min(min(place, size - place) for place, size in zip(middle[:2], options.room_m[:2], strict=True))
    if max(options.distance_m[1], reach) >= free_m or reach >= min(middle[2], options.room_m[2] - middle[2]):
        raise ConfigError(
            f"microphones: distance_m = {list(options.distance_m)} reaches out of the room of {list(options.room_m)} "
            f"m, whose walls are {free_m:g} m from the array; lower it or enlarge the room"
        )


def _reflection(options: MicrophoneOptions) -> float:
    """Reflected share of the pressure: by Eyring, T = 0.161 V / (−S ln(1 − α)), and sqrt(1 − α)."""
    if options.room_m is None or options.rt60_s is None:
        return 0.0
    x, y, z = options.room_m
    volume, surface = x * y * z, 2 * (x * y + y * z + x * z)
    return float(f"{math.exp(-0.5 * _SABINE * volume / (surface * options.rt60_s)):.6g}")


def _azimuths(options: MicrophoneOptions, count: int, rng: np.random.Generator) -> Sequence[float]:
    """Directions of sources in degrees, at least `apart_deg` from each other.

    Raises:
        ConfigError: so many sources do not fit.
    """
    for _ in range(_TRIES):
        angles = [float(angle) for angle in rng.uniform(*options.azimuth_deg, size=count)]
        gaps = [abs((a - b + 180) % 360 - 180) for n, a in enumerate(angles) for b in angles[:n]]
        if min(gaps, default=360.0) >= options.apart_deg:
            return angles
    raise ConfigError(
        f"microphones: {count} sources within azimuth_deg = {list(options.azimuth_deg)} are hardly ever "
        f"{options.apart_deg:g} degrees apart; lower apart_deg"
    )


def _middle(options: MicrophoneOptions) -> Position:
    """Middle of the array."""
    if options.room_m is None:
        return (0.0, 0.0, 0.0)
    x, y, z = (round(share * size, 6) for share, size in zip(_IN_ROOM, options.room_m, strict=True))
    return x, y, z


def _at(middle: Position, azimuth_deg: float, distance_m: float) -> Position:
    """A place at the height of the array, in micrometres."""
    angle = math.radians(azimuth_deg)
    return _moved(middle, (-distance_m * math.sin(angle), distance_m * math.cos(angle), 0.0))


def _moved(place: Position, by: Position) -> Position:
    x, y, z = (round(a + b, 6) for a, b in zip(place, by, strict=True))
    return x, y, z
