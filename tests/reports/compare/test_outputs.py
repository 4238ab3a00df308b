"""Outputs of `tsebench compare`: parsed back, escaped, valid, and the exit codes."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from helpers.markdown_page import HOSTILE, plain_text, structure
from helpers.runs import facts_of, make_run, rows_of
from rich.console import Console

from tsebench.cli.main import main
from tsebench.reports.compare.compare_runs import CompareOptions, compare_runs
from tsebench.reports.compare.console import print_comparison
from tsebench.reports.compare.gates import parse_gates
from tsebench.reports.compare.junit import junit_xml
from tsebench.reports.compare.markdown import comparison_markdown
from tsebench.reports.compare.output_files import write_comparison
from tsebench.reports.compare.result import Comparison

EVIL = "<img src=x onerror=alert(1)> | [a](javascript:b) *c* _d_ `e`\x07"
BASE = [float(x) for x in np.random.default_rng(3).normal(10.0, 2.0, size=40)]
WORSE = [x - 0.5 - 0.01 * (i % 5) for i, x in enumerate(BASE)]


def comparison(
    folder: Path, *gates: str, name: str = "net", candidate: list[float] | None = None, **options: object
) -> Comparison:
    tags = [{"gender_pair": "FF" if i < 20 else "FM"} for i in range(40)]
    values = WORSE if candidate is None else candidate
    base = [*rows_of(BASE, name, tags=tags), *rows_of(BASE, "mixture")]
    made = [*rows_of(values, name, tags=tags[: len(values)]), *rows_of(BASE, "mixture")]
    runs = [make_run(folder / "base", base), make_run(folder / "cand", made)]
    chosen = CompareOptions(gates=parse_gates(gates), **options)  # type: ignore[arg-type]
    return compare_runs(runs[0], runs[1], chosen)


def printed(found: Comparison) -> str:
    out = io.StringIO()
    print_comparison(found, Console(file=out, width=100, color_system=None))
    return out.getvalue()


def test_the_console_says_what_matters(tmp_path: Path) -> None:
    text = printed(comparison(tmp_path, "si_sdri<-0.2", "si_sdri<-2@gender_pair=FF"))
    assert "gate si_sdri<-0.2: 1 failed, 1 passed" in text
    joined = " ".join(text.split())
    assert re.search(r"FAILED set · FMQ 1:0 · net: −0\.52 dB \[−0\.5\d, −0\.5\d\]", joined)
    assert "gate si_sdri<-2@gender_pair=FF: 2 passed" in text
    assert "unchanged, value by value: mixture" in text
    assert text.rstrip().endswith("Regression: 1 check of 4 failed (si_sdri<-0.2)")


def test_the_markdown_begins_with_the_regression(tmp_path: Path) -> None:
    lines = comparison_markdown(comparison(tmp_path, "si_sdri<-0.2")).splitlines()
    assert lines[0].startswith("### ❌ Regression: 1 check of 2 failed")
    assert lines[4].startswith("| `si_sdri<-0.2` | set · FMQ 1:0 | net | FAILED | −0.52 dB")
    text = "\n".join(lines)
    assert text.count("<details>") == text.count("</details>") == 3
    assert "gender pair FF" in text


@pytest.mark.parametrize(
    ("gates", "values", "mark"),
    [
        (("si_sdri<-0.2",), BASE, "✅ No regression"),
        ((), WORSE, "✅ Compared; no gate was given: 1 significantly worse"),
        (("si_sdri<-0.2",), BASE[:-1], "⚠️ Incomplete"),
    ],
)
def test_the_first_line_is_the_result(tmp_path: Path, gates: tuple[str, ...], values: list[float], mark: str) -> None:
    assert f"### {mark}" in comparison_markdown(comparison(tmp_path, *gates, candidate=values))


def test_rows_of_markdown_have_as_many_cells_as_their_heads(tmp_path: Path) -> None:
    text = comparison_markdown(comparison(tmp_path, "si_sdri<-0.2", name=EVIL))
    width = None
    for line in text.splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        width = width or cells
        assert cells == width, line


def test_a_long_comparison_still_fits_into_a_comment(tmp_path: Path) -> None:
    names = [f"system-with-quite-a-long-name-{i:03d}" for i in range(60)]
    runs = [
        make_run(tmp_path / folder, [row for name in names for row in rows_of(values[:8], name)])
        for folder, values in (("base", BASE), ("cand", WORSE))
    ]
    options = CompareOptions(gates=parse_gates(["si_sdri<-0.2"]))
    text = comparison_markdown(compare_runs(runs[0], runs[1], options))
    assert len(text) < 65536
    assert "and 20 more in `checks.csv`" in text
    assert "and 20 more in `changes.csv`" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_plain_text_in_a_comment(name: str, tmp_path: Path) -> None:
    texts = [
        comparison_markdown(comparison(tmp_path / folder, "si_sdri<-0.2", name=system))
        for folder, system in (("plain", "x"), ("hostile", name))
    ]
    assert structure(texts[0]) == structure(texts[1])
    assert " ".join(name.split()) in plain_text(texts[1])


def test_names_are_no_markup(tmp_path: Path) -> None:
    found = comparison(tmp_path, "si_sdri<-0.2", name=EVIL)
    text = comparison_markdown(found)
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\[a\]", text)
    assert ET.fromstring(junit_xml(found)) is not None  # a bell cannot be in XML
    assert EVIL[:10] in printed(found)


ORDER = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase", "system-out", "system-err"],
    "properties": ["property"],
    "testcase": ["skipped", "error", "failure"],
}
NEEDED = {
    "testsuite": {*("package", "id", "name", "timestamp", "hostname"), *("tests", "failures", "errors", "time")},
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    "failure": {"type"},
    "error": {"type"},
}
ALLOWED = {"testsuite": {"skipped"}, "failure": {"message"}, "error": {"message"}}


def check_junit(element: ET.Element) -> None:
    """The rules of the schema of Ant's JUnit task, as far as a file can break them."""
    tag = element.tag
    order = ORDER.get(tag, [])
    places = [order.index(child.tag) for child in element]  # another child raises
    assert places == sorted(places), tag
    given = set(element.attrib)
    assert NEEDED.get(tag, set()) <= given, tag
    assert given <= NEEDED.get(tag, set()) | ALLOWED.get(tag, set()), tag
    for child in element:
        check_junit(child)
    if tag == "testcase":
        assert len(element) <= 1
    if tag == "testsuite":
        cases = element.findall("testcase")
        assert int(element.attrib["tests"]) == len(cases)
        for kind, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(element.attrib[name]) == sum(len(case.findall(kind)) for case in cases)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.attrib["timestamp"])
        assert element[0].tag == "properties"
        assert [child.tag for child in element][-2:] == ["system-out", "system-err"]


