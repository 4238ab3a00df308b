"""Facts on sets and trials that rows and records of runs hold; reports import them without recipes and audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ConditionKind = Literal["FMQ", "PMQ", "FUQ", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCard:
    """Place of a set in a sweep: a plain set with one level of one degradation.

    Attributes:
        plain: name of the plain set, whose trials have the same ids.
        fingerprint: of the plain set.
        sweep: name of the sweep, unique among those of the plain set.
        degradation: registered name.
        level: the level as text, for example "16".
        value: the level as a number; None where it is none.
        place: number of the level in the sweep, from 1; 0 is the plain set.
        title: quantity of the level, for example "MP3 bit rate".
        unit: of the level; "" without one.
    """

    plain: str
    fingerprint: str
    sweep: str
    degradation: str
    level: str
    value: float | None
    place: int
    title: str
    unit: str
