"""Sweeps in configs: levels of one degradation, each a set over a plain set."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..core.constraint_words import LABEL
from ..core.validation import StrictModel
from .config import CorpusConfig

Level = int | float | str


class SweepSpec(StrictModel):
    """Levels of one degradation, each a set of its own over a plain set.

    Attributes:
        degradation: registered name, see `tsebench list degradations`.
        levels: levels, in the order of curves and tables; the plain set is the first point of every curve.
        options: options of the degradation, see `tsebench explain degradation NAME`.
        label: name of the sweep, and part of the names of its sets; null: the name of the degradation, with
            `enrollment_` before it where it changes enrollments.
        corpora: further corpora by name, for recorded noise and measured responses of rooms.
    """

    degradation: str
    levels: tuple[Level, ...] = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
    label: str | None = Field(default=None, pattern=LABEL)
    corpora: dict[str, CorpusConfig] = Field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name of the sweep."""
        if self.label is not None:
            return self.label
        return f"enrollment_{self.degradation}" if self.options.get("to") == "enrollment" else self.degradation


def level_text(level: Level) -> str:
    """A level as part of a name: 16, 0.5, -5 or a word."""
    return level if isinstance(level, str) else f"{level:g}"
