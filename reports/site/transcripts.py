"""Transcripts with their errors marked."""

from __future__ import annotations

from dataclasses import dataclass

from ...bench.asr.counting import Chunk, alignment
from ...bench.asr.normalise import open_normaliser
from ...bench.outcome import UndefinedValueError
from ...core.errors import TsebenchError
from ...datasets.transcripts import without_wsj_marks

_NORMALISERS = ("whisper_en", "basic", "none")
OF_ESTIMATES, OF_REFERENCES = "wer", "wer_reference"
"""Metrics whose rows hold transcripts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Output of a speech recogniser.

    Attributes:
        text: as it was recognised.
        chunks: the alignment with the reference, both normalised; empty where the reference is not known.
    """

    text: str
    chunks: tuple[Chunk, ...]


def transcript_of(text: str, reference: str, signature: str) -> Transcript:
    """Align a transcript (the `detail` of a row) with its reference as the metric did.

    The reference is "" if it is not known; the metric's signature names the normaliser.
    """
    name = next((n for n in _NORMALISERS if f"|{n}" in signature), "basic")
    try:
        parts = dict(part.partition(":")[::2] for part in signature.split("|"))
        normaliser = open_normaliser(name, parts.get("language", "en"))
        said = without_wsj_marks(reference) if parts.get("marks") == "wsj" else reference
        chunks = alignment(normaliser(said), normaliser(text))
    except (UndefinedValueError, TsebenchError):
        # No reference, or the normaliser's package is not installed here: no errors are marked.
        chunks = ()
    return Transcript(text=text, chunks=chunks)
