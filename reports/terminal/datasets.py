"""Datasets in a terminal: summary of a build, numbers of a set, findings of the checks."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ...datasets.checks.finding import Finding
from ...datasets.checks.numbers import Number, numbers_of
from ...datasets.dataset import Dataset
from ...datasets.missing import LOST, SHORT, missing_summary

_STYLES = {"ok": "green", "remark": "yellow", "PROBLEM": "bold red"}
_EXCLUDED = "excluded_"


def print_summary(dataset: Dataset, console: Console) -> None:
    """Print the summary of a build, missing files first."""
    card = dataset.card
    if missing := missing_summary(card, first=False):
        console.print(Text(f"{missing}; the first: {', '.join(card.missing)}", style="bold red"))
    excluded = {
        name.removeprefix(_EXCLUDED).replace("_", " "): count
        for name, count in card.counts.items()
        if name.startswith(_EXCLUDED) and name not in {LOST, SHORT}
    }
    lines = [Number(f"excluded: {why}", f"{count:,}") for why, count in excluded.items()]
    console.print(_numbers(card.name, [*numbers_of(dataset), *lines]))
    for note in card.notes:
        console.print(Text(f"note: {note}", style="yellow"))


def print_numbers(dataset: Dataset, console: Console) -> None:
    """Print durations, speakers and queries of a set."""
    console.print(_numbers(dataset.card.name, list(numbers_of(dataset))))


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print one line for each check."""
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("check", no_wrap=True)
    grid.add_column("looked at", justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    grid.add_column("detail", overflow="fold")
    for finding in findings:
        part = "" if finding.looked_at == finding.of else f" of {finding.of:,}"
        grid.add_row(
            Text(finding.check),
            f"{finding.looked_at:,}{part}",
            Text(finding.verdict, style=_STYLES[finding.verdict]),
            Text(finding.detail),
        )
    console.print(grid)


def _numbers(title: str, numbers: Sequence[Number]) -> Grid:
    grid = Grid(title=Text(title, style="bold"), title_justify="left", box=None, show_header=False, pad_edge=False)
    grid.padding = (0, 2, 0, 0)
    grid.add_column("what", style="dim", no_wrap=True)
    grid.add_column("value", overflow="fold")
    for number in numbers:
        grid.add_row(number.what, Text(number.value))
    return grid
