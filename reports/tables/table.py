"""Records of a printed table; `latex_floats` and `markdown_table` write it.

All texts are plain: the writers escape them, and marks such as ± − ↑ become what the format has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LONGEST_STEM = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        detail: printed smaller, below it or behind it, for example "[7.02, 7.60]".
        marks: of notes, such as "a"; `PrintedTable.notes` explains them.
    """

    text: str
    detail: str = ""
    bold: bool = False
    underlined: bool = False
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Heading of a column.

    Attributes:
        group: heading over this and its neighbours of the same group; "" for none.
    """

    text: str
    group: str = ""
    align: Literal["l", "c", "r"] = "r"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line.

    Attributes:
        title: a line of its own above it that opens a part of the table; "" for none.
    """

    cells: tuple[Cell, ...]
    title: str = ""
    rule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line below the table; with a mark, it explains the cells that carry the mark; signatures are set as code."""

    text: str
    mark: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTable:
    """A table that is ready to be printed.

    Attributes:
        name: stem of its file, and its label `tab:NAME` in LaTeX.
        stub: leading columns that name a row, repeated where a wide table is cut in parts.
    """

    name: str
    caption: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()
    stub: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.heads):
                raise ValueError(f"table {self.name!r}: a row of {len(row.cells)} cells under {len(self.heads)} heads")


@dataclass(slots=True)
class Notes:
    """Notes as they are met: the same text has the same mark, a to z, then aa."""

    _marks: dict[str, str] = field(default_factory=dict)

    def mark(self, text: str) -> str:
        """The mark of a note, a new one if the text is new."""
        times, letter = divmod(len(self._marks), len(_LETTERS))
        return self._marks.setdefault(text, _LETTERS[letter] * (times + 1))

    def notes(self) -> tuple[Note, ...]:
        """All notes, in the order of their marks."""
        return tuple(Note(text=text, mark=mark) for text, mark in self._marks.items())


def file_stem(name: str) -> str:
    """A name as ASCII letters, digits, `_` and `-` alone; different names may have one stem."""
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in name)
    return stem[:_LONGEST_STEM]
