"""Outputs of `tsebench compare`: parsed back, escaped, valid, and the exit codes."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
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


def test_every_case_is_a_check_that_can_fail(tmp_path: Path) -> None:
    found = comparison(tmp_path, "si_sdri<-0.2")
    (gates,) = ET.fromstring(junit_xml(found)).findall("testsuite")
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
    out = gates.findtext("system-out") or ""
    for name in ("set · FMQ 1:0 · net", *(f"set · FMQ 1:0 · gender pair {pair} · net" for pair in ("FF", "FM"))):
        assert len(re.findall(rf"^si_sdri · {name}: .*, worse$", out, re.MULTILINE)) == 1


@pytest.mark.parametrize("gates", [(), ("si_sdri<-0.2", "si_sdri<-0.2@gender_pair=FF")])
def test_no_case_passes_whatever_happens(tmp_path: Path, gates: tuple[str, ...]) -> None:
    """Values that drop a lot, and trials that are lost, make every case fail; what cannot fail is none."""
    dropped = comparison(tmp_path / "a", *gates, name="mixture-like", candidate=[x - 20 for x in BASE[:-1]])
    root = ET.fromstring(junit_xml(dropped))
    sound = [c.attrib["name"] for c in root.iter("testcase") if c.find("failure") is None and c.find("error") is None]
    assert all(name.endswith("· mixture") for name in sound)  # which did not change
    assert len(list(root.iter("testcase"))) == (5 if gates else 1)
    allowed = comparison(tmp_path / "b", name="x", candidate=BASE[:-1], allow_incomplete=True)
    assert not list(ET.fromstring(junit_xml(allowed)).iter("testcase"))


def test_what_is_incomplete_is_an_error_or_allowed(tmp_path: Path) -> None:
    found = comparison(tmp_path / "a", candidate=BASE[:-1])
    (error,) = ET.fromstring(junit_xml(found)).iter("error")
    assert "1 one-sided" in str(error.attrib["message"])
    found = comparison(tmp_path / "b", candidate=BASE[:-1], allow_incomplete=True)
    root = ET.fromstring(junit_xml(found))
    assert not list(root.iter("error"))
    assert "trials with a value in one run only" in str(root.findtext(".//system-out"))


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


def test_every_p_value_says_what_it_is_corrected_for(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(-0.3, 0.9, size=40)
    values = [x + float(e) for x, e in zip(BASE, noise, strict=True)]
    found = comparison(tmp_path, "si_sdri<-0.1", "si_sdri<-0.1@gender_pair=FF", candidate=values)
    table, check = found.changes[0], next(c.change for c in found.checks if c.change.system == "net")
    assert (table.n_compared, check.n_compared) == (1, 2)
    assert {change.n_compared for change in found.slices} == {2}
    assert table.difference.p_value == check.difference.p_value
    assert check.difference.p_adjusted > table.difference.p_adjusted  # the same difference, in two families
    note = (
        "p-values: sign-flip test over mixtures against no change, corrected (Holm) over 1 difference in the table of "
        "whole strata, over 2 differences in slices of one kind, over 2 checks in gates; so one difference may have "
        "several"
    )
    for text in (printed(found), plain_text(comparison_markdown(found)), junit_xml(found)):
        assert note in " ".join(text.split())
    assert "Holm over 2 checks)" in " ".join(printed(found).split())
    assert re.search(r"p-value: 0\.\d+; 0\.\d+ after correction \(Holm over 2 checks\)", junit_xml(replaced(found)))
    written = write_comparison(found, tmp_path / "out")
    frames = {path.stem: pd.read_csv(path) for path in written if path.suffix == ".csv"}
    assert set(frames["checks"]["n_compared"]) == {2}
    assert frames["changes"].loc[0, "n_compared"] == 1


def replaced(found: Comparison) -> Comparison:
    """The comparison with every check failed, so that JUnit has its details."""
    return replace(found, checks=tuple(replace(check, outcome="failed") for check in found.checks))


def test_a_comment_has_no_links_that_lead_nowhere(tmp_path: Path) -> None:
    found = comparison(tmp_path, "si_sdri<-0.2")
    write_comparison(found, tmp_path / "out")
    text = (tmp_path / "out" / "comment.md").read_text()
    assert "](" not in text
    assert "There are no players: they need `keep_estimates: true` in both runs." in text
    assert "There are no players" not in (tmp_path / "out" / "compare.md").read_text()


@pytest.mark.parametrize("base", ["listen", "ftp://x/y", "https://", "https://x/y?z=1", "file:///tmp", "x y"])
def test_a_link_base_is_a_web_address(base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(make_run(tmp_path / "base", rows_of(BASE)))
    assert run(folder, folder, "--link-base", base) == 2
    assert f"--link-base {base!r} is no web address of a folder" in capsys.readouterr().err


def test_what_cannot_be_compared_is_reported_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = str(make_run(tmp_path / "base", rows_of(BASE)))
    out = tmp_path / "out"
    assert run(base, base, "--fail-on", "wer>+1", "--out", str(out)) == 2
    error = capsys.readouterr().err
    assert "unknown metric 'wer'" in error
    for name in ("compare.md", "comment.md"):
        text = (out / name).read_text()
        assert text.startswith("### ⚠️ Not compared\n")
        assert "unknown metric 'wer'" in plain_text(text)
    root = ET.fromstring((out / "junit.xml").read_text())
    check_junit(root)
    (problem,) = root.iter("error")
    assert "unknown metric 'wer'" in problem.attrib["message"]


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
