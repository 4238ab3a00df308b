"""Printed tables: what LaTeX and Markdown get, escaped, and compiled where there is a TeX."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tsebench.reports.tables.latex_floats import to_latex
from tsebench.reports.tables.markdown_table import to_markdown
from tsebench.reports.tables.table import Cell, Head, Note, Notes, PrintedTable, Row

EVIL = r"\input{/etc/passwd} 100% $x_1^2$ #1 & ~ <b> | `a` [q] -- ''z'' é ł Δθ ± − ∞ 中 " + "\x07\u202e"
DOCUMENT = r"""\documentclass[10pt,twocolumn]{article}
\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{textcomp}
\usepackage{booktabs,array,graphicx}
\begin{document}%s\end{document}
"""


def table(*, columns: int = 3, name: str = "net") -> PrintedTable:
    heads = (Head(text="system", align="l"), *(Head(text=f"m{i} dB ↑") for i in range(columns)))
    best = Cell(text="7.31", detail="[7.02, 7.60]", bold=True, marks=("a",))
    second = Cell(text="−0.50", detail="[−1.02, 0.11]", underlined=True)
    rows = (
        Row(cells=(Cell(text=name), *[best] * columns)),
        Row(cells=(Cell(text="[old]"), *[second] * columns), title="Part two"),
    )
    notes = (Note(text="n=3 of 4", mark="a"), Note(text="snri|snr|f64", code=True))
    return PrintedTable(name="set_1", caption="A 5% table", heads=heads, rows=rows, notes=notes)


def compiled(body: str, folder: Path) -> str:
    """Compile, and return the log; skips without a TeX."""
    engine = shutil.which("tectonic") or shutil.which("pdflatex")
    if engine is None:
        pytest.skip("there is no tectonic and no pdflatex")
    (folder / "t.tex").write_text(DOCUMENT % body, encoding="utf-8")
    flags = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in engine else []
    done = subprocess.run(
        [engine, *flags, "t.tex"], check=False, cwd=folder, capture_output=True, text=True, errors="replace"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (folder / "t.pdf").stat().st_size > 1000
    return done.stdout


def test_latex_of_a_table() -> None:
    text = to_latex(table())
    assert text.startswith("\\begin{table}[t]")
    assert "\\caption{A 5\\% table}" in text
    assert "\\label{tab:set_1}" in text
    assert "\\textbf{7.31}\\rlap{\\textsuperscript{a}}" in text
    assert "\\underline{\\textminus{}0.50}" in text
    assert "\\emph{Part two}" in text
    assert "{{[}7.02, 7.60{]}} &" in text
    assert "\\textsuperscript{a}\\,n=3 of 4" in text
    assert "\\texttt{snri\\textbar{}" in text
    assert text.count("\\toprule") == 1


def test_a_wide_table_takes_the_page_then_parts_that_lose_no_column() -> None:
    assert to_latex(table(columns=7)).startswith("\\begin{table*}")
    assert to_latex(table(columns=7), place="column").startswith("\\begin{table}[t]")
    text = to_latex(table(columns=20))
    assert text.count("\\toprule") > 1
    heads = re.findall(r"\bm(\d+)\b", text)
    assert sorted(map(int, heads)) == list(range(20))
    assert text.count("net & ") == text.count("\\toprule")  # the stub is repeated


def test_a_long_table_goes_on_in_another_and_loses_no_row() -> None:
    row = table().rows[0]
    rows = tuple(replace(row, cells=(Cell(text=f"net{i}."), *row.cells[1:])) for i in range(50))
    text = to_latex(replace(table(), rows=rows))
    assert text.count("\\begin{table}") == text.count("\\toprule") == 3  # 46 lines each, 3 of heads
    assert text.count("\\label{") == text.count("\\parbox{") == 1
    assert text.count("\\addtocounter{table}{-1}") == text.count("(continued)") == 2
    assert [int(n) for n in re.findall(r"net(\d+)\.", text)] == list(range(50))


def test_groups_span_their_columns() -> None:
    heads = (
        Head(text="system", align="l"),
        *(Head(text=text, group="SNRi dB") for text in ("FMQ", "PMQ")),
        Head(text="FUQ", group="Attenuation"),
    )
    cells = tuple(Cell(text=text) for text in ("a", "1", "2", "3"))
    made = PrintedTable(name="g", caption="", heads=heads, rows=(Row(cells=cells),))
    text = to_latex(made)
    assert "\\multicolumn{1}{c}{} & \\multicolumn{2}{c}{SNRi dB} & \\multicolumn{1}{c}{Att" in text
    assert "\\cmidrule(lr){2-3}\\cmidrule(lr){4-4}" in text
    assert "| SNRi dB: FMQ |" in to_markdown(made)


def test_markdown_of_a_table() -> None:
    lines = to_markdown(table()).splitlines()
    assert lines[0] == "**A 5% table**"
    assert lines[2] == "| system | m0 dB ↑ | m1 dB ↑ | m2 dB ↑ |"
    assert lines[3] == "| --- | --: | --: | --: |"
    best = "**7.31**<sup>a</sup> \\[7.02, 7.60\\]"
    assert lines[4] == f"| net | {best} | {best} | {best} |"
    assert lines[5] == "| *Part two* |  |  |  |"
    assert lines[-2:] == ["- <sup>a</sup> n=3 of 4", "- `snri|snr|f64`"]


def test_marks_are_given_once_for_each_text() -> None:
    notes = Notes()
    marks = [notes.mark(f"text {i % 28}") for i in range(56)]
    assert marks[:2] == ["a", "b"]
    assert marks[25:28] == ["z", "aa", "bb"]
    assert marks[:28] == marks[28:]
    assert [note.mark for note in notes.notes()] == marks[:28]


def test_a_row_that_does_not_fit_its_heads_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 2 cells under 4 heads"):
        replace(table(), rows=(Row(cells=(Cell(text="a"), Cell(text="b"))),))


def test_evil_names_and_wide_tables_compile_and_fit(tmp_path: Path) -> None:
    evil = replace(table(name=EVIL), caption=EVIL, notes=(Note(text=EVIL, mark=EVIL),))
    long = table(name="a_very_long_name_of_a_system-with_options=" * 3)
    bodies = [to_latex(made) for made in (evil, long, table(columns=7), table(columns=20))]
    bodies.append(to_latex(replace(table(), rows=table().rows * 30)))
    log = compiled("\n".join(bodies), tmp_path)
    assert "Overfull \\hbox" not in log
    assert "Float too large" not in log
