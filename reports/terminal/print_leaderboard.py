"""The leaderboard in a terminal: one table for each dataset, one section for each condition."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from ..leaderboard import wording
from ..leaderboard.board import Entry, Leaderboard, Table
from ..leaderboard.doubts import doubt
from ..leaderboard.reference_gaps import caution
from ..tables.sweeps import by_sweep, sweeps

_NAME = 24  # characters of a system's name that are never wrapped
Faults = frozenset[tuple[str, str, str, str]]

_ISSUES = 5  # named below the tables; the reports have them all


def print_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print tables, verdicts and issues; needs 80 columns."""
    faults = wording.alarmed(board)
    for dataset in board.datasets:
        for grid in _grids(board.of(dataset), faults, console):
            console.print(grid)
        for table in board.of(dataset):
            _print_verdict(table, console)
        console.print()
    _print_sweeps(board, console)
    print_remarks(board, console)
    if wording.draws(board):
        console.print(Text(f"note: {wording.draws(board)}", style="dim"))
    console.print(
        Text(
            f"mean ± half of the {board.level:.0%} interval; ○ oracle (reads the truth) and † baseline: points of "
            "reference, not ranked; – not ranked; ! failed, undefined or floored trials; ? a value that means little, "
            f"see the note; p: of the difference to the leader; {wording.RANKS}",
            style="dim",
        )
    )


def _print_sweeps(board: Leaderboard, console: Console) -> None:
    """Print a line for each sweep and system: the means of the primary metric over the levels."""
    for group in by_sweep(sweeps(board)):
        shown = group[0]
        for curve in shown.curves:
            unit = shown.column.facts.unit
            means = [wording.NOTHING if cell is None else wording.number(cell.mean, unit) for cell in curve.cells]
            levels = ", ".join(f"{level}: {mean}" for level, mean in zip(shown.levels, means, strict=True))
            line = Text(f"{wording.stratum_name(shown.dataset, shown.condition)}, {shown.name}: ", style="dim")
            console.print(line.append(curve.system, style="bold").append(f" {shown.column.key} {levels}"))


def print_remarks(board: Leaderboard, console: Console) -> None:
    """Print the remarks on the runs, and failed and missing trials."""
    for remark in board.remarks:
        console.print(Text(f"note: {remark}", style="yellow"))
    for sentence in wording.expected(board):
        console.print(Text(f"note: {sentence}", style="dim"))
    if wording.trouble(board):
        console.print(Text(wording.trouble(board), style="bold red"))
        _print_issues(board, console)


def _print_verdict(table: Table, console: Console) -> None:
    if table.leader:
        line = Text(f"{table.condition or table.dataset}: ", style="dim")
        line.append(table.leader, style="bold")
        facts = filter(None, (wording.verdict(table), wording.certainty(table), wording.tied(table)))
        line.append(f" is {', '.join(facts)}")
        console.print(line)
    for warning in wording.warnings(table):
        console.print(Text(f"{table.condition or table.dataset}: {warning}", style="bold red"))
    for note in [*wording.unranked(table), *filter(None, [wording.phases(table), wording.unreferenced(table)])]:
        console.print(Text(f"{table.condition or table.dataset}: {note}", style="yellow"))


def _grids(tables: tuple[Table, ...], faults: Faults, console: Console) -> list[Grid]:
    """The tables as one grid or, where the console is too narrow, with the half intervals below the means, or cut."""
    columns = {column.key: column for table in tables for column in table.columns}
    # A terminal is narrow: where there is an improvement, the value itself is left to the reports.
    keys = [key for key, column in columns.items() if column.facts.improvement not in columns]
    longest = max(len(entry.system) for table in tables for entry in table.entries)
    room = console.width + max(0, longest - _NAME)  # longer names are folded
    whole = _grid(tables, keys, faults)
    if _width(whole, console) <= room:
        return [whole]
    parts: list[list[str]] = [[]]
    for key in keys:
        if parts[-1] and _width(_grid(tables, [*parts[-1], key], faults, narrow=True), console) > room:
            parts.append([])
        parts[-1].append(key)
    return [_grid(tables, part, faults, narrow=True, chances=place == 0) for place, part in enumerate(parts)]


