"""The report `md`: tables for a README or an issue, with signatures and issues."""

from __future__ import annotations

from pathlib import Path

from ...core.files import make_folder, write_atomic
from ..leaderboard.board import Entry, Leaderboard, Table
from ..leaderboard.wording import (
    NOTHING,
    RANKS,
    beside,
    certainty,
    flags,
    gap,
    heading,
    interval,
    number,
    plural,
    rank,
    status,
    tied,
    title,
    trouble,
    unranked,
    verdict,
    warnings,
)
from ..tables.cost import HEADINGS, cost_lines
from .registry import REPORTS


@REPORTS.register("md")
def write_markdown(board: Leaderboard, out: Path) -> list[Path]:
    """Write `report.md`.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = make_folder(out) / "report.md"
    write_atomic(path, markdown(board))
    return [path]


def markdown(board: Leaderboard) -> str:
    """The whole report as GitHub-flavoured Markdown."""
    blocks = ["# Leaderboard", *([f"**{trouble(board)}.**"] if trouble(board) else [])]
    blocks += [f"- {_safe(remark)}" for remark in board.remarks]
    for table in board.tables:
        blocks += [f"## {_safe(title(table))}", *_table(table)]
    costs = cost_lines(board)
    if costs:
        lines = [_line([*HEADINGS, "remarks"]), _line(["---"] * (len(HEADINGS) + 1))]
        lines += [_line([*line.cells, "; ".join(line.notes)]) for line in costs]
        blocks += ["## Cost", "\n".join(lines)]
    blocks += ["## Contaminated, failed, missing, undefined and flagged trials", _issues(board)]
    blocks += [
        f"Means over trials with {board.level:.0%} bootstrap intervals clustered by mixture. "
        "○ marks an oracle, which reads the truth; – marks a system that is not ranked; "
        f"{RANKS}. Δ is the difference on paired trials, with an interval of its own; its p-value "
        "is that of a sign-flip test over mixtures, corrected for all comparisons of the table."
    ]
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> list[str]:
    gaps = f"Δ to {table.leader}" if table.leader else "Δ"
    header = ["#", "system", *(heading(column) for column in table.columns), gaps]
    lines = [_line(header), _line(["---"] * len(header))]
    lines += [_line(_cells(table, entry)) for entry in table.entries]
    signatures = [f"`{_code(c.key)}`: `{_code(c.signature)}`" for c in table.columns]
    notes = [*(_safe(f"⚠ {note}") for note in warnings(table)), *map(_safe, unranked(table))]
    facts = [verdict(table), *filter(None, [certainty(table), tied(table)])]
    lead = f"{_safe(table.leader)} is {_safe(', '.join(facts))}." if table.leader else ""
    ending = [f"{plural(table.n_trials, 'trial')}. {lead}".strip(), *notes, *signatures]
    return ["\n".join(lines), "\n".join(f"- {item}" for item in ending)]


def _cells(table: Table, entry: Entry) -> list[str]:
    values = []
    for index, (column, cell) in enumerate(zip(table.columns, entry.cells, strict=True)):
        if cell is None or not cell.applies:
            values.append(NOTHING)
            continue
        unit = column.facts.unit
        mean = number(cell.mean, unit)
        mean = f"**{mean}**" if entry.system in column.best else mean
        notes = (*flags(cell, table.n_trials), *beside(table, entry, index))
        ends = interval(cell.ci_low, cell.ci_high, unit)
        values.append(" ".join([mean, ends, f"({', '.join(notes)})" if notes else ""]).strip())
    unit = "" if table.primary is None else table.columns[table.primary].facts.unit
    lead = "leader" if entry.system == table.leader else gap(entry.gap, unit)
    return [rank(entry), f"{entry.system}{' ⚠' if entry.warning else ''}", *values, lead]


def _issues(board: Leaderboard) -> str:
    if not board.issues:
        return "None."
    header = ["dataset", "condition", "system", "status", "reason", "metrics", "trials", "first"]
    lines = [_line(header), _line(["---"] * len(header))]
    for issue in board.issues:
        facts = [issue.dataset, issue.condition, issue.system, status(issue), issue.reason]
        lists = [", ".join(issue.metrics), str(issue.n_trials), ", ".join(issue.first_trials)]
        lines.append(_line([*facts, *lists]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(_safe(cell) for cell in cells)} |"


def _safe(text: str) -> str:
    """Text that cannot end a cell, open an HTML tag or turn `_` into emphasis."""
    for mark, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("_", "\\_")):
        text = text.replace(mark, entity)
    return " ".join(text.split())


def _code(text: str) -> str:
    return text.replace("`", "'")
