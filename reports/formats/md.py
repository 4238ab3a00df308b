"""The report `md`: tables for a README or an issue, with signatures and issues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ...core.files import make_folder, write_atomic
from ..leaderboard import wording
from ..leaderboard.board import Entry, Leaderboard, Table
from ..leaderboard.doubts import doubt
from ..leaderboard.reference_gaps import caution
from ..tables.cost_lines import EXPLANATION, HEADINGS, cost_lines
from ..tables.detection import detection_tables
from ..tables.escapes import markdown, markdown_code
from ..tables.markdown_table import markdown_lines, to_markdown
from ..tables.steps import step_tables
from ..tables.sweep_tables import all_sweep_tables
from .registry import REPORTS


@REPORTS.register("md")
def write_markdown(board: Leaderboard, out: Path) -> list[Path]:
    """Write `report.md`."""
    path = make_folder(out) / "report.md"
    write_atomic(path, board_markdown(board))
    return [path]


def board_markdown(board: Leaderboard) -> str:
    """The whole report as GitHub-flavoured Markdown."""
    blocks = ["# Leaderboard", *([f"**{markdown(wording.trouble(board))}.**"] if wording.trouble(board) else [])]
    blocks += [f"- {markdown(remark)}" for remark in (*board.remarks, *wording.expected(board))]
    for table in board.tables:
        blocks += [f"## {markdown(wording.title(table))}", *_table(table)]
    blocks += [to_markdown(printed).strip() for printed in step_tables(board).values()]
    blocks += [to_markdown(printed).strip() for group in detection_tables(board).values() for printed in group]
    blocks += [to_markdown(printed).strip() for printed in all_sweep_tables(board)]
    costs = [[*line.cells, "; ".join(line.notes)] for line in cost_lines(board)]
    blocks += ["## Cost", _plain_table([*HEADINGS, "remarks"], costs), EXPLANATION] if costs else []
    blocks += ["## Contaminated, failed, missing, undefined and flagged trials", _issues(board)]
    blocks += map(wording.sentence, filter(None, [wording.draws(board)]))
    blocks += [
        f"Means over trials with {board.level:.0%} bootstrap intervals clustered by mixture. "
        "○ marks an oracle, which reads the truth, and † a baseline: both are points of reference and not ranked; "
        "– marks a system that is not ranked for the reason below its table; "
        f"{wording.RANKS}. Δ is the difference on paired trials, with an interval of its own; its p-value "
        "is that of a sign-flip test over mixtures, corrected for all comparisons of the table."
    ]
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> list[str]:
    gaps = f"Δ to {table.leader}" if table.leader else "Δ"
    header = ["#", "system", *(wording.heading(column) for column in table.columns), gaps]
    rows = [_cells(table, entry) for entry in table.entries]
    facts = [wording.verdict(table), *filter(None, [wording.certainty(table), wording.tied(table)])]
    lead = markdown(f"{table.leader} is {', '.join(facts)}.") if table.leader else ""
    facts_on_columns = filter(None, [wording.phases(table), wording.unreferenced(table)])
    notes = [*(f"⚠ {note}" for note in wording.warnings(table)), *wording.unranked(table), *facts_on_columns]
    signatures = [f"{markdown_code(c.key)}: {markdown_code(c.signature)}" for c in table.columns]
    items = [f"{wording.plural(table.n_trials, 'trial')}. {lead}".strip(), *map(markdown, notes), *signatures]
    return [
        markdown_lines([markdown(head, inline=True) for head in header], rows),
        "\n".join(f"- {item}" for item in items),
    ]


def _cells(table: Table, entry: Entry) -> list[str]:
    values = []
    for index, (column, cell) in enumerate(zip(table.columns, entry.cells, strict=True)):
        if cell is None or not cell.applies:
            values.append(wording.NOTHING)
            continue
        unit = column.facts.unit
        mean = wording.number(cell.mean, unit)
        mean = f"**{mean}**" if entry.system in column.best else mean
        doubts = filter(None, [doubt(table, index), caution(column) and "caution"])
        spread = filter(None, [wording.seed_spread(cell)])
        notes = (*doubts, *spread, *wording.flags(cell, table.n_trials), *wording.pooled_details(table, entry, index))
        ends = wording.interval(cell.ci_low, cell.ci_high, unit)
        more = f"{ends} ({', '.join(notes)})" if notes else ends
        values.append(f"{mean} {markdown(more, inline=True)}".strip())
    unit = "" if table.primary is None else table.columns[table.primary].facts.unit
    lead = "leader" if entry.system == table.leader else wording.gap(entry.gap, unit)
    named = f"{entry.system}{' ⚠' if entry.warning else ''}"
    return [wording.rank(entry), markdown(named, inline=True), *values, markdown(lead, inline=True)]


def _issues(board: Leaderboard) -> str:
    if not board.issues:
        return "None."
    with_condition = any(issue.condition for issue in board.issues)
    places = ["dataset", *(["condition"] if with_condition else [])]
    header = [*places, "system", "status", "reason", "metrics", "trials", "first"]
    rows = [
        [
            *(getattr(issue, name) for name in places),
            *(issue.system, wording.status(issue), issue.reason),
            *(", ".join(issue.metrics), str(issue.n_trials), ", ".join(issue.first_trials)),
        ]
        for issue in board.issues
    ]
    return _plain_table(header, rows)


def _plain_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return markdown_lines(header, [[markdown(cell, inline=True) for cell in row] for row in rows])
