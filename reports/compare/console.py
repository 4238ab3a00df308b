"""A comparison in a terminal: changes, slices, gates, remarks, and the result in one line."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ..leaderboard.wording import stratum_name
from .result import Change, Check, Comparison
from .summary import (
    HOW,
    OUTCOMES,
    headline,
    outcome_counts,
    p_note,
    remarks,
    run_line,
    trials,
    value_cells,
    worst_first,
)

_SLICES = 10  # that are shown; the files have them all
_CHECKS = 8  # of one gate that are shown
_STYLES = {
    "passed": "green",
    "failed": "bold red",
    "unproven": "yellow",
    "incomplete": "bold red",
    "better": "green",
    "worse": "bold red",
    "changed": "yellow",
    "no value": "bold red",
    "same": "dim",
}


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the comparison; needs 80 columns."""
    console.print(Text(f"base:      {run_line(comparison.base)}"))
    console.print(Text(f"candidate: {run_line(comparison.candidate)}"))
    console.print()
    for key in dict.fromkeys((c.dataset, c.condition) for c in comparison.changes):
        own = [c for c in comparison.changes if (c.dataset, c.condition) == key]
        console.print(_changes(stratum_name(*key, " · "), own))
    _print_slices(comparison, console)
    for gate in comparison.gates:
        _print_gate([check for check in comparison.checks if check.gate == gate], console)
    if comparison.gates:
        console.print(Text(f"a gate fails if {HOW[comparison.decide]}", style="dim"))
    if note := p_note(comparison):
        console.print(Text(note, style="dim"))
    for remark in remarks(comparison):
        console.print(Text(f"note: {remark}", style="yellow"))
    style = {0: "bold green", 1: "bold red", 3: "bold red"}[comparison.exit_code]
    console.print(Text(headline(comparison), style=style))


def _changes(title: str, changes: Sequence[Change]) -> Grid:
    grid = Grid(
        title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    grid.add_column("system", overflow="fold")
    grid.add_column("metric", overflow="fold")
    for name in ("base", "candidate", "difference", "p", "n"):
        grid.add_column(name, justify="right", overflow="fold")
    grid.add_column("")
    for change in worst_first(changes):
        base, candidate, difference, p = value_cells(change)
        style = _STYLES[change.verdict]
        grid.add_row(
            Text(change.system),
            Text(" ".join(part for part in (change.metric.name, change.metric.unit) if part)),
            Text(base),
            Text(candidate),
            Text(difference, style=style),
            Text(p, style="dim"),
            Text(trials(change)),
            Text("" if change.verdict == "same" else change.verdict, style=style),
        )
    return grid


def _print_slices(comparison: Comparison, console: Console) -> None:
    """The slices that got worse most."""
    worse = [c for c in worst_first(comparison.slices) if c.verdict == "worse"]
    if not comparison.slices:
        return
    console.print(
        Text(
            f"{len(worse)} of {len(comparison.slices)} differences in slices are significantly "
            f"worse{', the first of them' if worse else ''}",
            style="dim",
        )
    )
    for change in worse[:_SLICES]:
        unit = change.metric.unit
        difference = value_cells(change)[2]
        console.print(Text(f"  {change.where}: {change.system} {change.metric.name} {difference} {unit}"))
    console.print()


def _print_gate(checks: Sequence[Check], console: Console) -> None:
    """One gate: what failed, or that nothing did."""
    grave = [check for check in checks if check.outcome != "passed"]
    line = Text("gate ")
    line.append(str(checks[0].gate), style="bold")
    worst = next((o for o in ("failed", "incomplete") if any(c.outcome == o for c in checks)), None)
    line.append(f": {outcome_counts(checks)}", style=_STYLES[worst or "passed"])
    console.print(line)
    order = {"failed": 0, "incomplete": 1, "unproven": 2}
    for check in sorted(grave, key=lambda c: order[c.outcome])[:_CHECKS]:
        text = Text(f"  {OUTCOMES[check.outcome]}", style=_STYLES[check.outcome])
        text.append(f" {check.change.where} · {check.change.system}: ", style="not bold default")
        text.append(check.reason, style="not bold default")
        console.print(text)
    if len(grave) > _CHECKS:
        console.print(Text(f"  and {len(grave) - _CHECKS} more; --out DIR lists them all"))
