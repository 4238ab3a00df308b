"""Escapers: hostile text is plain text in every place of a page."""

from __future__ import annotations

import pytest
from helpers.markdown_page import HOSTILE, plain_text, structure

from tsebench.reports.tables.escapes import json_in_html, markdown, markdown_code, tex, xml
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
    assert xml("a\x07b\ud800c\n") == "a\ufffdb\ufffdc\n"
    assert json_in_html('"</script>&"') == '"\\u003c/script\\u003e\\u0026"'
