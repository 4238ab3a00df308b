"""A comparison for a pull request: the regressions first, the rest folded away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..leaderboard.wording import number, plural
from .comparison import Change, ChangedTrial, Check, Comparison
from .wording import HOW, OUTCOMES, headline, remarks, run_line, trials, value_cells, worst_first
from .worst import named_trials

_SLICES = 15
_ROWS = 40  # of a table: a comment on GitHub holds 65536 characters
_MARKS = {0: "✅", 1: "❌", 3: "⚠️"}


def comparison_markdown(comparison: Comparison, links: Mapping[ChangedTrial, str] | None = None) -> str:
    """The comparison as GitHub-flavoured Markdown.

    Args:
        comparison: the comparison.
        links: where trials can be heard, relative to the file.
    """
    mark = _MARKS[comparison.exit_code]
    blocks = [f"### {mark} {safe(headline(comparison))}"]
    grave = [check for check in comparison.checks if check.outcome != "passed"]
    if grave:
        blocks.append(_checks(grave))
    blocks += [f"- {safe(remark)}" for remark in remarks(comparison)]
    worse = [change for change in comparison.changes if change.verdict == "worse"]
    if worse:
        blocks += ["**Significantly worse**", _changes(worse)]
    if comparison.worst:
        blocks += [_folded("Trials that got worse most", _trials(named_trials(comparison), links or {}))]
    title = f"All {plural(len(comparison.changes), 'difference')} of whole strata"
    if comparison.changes:
        blocks.append(_folded(title, _changes(comparison.changes)))
    slices = [change for change in comparison.slices if change.verdict in ("worse", "better")]
    if slices:
        shown = worst_first(slices)[:_SLICES]
        title = (
            f"Slices that changed significantly: {len(slices)} of {len(comparison.slices)}"
            f"{f', the worst {_SLICES}' if len(slices) > _SLICES else ''}"
        )
        blocks.append(_folded(title, _changes(shown)))
    if comparison.gates:
        rules = ", ".join(f"`{_code(str(gate))}`" for gate in comparison.gates)
        blocks.append(f"Gates: {rules}; one fails if {HOW[comparison.decide]}.")
    blocks.append(
        f"Base: {safe(run_line(comparison.base))}  \n"
        f"Candidate: {safe(run_line(comparison.candidate))}  \n"
        f"Differences are candidate − base on paired trials, with {comparison.level:.0%} intervals "
        "clustered by mixture; p-values are corrected for all of their table (Holm), slices by "
        "dimension."
    )
    return "\n\n".join(blocks) + "\n"


def safe(text: str) -> str:
    """Text that cannot end a cell, open an HTML tag, make a link or turn `_` into emphasis."""
    marks = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "\\|", "_": "\\_", "[": "\\[", "*": "\\*"}
    for mark, written in marks.items():
        text = text.replace(mark, written)
    return " ".join(text.split())


def _checks(checks: Sequence[Check]) -> str:
    header = ["gate", "where", "system", "", "difference"]
    lines = [_line(header), _rule(header)]
    order = {"failed": 0, "incomplete": 1, "unproven": 2}
    for check in sorted(checks, key=lambda c: order[c.outcome])[:_ROWS]:
        change = check.change
        outcome = OUTCOMES[check.outcome]
        told = [change.where, change.system, outcome, check.reason]
        lines.append(_line([f"`{_code(str(check.gate))}`", *map(safe, told)]))
    return "\n".join([*lines, *_more(checks, "checks.csv")])


def _changes(changes: Sequence[Change]) -> str:
    header = ["where", "system", "metric", "base", "candidate", "difference", "p", "trials", ""]
    lines = [_line(header), _rule(header)]
    for change in worst_first(changes)[:_ROWS]:
        metric = f"{change.metric.name} {change.metric.unit}".strip()
        values = map(safe, value_cells(change))
        verdict = "" if change.verdict == "same" else change.verdict
        told = [safe(change.where), safe(change.system), safe(metric), *values]
        lines.append(_line([*told, safe(trials(change)), verdict]))
    return "\n".join([*lines, *_more(changes, "changes.csv")])


def _more(lines: Sequence[object], name: str) -> list[str]:
    """That a table was cut, and where the rest is."""
    cut = len(lines) - _ROWS
    return ["", f"and {cut} more in `{name}`"] if cut > 0 else []


def _trials(found: Sequence[ChangedTrial], links: Mapping[ChangedTrial, str]) -> str:
    header = ["trial", "where", "system", "metric", "base", "candidate", "difference"]
    header += ["listen"] if links else []
    lines = [_line(header), _rule(header)]
    for trial in found:
        unit = trial.metric.unit
        values = [
            f"{number(value, unit)}{f' ({reason})' if reason else ''}"
            for value, reason in ((trial.base, trial.base_reason), (trial.candidate, trial.candidate_reason))
        ]
        where = f"{trial.dataset} · {trial.condition}"
        told = [trial.trial_id, where, trial.system, f"{trial.metric.name} {unit}", *values]
        told.append(number(trial.difference, unit, signed=True))
        listen = [f"[players]({links[trial]})" if trial in links else ""] if links else []
        lines.append(_line([*map(safe, told), *listen]))
    return "\n".join(lines)


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{safe(title)}</summary>\n\n{content}\n\n</details>"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(header: Sequence[str]) -> str:
    return _line(["---"] * len(header))


def _code(text: str) -> str:
    return text.replace("`", "'").replace("|", "\\|")