@pytest.mark.parametrize("values", [WORSE, BASE, BASE[:-3], [math.nan] * 40])
def test_the_xml_follows_the_schema(tmp_path: Path, values: list[float]) -> None:
    found = comparison(tmp_path, "si_sdri<-0.2", "si_sdri<-0.2@gender_pair=FF", candidate=values)
    root = ET.fromstring(junit_xml(found))
    assert root.tag == "testsuites"
    check_junit(root)
    assert [suite.attrib["id"] for suite in root] == [str(i) for i in range(len(root))]


def test_every_gate_and_every_difference_is_a_case(tmp_path: Path) -> None:
    found = comparison(tmp_path, "si_sdri<-0.2")
    gates, dataset = ET.fromstring(junit_xml(found)).findall("testsuite")
    cases = [(case.attrib["classname"], case.attrib["name"]) for case in gates.iter("testcase")]
    assert cases == [
        ("si_sdri<-0.2", "set · FMQ 1:0 · mixture"),
        ("si_sdri<-0.2", "set · FMQ 1:0 · net"),
        ("completeness", "every trial has a value in both runs"),
    ]
    failed = [case.attrib["name"] for case in gates.iter("testcase") if case.find("failure") is not None]
    assert failed == ["set · FMQ 1:0 · net"]
    message = gates.find(".//failure")
    assert message is not None
    assert message.attrib["message"].startswith("−0.52 dB")
    assert [case.attrib["name"] for case in dataset.iter("testcase")] == [
        "set · FMQ 1:0 · net",
        "set · FMQ 1:0 · gender pair FF · net",
        "set · FMQ 1:0 · gender pair FM · net",
    ]


