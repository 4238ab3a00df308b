"""Topics of report formats."""

from __future__ import annotations

from inspect import signature

from ...reports.formats.registry import REPORTS
from ..topic import Kind, Topic, topic_of


def _report(name: str) -> Topic:
    report = REPORTS.get(name)
    place = f"`tsebench report --format {name} --option {name}.KEY=VALUE`"
    return topic_of(f"report {name}", report, place=place, given=[*signature(report).parameters][:2])


REPORT = Kind(name="report", about="settings of a report format", names=REPORTS.names, named=_report)