def _width(grid: Grid, console: Console) -> int:
    """Columns of the terminal that a grid takes where nothing is folded."""
    return Measurement.get(console, console.options.update(width=10_000, max_width=10_000), grid).maximum


def _grid(
    tables: tuple[Table, ...], keys: list[str], faults: Faults, *, narrow: bool = False, chances: bool = True
) -> Grid:
    columns = {column.key: column for table in tables for column in table.columns}
    title = Text(tables[0].dataset, style="bold")
    grid = Grid(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("#", justify="right")
    longest = max(len(entry.system) for table in tables for entry in table.entries)
    grid.add_column("system", overflow="fold", min_width=min(longest, _NAME))
    for key in keys:
        name, _, unit = wording.heading(columns[key]).partition(" ")
        grid.add_column(Text(f"{name}\n{unit}"), justify="right", overflow="fold")
    if chances:
        grid.add_column("p", justify="right")
    for table in tables:
        count = wording.plural(table.n_trials, "trial")
        section = Text(wording.stratum_name(table.condition, count, "\n"), style="cyan")
        grid.add_row("", section, *[""] * len(grid.columns[2:]))
        for entry in table.entries:
            grid.add_row(*_row(table, entry, keys, faults, narrow=narrow)[: len(grid.columns)])
        grid.add_section()
    return grid


def _row(table: Table, entry: Entry, keys: list[str], faults: Faults, *, narrow: bool) -> list[Text]:
    dim = "" if entry.rank is not None else "dim"
    name = Text(entry.system, style="bold" if entry.system == table.leader else dim)
    if not (entry.complete or entry.by_kind):
        lost = entry.n_missing + entry.n_failed
        name.append(f"\n{lost}/{table.n_trials} lost", style="red")
    if entry.warning:
        name.append("\ntrained on test data", style="red")
    places = {column.key: i for i, column in enumerate(table.columns)}
    cells = [_cell(table, entry, places[key], faults, narrow=narrow) if key in places else Text("") for key in keys]
    chance = wording.p_digits(entry.gap).replace("< 0.", "<.") if entry.gap else ""
    return [Text(wording.rank(entry), style=dim), name, *cells, Text(chance, style="dim")]


def _cell(table: Table, entry: Entry, index: int, faults: Faults, *, narrow: bool) -> Text:
    column, cell = table.columns[index], entry.cells[index]
    if cell is None or not cell.applies:
        return Text(wording.NOTHING, style="dim")
    nothing = bool(doubt(table, index) or caution(column))
    style = "bold green" if entry.system in column.best else "red" if nothing else ""
    text = Text(wording.number(cell.mean, column.facts.unit), style=style)
    half = wording.half_width(cell, column.facts.unit)
    between = "\n" if narrow and half else " "
    text.append(f"{between}{half}", style="dim not bold default")
    if spread := wording.seed_spread(cell).partition(",")[0]:
        text.append(f"\n{spread}", style="dim not bold default")
    if wording.flags(cell, table.n_trials):
        fault = (table.dataset, table.condition, entry.system, column.key) in faults
        text.append("!", style="red" if fault else "dim not bold default")
    if nothing:
        text.append("?", style="bold red")
    return text


def _print_issues(board: Leaderboard, console: Console) -> None:
    grave = [issue for issue in board.issues if issue.status in ("failed", "missing") and board.alarms(issue)]
    for issue in grave[:_ISSUES]:
        first = f" ({', '.join(issue.first_trials)})" if issue.first_trials else ""
        where = f"{issue.system}, {wording.stratum_name(issue.dataset, issue.condition)}"
        console.print(Text(f"  {where}: {issue.n_trials} {issue.status}: {issue.reason}{first}"))
    if len(grave) > _ISSUES:
        console.print(Text(f"  and {len(grave) - _ISSUES} more; the reports list them all"))
