"""Errors of words or characters: the fewest substitutions, deletions and insertions between two texts.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..outcome import UndefinedValueError
from .protocol import import_package


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Counts of one alignment, or their sums over many; "words" are characters in a character error rate.

    Attributes:
        hits: words of the reference that were recognised.
        substitutions: words recognised as another.
        deletions: words of the reference that have no partner.
        insertions: words of the hypothesis that have none.
    """

    hits: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def words(self) -> int:
        """Words of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def edits(self) -> int:
        """All errors."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Word error rate in percent, above 100 where insertions abound; NaN without words."""
        return 100 * self.edits / self.words if self.words else math.nan


class Chunk(NamedTuple):
    """A stretch of an alignment: neighbouring words of one kind, joined by spaces.

    Attributes:
        kind: "equal", "substitute", "delete" or "insert".
        reference: words of the reference; "" for an insertion.
        hypothesis: words of the hypothesis; "" for a deletion.
    """

    kind: str
    reference: str
    hypothesis: str


def count_errors(reference: str, hypothesis: str, *, characters: bool = False) -> WordErrors:
    """Count the errors of a hypothesis by jiwer, of normalised texts with words separated by spaces.

    Args:
        characters: count over characters, of which a space is one (`jiwer.cer`).

    An alignment with the fewest edits is not unique, and neither are its kinds of errors; their sum is.

    Raises:
        UndefinedValueError: the reference has no words ("no_transcript").
        ConfigError: jiwer is not installed.
    """
    found = _align(reference, hypothesis, characters=characters)
    return WordErrors(found.hits, found.substitutions, found.deletions, found.insertions)


def alignment(reference: str, hypothesis: str) -> tuple[Chunk, ...]:
    """The alignment that `count_errors` counts, for reports that mark errors.

    Put together, the chunks give all words of both texts in order. Raises as `count_errors`.
    """
    spoken, recognised = reference.split(), hypothesis.split()
    chunks = []
    for chunk in _align(reference, hypothesis).alignments[0]:
        said = " ".join(spoken[chunk.ref_start_idx : chunk.ref_end_idx])
        chunks.append(Chunk(chunk.type, said, " ".join(recognised[chunk.hyp_start_idx : chunk.hyp_end_idx])))
    return tuple(chunks)


def _align(reference: str, hypothesis: str, *, characters: bool = False) -> Any:
    """Jiwer's output for one pair."""
    if not reference.split():
        raise UndefinedValueError("no_transcript")
    jiwer = import_package("jiwer", distribution="jiwer")
    process = jiwer.process_characters if characters else jiwer.process_words
    return process(" ".join(reference.split()), " ".join(hypothesis.split()))
