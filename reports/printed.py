"""A table as it is printed, whatever it tells of: the nouns, and LaTeX and Markdown of them.

All texts are plain: they are escaped here, and marks such as ± − ↑ become what the format has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from .escapes import markdown, tex

Place = Literal["auto", "column", "page"]

# Of text in \small (9 pt) on a page of two columns, in characters of 4.6 pt.
_COLUMN, _PAGE = 53.0, 110.0
_BETWEEN = 2.6  # columns of a table
_SMALLER = 0.78  # \scriptsize beside \small
_SQUEEZE = 1.2  # a table this much too wide is still readable when it is shrunk
_LONG = 26  # a name that is broken over lines
_LONGEST_STEM = 100
_VALUE_WITH = (
    "\\providecommand{\\valuewith}[2]"
    "{\\begin{tabular}[t]{@{}r@{}}#1\\\\[-2pt]{\\scriptsize #2}\\end{tabular}}"
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


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
                    f"table {self.name!r}: a row of {len(row.cells)} cells under "
                    f"{len(self.heads)} heads"
                )

    def to_latex(self, *, place: Place = "auto") -> str:
        """A `table`, or a `table*` over the page; needs booktabs, array and graphicx.

        A table that is too wide for the page is cut into parts below each other, and what is then
        slightly too wide is shrunk.

        Args:
            place: for a column or a page; "auto" takes the column if the table is readable there.
        """
        fits = _width(self) <= _COLUMN * _SQUEEZE
        narrow = place == "column" or (place == "auto" and fits)
        star = "" if narrow else "*"
        parts = _parts(self, _COLUMN if narrow else _PAGE)
        return "\n".join(
            [
                f"\\begin{{table{star}}}[t]",
                "\\centering",
                f"\\caption{{{tex(self.caption)}}}",
                f"\\label{{tab:{file_stem(self.name)}}}",
                "\\vspace{4pt}\\small",
                *([_VALUE_WITH] if any(c.detail for row in self.rows for c in row.cells) else []),
                "\n\\par\\medskip\n".join(_tabular(part) for part in parts),
                *(["\\par\\smallskip", *_notes(self.notes)] if self.notes else []),
                f"\\end{{table{star}}}",
                "",
            ]
        )

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


def _width(table: PrintedTable) -> float:
    """About how many characters wide a table is."""
    return sum(_widths(table)) + _BETWEEN * len(table.heads)


def _widths(table: PrintedTable) -> list[float]:
    found = []
    for index, head in enumerate(table.heads):
        cells = [row.cells[index] for row in table.rows]
        lengths = [float(len(cell.text)) for cell in cells]
        lengths += [_SMALLER * len(cell.detail) for cell in cells]
        widest = max(lengths, default=0.0)
        words = head.text.split() or [""]
        found.append(max(min(widest, _LONG), *(float(len(word)) for word in words)))
    return found


def _parts(table: PrintedTable, room: float) -> list[PrintedTable]:
    """The table, or parts of its columns that each fit, with the stub before each."""
    if _width(table) <= room * _SQUEEZE:
        return [table]
    widths = _widths(table)
    stub = list(range(table.stub))
    parts: list[list[int]] = [[]]
    for index in range(table.stub, len(table.heads)):
        tried = [*stub, *parts[-1], index]
        wide = sum(widths[i] for i in tried) + _BETWEEN * len(tried) > room
        if wide and parts[-1]:
            parts.append([])
        parts[-1].append(index)
    return [_columns(table, [*stub, *part]) for part in parts]


def _columns(table: PrintedTable, places: Sequence[int]) -> PrintedTable:
    rows = tuple(replace(row, cells=tuple(row.cells[i] for i in places)) for row in table.rows)
    return replace(table, heads=tuple(table.heads[i] for i in places), rows=rows)


def _tabular(table: PrintedTable) -> str:
    """The rules and lines, shrunk to the width where they are wider."""
    aligns = "".join(_align(table, index) for index in range(len(table.heads)))
    lines = [f"\\begin{{tabular}}{{{aligns}}}", "\\toprule", *_head(table), "\\midrule"]
    for place, row in enumerate(table.rows):
        if place and (row.rule or row.title):
            lines.append("\\midrule")
        if row.title:
            span = len(table.heads)
            lines.append(f"\\multicolumn{{{span}}}{{l}}{{\\emph{{{tex(row.title)}}}}} \\\\")
        apart = "[2pt]" if any(cell.detail for cell in row.cells) else ""
        lines.append(f"{' & '.join(_latex_cell(cell) for cell in row.cells)} \\\\{apart}")
    lines += ["\\bottomrule", "\\end{tabular}"]
    # The box is measured first: a table that fits keeps its size.
    return "\n".join(
        [
            "\\setbox0=\\hbox{%",
            *lines[:-1],
            f"{lines[-1]}}}%",
            "\\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\box0}\\else\\leavevmode\\box0\\fi",
        ]
    )


def _align(table: PrintedTable, index: int) -> str:
    longest = max((len(row.cells[index].text) for row in table.rows), default=0)
    if table.heads[index].align == "l" and longest > _LONG:
        return ">{\\raggedright\\arraybackslash\\hangindent=0.8em}p{11em}"
    return table.heads[index].align


def _head(table: PrintedTable) -> list[str]:
    """Groups with a rule under each, then the heads, at most two lines high."""
    lines = []
    if any(head.group for head in table.heads):
        cells, rules, place = [], [], 1
        for group, members in groupby(table.heads, key=lambda head: head.group):
            count = len(list(members))
            cells.append(f"\\multicolumn{{{count}}}{{c}}{{{tex(group)}}}")
            if group:
                rules.append(f"\\cmidrule(lr){{{place}-{place + count - 1}}}")
            place += count
        lines += [f"{' & '.join(cells)} \\\\", "".join(rules)]
    split = [head.text.partition(" ") for head in table.heads]
    lines.append(f"{' & '.join(tex(first) for first, _, _ in split)} \\\\")
    if any(rest for _, _, rest in split):
        lines.append(f"{' & '.join(tex(rest) for _, _, rest in split)} \\\\")
    return lines


def _latex_cell(cell: Cell) -> str:
    text = tex(cell.text, breakable=len(cell.text) > _LONG)
    text = f"\\textbf{{{text}}}" if cell.bold else text
    text = f"\\underline{{{text}}}" if cell.underlined else text
    if cell.marks:
        # Marks take no room, so that digits stay below each other.
        marks = ",".join(tex(mark) for mark in cell.marks)
        text += f"\\rlap{{\\textsuperscript{{{marks}}}}}"
    if not cell.detail:
        return text
    return f"\\valuewith{{{text}}}{{{tex(cell.detail)}}}"


def _notes(notes: Sequence[Note]) -> list[str]:
    """Notes in running text, and signatures in a paragraph of their own."""
    paragraphs: list[str] = []
    for code, members in groupby(notes, key=lambda note: note.code):
        texts = []
        for note in members:
            mark = f"\\textsuperscript{{{tex(note.mark)}}}\\," if note.mark else ""
            text = tex(note.text, breakable=note.code)
            texts.append(f"{mark}\\texttt{{{text}}}" if code else f"{mark}{text}")
        paragraphs.append(("\\quad\n" if not code else ";\n").join(texts))
    body = "\\par\n".join(paragraphs)
    return [f"\\parbox{{\\linewidth}}{{\\raggedright\\scriptsize\n{body}}}"]


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