def test_what_is_incomplete_is_an_error_or_allowed(tmp_path: Path) -> None:
    found = comparison(tmp_path / "a", candidate=BASE[:-1])
    (error,) = ET.fromstring(junit_xml(found)).iter("error")
    assert "1 one-sided" in str(error.attrib["message"])
    found = comparison(tmp_path / "b", candidate=BASE[:-1], allow_incomplete=True)
    root = ET.fromstring(junit_xml(found))
    assert not list(root.iter("error"))
    assert len(list(root.iter("skipped"))) == 1


def test_tables_hold_the_numbers(tmp_path: Path) -> None:
    found = comparison(tmp_path, "si_sdri<-0.2")
    written = write_comparison(found, tmp_path / "deep" / "out")
    assert all(path.is_file() for path in written)
    frames = {path.stem: pd.read_csv(path) for path in written if path.suffix == ".csv"}
    changes = frames["changes"]
    assert len(changes) == 3
    mean = found.changes[0].difference.mean
    assert changes.loc[0, "difference"] == pytest.approx(mean, rel=1e-15)
    assert list(frames["checks"]["outcome"]) == ["passed", "failed"]
    assert frames["worst_trials"].loc[0, "difference"] == pytest.approx(-0.54)


def test_the_same_comparison_gives_the_same_bytes(tmp_path: Path) -> None:
    found = comparison(tmp_path, "si_sdri<-0.2")
    first, second = (write_comparison(found, tmp_path / name) for name in "ab")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_remark_on_versions_that_differ(tmp_path: Path) -> None:
    newer = facts_of(versions={"tsebench": "0.2.0", "torch": "2.5.0", "pesq": "0.0.4"})
    runs = [make_run(tmp_path / "base", rows_of(BASE)), make_run(tmp_path / "cand", rows_of(WORSE), newer)]
    text = printed(compare_runs(runs[0], runs[1], CompareOptions()))
    assert "versions differ: pesq unknown → 0.0.4, tsebench 0.1.0 → 0.2.0" in text


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["compare", *arguments])
    return int(left.value.code or 0)


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = str(make_run(tmp_path / "base", rows_of(BASE)))
    worse = str(make_run(tmp_path / "worse", rows_of(WORSE)))
    short = str(make_run(tmp_path / "short", rows_of(BASE[:-1])))
    gate = ("--fail-on", "si_sdri<-0.2")
    assert run(base, worse) == 0
    assert run(base, base, *gate) == 0
    assert run(base, worse, *gate, "--out", str(tmp_path / "out")) == 1
    assert (tmp_path / "out" / "junit.xml").is_file()
    assert run(base, short, *gate) == 3
    assert run(base, short, *gate, "--allow-incomplete") == 0
    capsys.readouterr()
    for wrong, said in (
        ((base, str(tmp_path / "none")), "does not exist"),
        ((base, worse, "--fail-on", "si_sdri=1"), "is not METRIC<NUMBER"),
        ((base, worse, "--fail-on", "pesq<-1"), "unknown metric 'pesq'"),
        ((base, worse, "--decide", "medium"), "unknown --decide 'medium'"),
        ((base, worse, "--base-system", "nets"), "did you mean 'net'"),
        ((base, worse, "--metrics", "pesq"), "unknown metric of both runs 'pesq'"),
    ):
        assert run(*wrong) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert said in error
