"""A comparison as JUnit XML: one test case for each check of a gate, and one for completeness.

Every case can fail. Differences that no gate looks at are text of the suite (`system-out`), not cases. Names of cases
hold no values, so that a server can follow a case from build to build.

The file is valid against the schema of Ant's JUnit task, which CI servers read; it holds no time of day of its own, so
that the same comparison gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree as ET

from ..leaderboard.wording import number
from ..tables.escapes import xml
from .result import Change, Check, Comparison
from .summary import HOW, corrected_for, headline, p_note, remarks, run_line, trials, value_cells

_NO_TIME = "1970-01-01T00:00:00"


def junit_xml(comparison: Comparison) -> str:
    """The comparison as JUnit XML."""
    checks = [
        f"{check.gate} · {check.change.where} · {check.change.system}: {check.reason}" for check in comparison.checks
    ]
    differences = [_line(change) for change in (*comparison.changes, *comparison.slices)]
    lines = [headline(comparison), *remarks(comparison), *checks, *differences, p_note(comparison)]
    cases = [_check_case(check) for check in comparison.checks]
    if not comparison.allow_incomplete:
        cases.append(_completeness(comparison))
    facts = {
        "base": run_line(comparison.base),
        "candidate": run_line(comparison.candidate),
        "level": f"{comparison.level:g}",
        "decide": HOW[comparison.decide],
    }
    return _document(cases, facts, "\n".join(filter(None, lines)), timestamp=_timestamp(comparison))


def refusal_xml(problem: str) -> str:
    """JUnit XML of two runs that could not be compared: one case, an error."""
    case = _case("comparison", "the runs can be compared, and the gates checked")
    _fail(case, "error", "wrong use", problem, problem)
    return _document([case], {}, problem, timestamp=_NO_TIME)


def _document(cases: Sequence[ET.Element], facts: Mapping[str, str], out: str, *, timestamp: str) -> str:
    """One suite with its cases, properties and text."""
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    root = ET.Element("testsuites")
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "package": "tsebench",
            "id": "0",
            "name": "tsebench.compare.gates",
            "timestamp": timestamp,
            "hostname": "localhost",
            "tests": str(len(cases)),
            **{name: str(sum(len(case.findall(kind)) for case in cases)) for name, kind in kinds.items()},
            "time": "0",
        },
    )
    properties = ET.SubElement(suite, "properties")
    for key, value in facts.items():
        ET.SubElement(properties, "property", {"name": key, "value": xml(value)})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = xml(out)
    ET.SubElement(suite, "system-err")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _check_case(check: Check) -> ET.Element:
    change = check.change
    case = _case(str(check.gate), f"{change.where} · {change.system}")
    if check.outcome == "failed":
        _fail(case, "failure", "regression", check.reason, _details(change))
    elif check.outcome == "incomplete":
        _fail(case, "error", "incomplete", check.reason, _details(change))
    return case


def _completeness(comparison: Comparison) -> ET.Element:
    """Case for missing trials: a gap is an error."""
    case = _case("completeness", "every trial has a value in both runs")
    gaps = [*comparison.gaps, *(f"{c.where} · {c.system}: {trials(c)}" for c in comparison.one_sided)]
    if gaps:
        _fail(case, "error", "incomplete", gaps[0], "\n".join(gaps))
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
    tested = f", p {p}, {corrected_for(change, 'difference')}" if p and change.n_changed else ""
    values = f"{base} → {candidate} {unit}, {difference}{tested}"
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
        f"p-value: {change.difference.p_value:.4g}; {change.difference.p_adjusted:.4g} after correction "
        f"({corrected_for(change, 'check')}), sign-flip test over mixtures",
    )
    return "\n".join(lines)


def _timestamp(comparison: Comparison) -> str:
    """When the candidate was run, without a zone, as the schema wants it."""
    found = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", comparison.candidate.created)
    return found.group() if found else _NO_TIME
