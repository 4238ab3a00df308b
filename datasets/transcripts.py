r"""Texts of transcripts, of any language: one clean-up for all corpora and tables, and the marks of one corpus.

A text stays as it was written, letters, case and punctuation; what counts as the same word is the business of a metric.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from .corpora.disk.csv_table import read_table, refuse_repeated

# Names of punctuation in the prompts of WSJ, after the sign itself: `,COMMA`, `"END-QUOTE`, `)RIGHT-PAREN`. The
# dictionary of CMU lists them. `.POINT` and `%PERCENT` are not among them: these words belong to numbers.
_PUNCTUATION_NAME = (
    r"comma|period|full-stop|ellipsis|(?:semi-)?colon|question-mark|exclamation-(?:point|mark)|"
    r"dash|hyphen|slash|ampersand|sharp-sign|[a-z-]*quotes?|[a-z-]*brac(?:e|es|ket|kets)|"
    r"[a-z-]*paren(?:s|thes[ei]s)?"
)
_VERBALISED = re.compile(rf"(?<!\S)[^\w\s]+(?:{_PUNCTUATION_NAME})(?!\S)", re.IGNORECASE)
_TAG = re.compile(r"\[[^\]]*\]|<(?:[\w-]*noise|laughter|breath|cough|sil|silence|unk|eps|/?s)>", re.IGNORECASE)
_UNSPOKEN = re.compile(r"\(+[^()]*\)+")
_SPOKEN_POINT = re.compile(r"(?<!\S)(?:\.(?=point(?!\S))|%(?=percent(?!\S)))", re.IGNORECASE)
_LONE_MARK = re.compile(r"(?<!\S)[.~-]+(?!\S)")
_BYTE_ORDER_MARK = "\ufeff"
_NAMES, _TEXTS = ("name", "utterance"), ("text", "transcript")


def read_texts(path: Path, *, option: str) -> dict[str, str]:
    """Texts by name of a CSV file with the columns name and text, or utterance and transcript.

    A name may end in `.wav`, which does not count; an empty text is one without words.

    Args:
        option: the user's option that names the file, for messages.

    Raises:
        CorpusError: the file cannot be read, lacks a column, or names one twice.
    """
    table = read_table(path)
    name, text = (next((c for c in columns if c in table.header), columns[0]) for columns in (_NAMES, _TEXTS))
    names = [cell.removesuffix(".wav") for cell in table.full_column(name, option=option)]
    refuse_repeated(path, zip(table.lines, names, strict=True), what=name)
    texts = (clean_text(cell) or "" for cell in table.column(text, option=option))
    return dict(zip(names, texts, strict=True))


def clean_text(text: str) -> str | None:
    """The text in Unicode's composed form (NFC), with single spaces and no control characters; None if nothing is left.

    No letter is changed, removed or parted from its marks.
    """
    composed = unicodedata.normalize("NFC", text.replace(_BYTE_ORDER_MARK, ""))
    shown = (" " if unicodedata.category(c) in {"Cc", "Cs"} else c for c in composed)
    return " ".join("".join(shown).split()) or None


def without_wsj_marks(text: str) -> str:
    r"""Remove the marks of WSJ's transcribers; plain English text stays as it is.

    The conventions are those of the detailed transcripts of WSJ (`dot_spec.doc` of LDC93S6A):

    - `\,COMMA`, `"DOUBLE-QUOTE`, ... go: verbalised punctuation, by the convention of the field.
      (Speakers of the verbalised part of the corpus do say these words.) `.POINT` and `%PERCENT`
      lose the sign.
    - `[loud_breath]`, `[<door_slam]`, `[phone_ring/]`, `<NOISE>` go: no words.
    - `(mumble)`, `REVO(LUTIONARY)-` and the name of the utterance, `(4k0c0301)`: what is in
      parentheses goes, as it was not said, or is unintelligible.
    - `<word>` and `*word*` become words: they were said, though not prompted or not clearly.
    - Backslashes, `~` (cut utterance) and a lone `.` (pause) go.
    """
    text = _VERBALISED.sub(" ", text.replace("\\", ""))
    text = _UNSPOKEN.sub("", _TAG.sub(" ", text))
    text = _SPOKEN_POINT.sub("", re.sub(r"[<>*]", "", text))
    return " ".join(_LONE_MARK.sub(" ", text).split())
