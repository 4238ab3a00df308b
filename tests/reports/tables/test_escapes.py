"""Escapers: hostile text is plain text in every place of a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from helpers.markdown_page import HOSTILE, plain_text, structure
from helpers.paths import ROOT
from helpers.tree import FLOORS

from tsebench.reports.tables.csv_text import read_csv, to_csv
from tsebench.reports.tables.escapes import csv_cell, csv_original, json_in_html, markdown, markdown_code, tex, xml
from tsebench.reports.tables.markdown_table import to_markdown
from tsebench.reports.tables.table import Cell, Head, PrintedTable, Row

PLACES = ("{}", "- {}", "| a | b |\n| --- | --- |\n| {} | y |", "**{}**", "## {}")
MORE = ("-", "- x", "+ x", "12) x", "===", "##", "0", "-0.5", "1.5", "- - -", ">q", "`", "[a]: http://x", "&copy;")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 5%", r"a\_b \& 5\%"),
        ("−1 ± 2", r"\textminus{}1 \textpm{} 2"),
        ("a--b---c", "a-{}-b-{}-{}-c"),
        ("[x]*", "{[}x{]}{*}"),
        ("\\^~", r"\textbackslash{}\textasciicircum{}\textasciitilde{}"),
        ("é", "é"),
        ("ﬁve", "five"),
        ("中", "{[}U+4E2D{]}"),
        ("a\n\tb\x00\u202ec", "a b c"),
    ],
)
def test_tex(text: str, expected: str) -> None:
    assert tex(text) == expected


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", [*HOSTILE, *MORE])
def test_markdown_is_plain_text_everywhere(text: str, place: str) -> None:
    page = place.format(markdown(text))
    assert structure(page) == structure(place.format("x"))
    assert " ".join(text.split()) in plain_text(page)
    cell = PLACES[2].format(markdown(text, inline=True))
    assert structure(cell) == structure(PLACES[2].format("x"))


@pytest.mark.parametrize("text", ["+ adapt (rnd init)", "- x", "# y", "1. z", "-0.5"])
def test_marks_of_blocks_are_escaped_at_the_start_of_a_line_only(text: str) -> None:
    assert markdown(text, inline=True) == text
    assert markdown(text).replace("\\", "") == text
    table = PrintedTable(
        name="t", caption="c", heads=(Head(text=text),), rows=(Row(cells=(Cell(text=text, detail=text),)),)
    )
    assert to_markdown(table).splitlines()[2:] == [f"| {text} |", "| --: |", f"| {text} {text} |"]


def test_markdown_has_no_autolink_or_mention() -> None:
    # GitHub links these beyond CommonMark, by the bare characters.
    assert markdown("http://a www.b c@d") == "http\\://a www\\.b c\\@d"


@pytest.mark.parametrize("text", HOSTILE)
def test_code_is_one_span(text: str) -> None:
    page = PLACES[2].format(markdown_code(text, in_table=True))
    assert structure(page) == structure(PLACES[2].format("`x`"))
    assert structure(f"- {markdown_code(text)}") == structure("- `x`")
    assert " ".join(text.replace("`", "'").split()) in plain_text(markdown_code(text))


def test_xml_and_json_in_html() -> None:
    assert xml("a\x07b\ud800c\n") == "a\\x07b\\ud800c\n"
    assert json_in_html('"</script>&"') == '"\\u003c/script\\u003e\\u0026"'


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\x9b", "\x7f", "\u202e", "\u2066", "\u200b", "\ud800", "\ufffe"]
)
def test_hidden_characters_go_through_no_escaper(character: str) -> None:
    text = f"a{character}b"
    made = [tex(text), markdown(text), markdown_code(text), xml(text), str(csv_cell(text)), json_in_html(f'"{text}"')]
    assert not any(character in each for each in made)
    assert json.loads(json_in_html(f'"{text}"')) == text


def test_cells_of_csv_are_no_formulas_and_come_back() -> None:
    texts = [
        "=1+1", "+cmd", "-x", "@SUM(A1)", "\tx", "\nx", "'=1", "''-x", "-5 dB", "=\"a\",b", "＝1", "+", "-", "-inf",
        "-1.5", "+3", "-1e-9", "'quoted'", "plain", "", "a=b", "don’t", "'", "-१",
    ]  # fmt: skip
    for text in texts:
        assert csv_original(str(csv_cell(text))) == text
    marks = ("=", "+", "-", "@", "\t", "\r", "\n", "＝")
    neutral = {text for text in texts if not str(csv_cell(text)).startswith(marks)}
    assert set(texts) - neutral == {"-1.5", "-1e-9"}
    assert csv_cell(-2.5) == -2.5
    assert str(csv_cell("\r=1")) == "\\x0d=1"


def test_a_table_comes_back_from_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "=name": ["=1+1", "@x", "plain"],
            "value": [-1.5, float("nan"), -0.0],
            "mixed": [-3, "-y", None],
            "kind": pd.Categorical(["-a", "b", "-a"]),
        }
    )
    text = to_csv(frame)
    assert text.splitlines()[:2] == ["'=name,value,mixed,kind", "'=1+1,-1.5,-3,'-a"]
    (tmp_path / "table.csv").write_text(text)
    back = read_csv(tmp_path / "table.csv")
    assert back["=name"].tolist() == frame["=name"].tolist()
    assert back["value"].tolist() == ["-1.5", "", "-0.0"]
    assert back["mixed"].tolist() == ["-3", "-y", ""]
    assert to_csv(pd.DataFrame()) == "\n"


def test_no_module_writes_csv_by_another_way() -> None:
    writers = re.compile(r"\.to_csv\(|csv\.writer|DictWriter")
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in FLOORS
        for path in (ROOT / folder).rglob("*.py")
        if writers.search(path.read_text())
    }
    # The second one is a temporary table of transcripts, which only our own reader sees.
    assert found == {"reports/tables/csv_text.py", "reports/notebook/score.py"}
