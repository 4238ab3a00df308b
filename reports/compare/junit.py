"""A comparison as JUnit XML: one test case for each check of a gate, and for each difference.

Names of cases hold no values, so that a server can follow a case from build to build.

The file is valid against the schema of Ant's JUnit task, which CI servers read; it holds no time of day of its own, so
that the same comparison gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from ..leaderboard.wording import number
from ..tables.escapes import xml
from .result import Change, Check, Comparison
from .summary import HOW, headline, remarks, run_line, trials, value_cells

_NO_TIME = "1970-01-01T00:00:00"


def junit_xml(comparison: Comparison) -> str:
    """The comparison as JUnit XML."""
    root = ET.Element("testsuites")
    checks = [
        f"{check.gate} · {check.change.where} · {check.change.system}: {check.reason}" for check in comparison.checks
    ]
    remarked = "\n".join([headline(comparison), *remarks(comparison), *checks])
    cases = [_check_case(check) for check in comparison.checks]
    cases += [_completeness(comparison)]
    _add_suite(root, comparison, "tsebench.compare.gates", cases, remarked)
    for dataset in dict.fromkeys(change.dataset for change in comparison.changes):
        every = (*comparison.changes, *comparison.slices)
        own = [change for change in every if change.dataset == dataset]
        lines = "\n".join(_line(change) for change in own)
        cases = [_change_case(change) for change in own]
        _add_suite(root, comparison, f"tsebench.compare.{dataset}", cases, lines)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_suite(root: ET.Element, comparison: Comparison, name: str, cases: Sequence[ET.Element], out: str) -> None:
    kinds = ("failure", "error", "skipped")
    counts = {kind: sum(len(case.findall(kind)) for case in cases) for kind in kinds}
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "package": "tsebench",
            "id": str(len(root)),
            "name": xml(name),
            "timestamp": _timestamp(comparison),
            "hostname": "localhost",
            "tests": str(len(cases)),
            "failures": str(counts["failure"]),
            "errors": str(counts["error"]),
            "skipped": str(counts["skipped"]),
            "time": "0",
        },
    )
    properties = ET.SubElement(suite, "properties")
    facts = {
        "base": run_line(comparison.base),
        "candidate": run_line(comparison.candidate),
        "level": f"{comparison.level:g}",
        "decide": HOW[comparison.decide],
    }
    for key, value in facts.items():
        ET.SubElement(properties, "property", {"name": key, "value": xml(value)})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = xml(out)
    ET.SubElement(suite, "system-err")


def _check_case(check: Check) -> ET.Element:
    change = check.change
    case = _case(str(check.gate), f"{change.where} · {change.system}")
    if check.outcome == "failed":
        _fail(case, "failure", "regression", check.reason, _details(change))
    elif check.outcome == "incomplete":
        _fail(case, "error", "incomplete", check.reason, _details(change))
    return case


def _completeness(comparison: Comparison) -> ET.Element:
    """Case for missing trials: a gap is an error, or skipped if allowed."""
    case = _case("completeness", "every trial has a value in both runs")
    gaps = [*comparison.gaps, *(f"{c.where} · {c.system}: {trials(c)}" for c in comparison.one_sided)]
    if gaps and comparison.allow_incomplete:
        ET.SubElement(case, "skipped")
    elif gaps:
        _fail(case, "error", "incomplete", gaps[0], "\n".join(gaps))
    return case


def _change_case(change: Change) -> ET.Element:
    """A difference without a gate: it cannot fail, and is skipped without a value."""
    case = _case(change.metric.name, f"{change.where} · {change.system}")
    if change.verdict == "no value":
        ET.SubElement(case, "skipped")
    return case


def _case(classname: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": xml(classname), "name": xml(name), "time": "0"})


def _fail(case: ET.Element, kind: str, word: str, message: str, text: str) -> None:
    element = ET.SubElement(case, kind, {"message": xml(message), "type": word})
    element.text = xml(text)


def _line(change: Change) -> str:
    """One difference with its values."""
    base, candidate, difference, p = value_cells(change)
    unit = change.metric.unit
    values = f"{base} → {candidate} {unit}, {difference}{f', p {p}' if p else ''}"
    return f"{change.metric.name} · {change.where} · {change.system}: {values}, {change.verdict}"


def _details(change: Change) -> str:
    unit = change.metric.unit
    lines: Iterable[str] = (
        f"metric: {change.metric.name} {unit}",
        f"where: {change.where}",
        f"system: {change.system}",
        f"base: {number(change.base, unit)}",
        f"candidate: {number(change.candidate, unit)}",
        f"trials: {trials(change)}; mixtures: {change.difference.n_clusters}",
    )
    return "\n".join(lines)


def _timestamp(comparison: Comparison) -> str:
    """When the candidate was run, without a zone, as the schema wants it."""
    found = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", comparison.candidate.created)
    return found.group() if found else _NO_TIME
