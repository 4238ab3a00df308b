"""A comparison for a pull request: the regressions first, the rest folded away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..leaderboard.wording import number, plural, stratum_name
from ..tables.escapes import markdown, markdown_code
from ..tables.markdown_table import markdown_lines
from .result import Change, ChangedTrial, Check, Comparison
from .summary import HOW, OUTCOMES, corrected_for, headline, p_note, remarks, run_line, trials, value_cells, worst_first
from .worst import named_trials

_SLICES = 15
_ROWS = 40  # of a table: a comment on GitHub holds 65536 characters
_MARKS = {0: "✅", 1: "❌", 3: "⚠️"}


def comparison_markdown(
    comparison: Comparison, links: Mapping[ChangedTrial, str] | None = None, *, players: str = ""
) -> str:
    """The comparison as GitHub-flavoured Markdown.

    Args:
        links: to the players of trials, relative to the file or absolute.
        players: sentence that says where the players are.
    """
    mark = _MARKS[comparison.exit_code]
    blocks = [f"### {mark} {markdown(headline(comparison))}"]
    grave = [check for check in comparison.checks if check.outcome != "passed"]
    if grave:
        blocks.append(_checks(grave))
    blocks += [f"- {markdown(remark)}" for remark in remarks(comparison)]
    worse = [change for change in comparison.changes if change.verdict == "worse"]
    if worse:
        blocks += [f"**Significantly worse** ({corrected_for(worse[0], 'difference')})", _changes(worse)]
    if comparison.worst:
        shown = _trials(named_trials(comparison), links or {})
        blocks += [_folded("Trials that got worse most", "\n\n".join(filter(None, [shown, players])))]
    title = f"All {plural(len(comparison.changes), 'difference')} of whole strata"
    if comparison.changes:
        blocks.append(_folded(title, _changes(comparison.changes)))
    slices = [change for change in comparison.slices if change.verdict in ("worse", "better")]
    if slices:
        first = worst_first(slices)[:_SLICES]
        title = (
            f"Slices that changed significantly: {len(slices)} of {len(comparison.slices)}"
            f"{f', the worst {_SLICES}' if len(slices) > _SLICES else ''}"
        )
        blocks.append(_folded(title, _changes(first)))
    if comparison.gates:
        rules = ", ".join(markdown_code(str(gate)) for gate in comparison.gates)
        blocks.append(f"Gates: {rules}; one fails if {HOW[comparison.decide]}.")
    note = p_note(comparison)
    blocks.append(
        f"Base: {markdown(run_line(comparison.base), inline=True)}  \n"
        f"Candidate: {markdown(run_line(comparison.candidate), inline=True)}  "
        f"\nDifferences are candidate − base on paired trials, with {comparison.level:.0%} intervals clustered by "
        f"mixture.{f' {markdown(note)}.' if note else ''}"
    )
    return "\n\n".join(blocks) + "\n"


def refusal_markdown(problem: str) -> str:
    """Comment for a pull request whose two runs could not be compared."""
    return f"### {_MARKS[3]} Not compared\n\n{markdown(problem)}\n\nThis is no verdict on the candidate.\n"


def _checks(checks: Sequence[Check]) -> str:
    order = {"failed": 0, "incomplete": 1, "unproven": 2}
    rows = []
    for check in sorted(checks, key=lambda c: order[c.outcome])[:_ROWS]:
        facts = [check.change.where, check.change.system, OUTCOMES[check.outcome], check.reason]
        rows.append([markdown_code(str(check.gate), in_table=True), *(markdown(fact, inline=True) for fact in facts)])
    table = markdown_lines(["gate", "where", "system", "", "difference"], rows)
    return table + _more(checks, "checks.csv")


def _changes(changes: Sequence[Change]) -> str:
    header = ["where", "system", "metric", "base", "candidate", "difference", "p", "trials", ""]
    rows = []
    for change in worst_first(changes)[:_ROWS]:
        metric = f"{change.metric.name} {change.metric.unit}".strip()
        verdict = "" if change.verdict == "same" else change.verdict
        cells = [change.where, change.system, metric, *value_cells(change), trials(change), verdict]
        rows.append([markdown(cell, inline=True) for cell in cells])
    return markdown_lines(header, rows) + _more(changes, "changes.csv")


def _more(items: Sequence[object], name: str) -> str:
    """Sentence that a table was cut, and where the rest is."""
    cut = len(items) - _ROWS
    return f"\n\nand {cut} more in `{name}`" if cut > 0 else ""


def _trials(found: Sequence[ChangedTrial], links: Mapping[ChangedTrial, str]) -> str:
    header = ["trial", "where", "system", "metric", "base", "candidate", "difference"]
    rows = []
    for trial in found:
        unit = trial.metric.unit
        values = [
            f"{number(value, unit)}{f' ({reason})' if reason else ''}"
            for value, reason in ((trial.base, trial.base_reason), (trial.candidate, trial.candidate_reason))
        ]
        where = stratum_name(trial.dataset, trial.condition, " · ")
        cells = [trial.trial_id, where, trial.system, f"{trial.metric.name} {unit}", *values]
        cells.append(number(trial.difference, unit, signed=True))
        listen = [f"[players]({links[trial]})" if trial in links else ""] if links else []
        rows.append([*(markdown(cell, inline=True) for cell in cells), *listen])
    return markdown_lines([*header, *(["listen"] if links else [])], rows)


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"
