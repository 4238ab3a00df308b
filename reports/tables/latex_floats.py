"""LaTeX of a printed table: plain booktabs, cut and shrunk so that it fits its column and page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Literal

from .escapes import tex
from .table import Cell, Note, PrintedTable, Row, file_stem

# Of text in \small (9 pt) on a page of two columns, in characters of 4.6 pt.
_COLUMN, _PAGE = 53.0, 110.0
_BETWEEN = 2.6  # columns of a table
_SMALLER = 0.78  # \scriptsize relative to \small
_SQUEEZE = 1.2  # a table this much too wide is still readable when it is shrunk
_LONG = 26  # a name that is broken over lines
_WRAPPED = 20  # characters of a line of such a name
_MOST_LINES, _HEAD_LINES = 46, 3  # of one page, with room for caption and notes
_VALUE_WITH = (
    "\\providecommand{\\valuewith}[2]{\\begin{tabular}[t]{@{}r@{}}#1\\\\[-2pt]{\\scriptsize #2}\\end{tabular}}"
)


def to_latex(table: PrintedTable, *, place: Literal["auto", "column", "page"] = "auto") -> str:
    """A `table`, or a `table*` over the page; needs booktabs, array and graphicx.

    A table that is too wide for the page is cut into parts below each other, and one that is then slightly too wide is
    shrunk. One that is too long continues in another. "auto" takes the column if the table is readable there.
    """
    narrow = place == "column" or (place == "auto" and _width(table) <= _COLUMN * _SQUEEZE)
    parts = _parts(table, _COLUMN if narrow else _PAGE)
    return "\n".join(_floats(table, parts, star="" if narrow else "*"))


def _width(table: PrintedTable) -> float:
    """About how many characters wide a table is."""
    return sum(_widths(table)) + _BETWEEN * len(table.heads)


def _widths(table: PrintedTable) -> list[float]:
    found = []
    for index, head in enumerate(table.heads):
        cells = [row.cells[index] for row in table.rows]
        widest = max((max(float(len(cell.text)), _SMALLER * len(cell.detail)) for cell in cells), default=0.0)
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
        if parts[-1] and sum(widths[i] for i in tried) + _BETWEEN * len(tried) > room:
            parts.append([])
        parts[-1].append(index)
    return [_columns(table, [*stub, *part]) for part in parts]


def _columns(table: PrintedTable, places: Sequence[int]) -> PrintedTable:
    rows = tuple(replace(row, cells=tuple(row.cells[i] for i in places)) for row in table.rows)
    return replace(table, heads=tuple(table.heads[i] for i in places), rows=rows)


def _floats(table: PrintedTable, parts: Sequence[PrintedTable], *, star: str) -> Iterator[str]:
    """The parts in as many floats as pages need, the first with the label, the last with notes."""
    pieces = [piece for part in parts for piece in _pieces(part)]
    floats: list[list[PrintedTable]] = [[]]
    for piece in pieces:
        if floats[-1] and sum(map(_lines, [*floats[-1], piece])) > _MOST_LINES:
            floats.append([])
        floats[-1].append(piece)
    for number, shown in enumerate(floats):
        last = number == len(floats) - 1
        yield "\n".join(
            [
                f"\\begin{{table{star}}}[t]",
                "\\centering",
                *_caption(table, number, notes_follow=bool(table.notes) and not last),
                "\\vspace{4pt}\\small",
                *([_VALUE_WITH] if any(c.detail for r in table.rows for c in r.cells) else []),
                "\n\\par\\medskip\n".join(_tabular(piece) for piece in shown),
                *(["\\par\\smallskip", *_notes(table.notes)] if last and table.notes else []),
                f"\\end{{table{star}}}",
                "",
            ]
        )


def _caption(table: PrintedTable, number: int, *, notes_follow: bool) -> list[str]:
    more = " (notes below its last part)" if notes_follow else ""
    if number == 0:
        return [f"\\caption{{{tex(table.caption + more)}}}", f"\\label{{tab:{file_stem(table.name)}}}"]
    # The same number again: it is the same table.
    return ["\\addtocounter{table}{-1}", f"\\caption{{{tex(f'{table.caption} (continued){more}')}}}"]


def _pieces(table: PrintedTable) -> Iterator[PrintedTable]:
    """The table, or rows of it that fit on a page."""
    rows: list[Row] = []
    for row in table.rows:
        if rows and _lines(replace(table, rows=(*rows, row))) > _MOST_LINES:
            yield replace(table, rows=tuple(rows))
            rows = []
        rows.append(row)
    yield replace(table, rows=tuple(rows))


def _lines(table: PrintedTable) -> int:
    """About how many lines a table has, its heads included."""
    lines = _HEAD_LINES
    for row in table.rows:
        longest = max((len(cell.text) for cell in row.cells[: table.stub]), default=0)
        values = 1 + any(cell.detail for cell in row.cells)
        lines += max(values, math.ceil(longest / _WRAPPED)) + bool(row.title)
    return lines


def _tabular(table: PrintedTable) -> str:
    """The rules and lines, shrunk to the width where they are wider."""
    aligns = "".join(_align(table, index) for index in range(len(table.heads)))
    lines = [f"\\begin{{tabular}}{{{aligns}}}", "\\toprule", *_head(table), "\\midrule"]
    for place, row in enumerate(table.rows):
        if place and (row.rule or row.title):
            lines.append("\\midrule")
        if row.title:
            lines.append(f"\\multicolumn{{{len(table.heads)}}}{{l}}{{\\emph{{{tex(row.title)}}}}} \\\\")
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
    return f"\\valuewith{{{text}}}{{{tex(cell.detail)}}}" if cell.detail else text


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
