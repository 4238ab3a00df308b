"""Geometry of the axes of waveforms and spectrograms in players: seconds and kHz, in percent."""

from __future__ import annotations

from typing import NamedTuple

from .axes import ticks

_EDGE = 92.0  # labels of later ticks end at their tick, so that they stay inside


class Tick(NamedTuple):
    """A tick: its place in percent, its label, and "start", "end" or "" for the side where the label begins."""

    place: float
    label: str
    side: str = ""


def time_ticks(duration_s: float, *, about: int) -> list[Tick]:
    """Round numbers of seconds along a track; the last one has the unit."""
    if not duration_s > 0.0:
        return []
    values = ticks(0.0, duration_s, about=about)
    places = [100.0 * value / duration_s for value in values]
    sides = ["start" if place == 0.0 else "end" if place > _EDGE else "" for place in places]
    labels = [f"{value:g}" for value in values]
    labels[-1] += " s"
    return [Tick(*each) for each in zip(places, labels, sides, strict=True)]


def frequency_ticks(top_khz: float, *, about: int) -> list[Tick]:
    """Round numbers of kHz from the bottom of a spectrogram to `top_khz`."""
    if not top_khz > 0.0:
        return []
    return [Tick(100.0 * value / top_khz, f"{value:g}") for value in ticks(0.0, top_khz, about=about)]
