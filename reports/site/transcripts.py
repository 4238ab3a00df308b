"""Transcripts with their errors marked."""

from __future__ import annotations

from dataclasses import dataclass

from ...bench.asr.counting import Chunk, alignment
from ...bench.asr.normalise import clean_reference, open_normaliser
from ...bench.outcome import UndefinedValueError
from ...core.errors import TsebenchError

_NORMALISERS = ("whisper_en", "basic", "none")
OF_ESTIMATES, OF_REFERENCES = "wer", "wer_reference"
"""Metrics whose rows hold what was recognised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a recogniser heard.

    Attributes:
        text: as it was recognised.
        chunks: the alignment with what was said, both normalised; empty where that is not known.
    """

    text: str
    chunks: tuple[Chunk, ...]


def words_of(heard: str, said: str, signature: str) -> Words:
    """Align what was heard with what was said, as the metric did.

    Args:
        heard: the `detail` of a word error rate's row.
        said: the transcript of the target, "" if it is not known.
        signature: of the metric; it names the normaliser.
    """
    name = next((n for n in _NORMALISERS if f"|{n}" in signature), "basic")
    try:
        normaliser = open_normaliser(name)
        chunks = alignment(normaliser(clean_reference(said)), normaliser(heard))
    except (UndefinedValueError, TsebenchError):
        # Nothing was said, or the normaliser's package is not installed here: no errors are marked.
        chunks = ()
    return Words(text=heard, chunks=chunks)
