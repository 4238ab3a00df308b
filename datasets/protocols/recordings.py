"""Protocol of corpora of real recordings: mixtures with enrollments and facts on their targets, without references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..types import RecordedTarget, Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A file of a corpus, or the part of it from `start_s` to `end_s` (None: to its end)."""

    path: str
    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTrial:
    """One target in one recording.

    Attributes:
        id: letters, digits and `_-.+`; unique in the corpus.
        mixture_id: of the recording; trials on one stretch share it.
        target: None if the wanted speaker is not in the recording.
    """

    id: str
    mixture_id: str
    mixture: Stretch
    enrollments: tuple[Stretch, ...]
    target: RecordedTarget | None
    tags: Mapping[str, Tag] = field(default_factory=dict)


@runtime_checkable
class RecordingCorpus(Protocol):
    """A corpus that lists its trials."""

    def recorded_trials(self, split: str) -> Sequence[RecordedTrial]:
        """The trials of a split, in a fixed order; CorpusError if their table is missing or damaged."""
        ...
