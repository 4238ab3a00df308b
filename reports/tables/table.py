"""A table as it is printed, whatever it tells of: the nouns, and LaTeX and Markdown of them.

All texts are plain: they are escaped here, and marks such as ± − ↑ become what the format has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .escapes import markdown

Place = Literal["auto", "column", "page"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LONGEST_STEM = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: what stands there, for example "7.31".
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
        text: with unit and direction, for example "snri dB ↑".
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
        rule: a rule above it.
    """

    cells: tuple[Cell, ...]
    title: str = ""
    rule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line below the table; with a mark, it explains the cells that carry the mark.

    Attributes:
        code: set like code, because it is a signature.
    """

    text: str
    mark: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTable:
    """A table that is ready to be printed.

    Attributes:
        name: stem of its file, and its label `tab:NAME` in LaTeX.
        heads: one for each cell of each row.
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
                raise ValueError(
                    f"table {self.name!r}: a row of {len(row.cells)} cells under {len(self.heads)} heads"
                )

    def to_latex(self, *, place: Place = "auto") -> str:
        """A `table`, or a `table*` over the page; needs booktabs, array and graphicx.

        A table that is too wide for the page is cut into parts below each other, and what is then
        slightly too wide is shrunk. One that is too long goes on in a table of its own.

        Args:
            place: for a column or a page; "auto" takes the column if the table is readable there.
        """
        from .latex import latex  # noqa: PLC0415 - it reads this module's nouns

        return latex(self, place=place)

    def to_markdown(self) -> str:
        """A table of GitHub-flavoured Markdown, its notes in a list below it."""
        named = [f"{h.group}: {h.text}" if h.group else h.text for h in self.heads]
        lines = [_pipes([markdown(name) for name in named])]
        lines += [_pipes([{"l": "---", "c": ":-:", "r": "--:"}[h.align] for h in self.heads])]
        for row in self.rows:
            if row.title:
                blank = [""] * (len(self.heads) - 1)
                lines.append(_pipes([f"*{markdown(row.title)}*", *blank]))
            lines.append(_pipes([_markdown_cell(cell) for cell in row.cells]))
        notes = [f"- {_markdown_note(note)}" for note in self.notes]
        blocks = [f"**{markdown(self.caption)}**", "\n".join(lines)]
        return "\n\n".join([*blocks, *(["\n".join(notes)] if notes else [])]) + "\n"


@dataclass(slots=True)
class Notes:
    """Notes as they are met: the same text has the same mark, a to z, then aa."""

    _marks: dict[str, str]

    def __init__(self) -> None:
        self._marks = {}

    def mark(self, text: str) -> str:
        """The mark of a note, a new one if the text is new."""
        place = len(self._marks)
        times, letter = divmod(place, len(_LETTERS))
        return self._marks.setdefault(text, _LETTERS[letter] * (times + 1))

    def notes(self) -> tuple[Note, ...]:
        """All notes, in the order of their marks."""
        return tuple(Note(text=text, mark=mark) for text, mark in self._marks.items())


def file_stem(name: str) -> str:
    """A name as the stem of a file: ASCII letters, digits, `_` and `-` alone.

    Different names may have one stem; the caller tells them apart.
    """
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in name)
    return stem[:_LONGEST_STEM]


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell) -> str:
    text = markdown(cell.text)
    text = f"**{text}**" if cell.bold and text else text
    text = f"<ins>{text}</ins>" if cell.underlined and text else text
    text += f"<sup>{','.join(markdown(mark) for mark in cell.marks)}</sup>" if cell.marks else ""
    return f"{text} {markdown(cell.detail)}".strip()


def _markdown_note(note: Note) -> str:
    mark = f"<sup>{markdown(note.mark)}</sup> " if note.mark else ""
    text = f"`{note.text.replace('`', chr(39))}`" if note.code else markdown(note.text)
    return mark + text
