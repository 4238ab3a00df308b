"""Numbers and sentences as text, the same in every report."""

from __future__ import annotations

import math

from ...bench.statistics.aggregate import Aggregate
from ...bench.statistics.comparison import ALPHA, Difference
from .board import BASELINE, Entry, Issue, Leaderboard, Table
from .columns import Column

NOTHING = "—"
RANKS = f"ranks are groups: systems of one rank do not differ significantly (p ≥ {ALPHA:g} after Holm)"
SEEDS = (
    "where a system draws several samples of each answer, a value is their mean, never the best; σ is the standard "
    "deviation of the means that the single samples (seeds) have over all trials"
)
PHASE = (
    "compare waveforms sample by sample; they are shown and do not rank where a vocoder or a phase reconstruction made "
    "the phase of the output, which then does not follow the target's however good it sounds:"
)
_SMALLEST_SD = 0.001
_DECIMALS = {"dB": 2, "%": 1, "MOS-LQO": 2, "MOS": 2, "points": 1}
_SMALLEST_P = 0.001  # smaller ones are given as "< 0.001"


def number(value: float, unit: str, *, signed: bool = False) -> str:
    """A value with the decimals of its unit; "—" for NaN, "∞" for infinity."""
    if math.isnan(value):
        return NOTHING
    sign = "−" if value < 0 else "+" if signed and value > 0 else ""
    if math.isinf(value):
        return f"{sign}∞"
    digits = f"{abs(value):.{decimals(unit)}f}"
    return digits if float(digits) == 0.0 else sign + digits


def decimals(unit: str) -> int:
    """Digits after the decimal point of values in a unit."""
    return _DECIMALS.get(unit, 3)


def interval(low: float, high: float, unit: str, *, signed: bool = False) -> str:
    """Both ends in brackets, or "" if there is no interval."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"[{number(low, unit, signed=signed)}, {number(high, unit, signed=signed)}]"


def half_width(cell: Aggregate, unit: str) -> str:
    """Half the length of the interval as ±0.56, where there is no room for both ends."""
    if math.isnan(cell.ci_low) or math.isnan(cell.ci_high):
        return ""
    return f"±{number((cell.ci_high - cell.ci_low) / 2.0, unit)}"


def seed_spread(cell: Aggregate) -> str:
    """Spread between the seeds of a system that draws its answers: "σ 0.031, 4 seeds"; "" for one sample."""
    if cell.n_samples < 2:
        return ""
    sd = cell.seed_sd
    shown = "" if math.isnan(sd) else f"σ {sd:.2g}, " if sd >= _SMALLEST_SD or sd == 0 else f"σ < {_SMALLEST_SD:g}, "
    return f"{shown}{cell.n_samples} seeds"


def sentence(text: str) -> str:
    """The text with a capital letter first and a full stop last."""
    return f"{text[:1].upper()}{text[1:]}."


def draws(board: Leaderboard) -> str:
    """A sentence on values that are means over several samples; "" if there is none."""
    counts = {c.n_samples for table in board.tables for entry in table.entries for c in entry.cells if c is not None}
    return SEEDS if max(counts, default=1) > 1 else ""


def phases(table: Table) -> str:
    """A sentence on the columns that do not rank systems whose phase is generated; "" if there is none."""
    columns = [column.title for column in table.columns if column.facts.needs_phase]
    systems = [entry.system for entry in table.entries if entry.facts.phase_generated]
    if not (columns and systems):
        return ""
    return f"{', '.join(columns)} {PHASE} {', '.join(systems)}"


def unreferenced(table: Table) -> str:
    """A sentence on the metrics that need clean references, which the set has not; "" if there are none."""
    return f"not applicable without clean references: {', '.join(table.unreferenced)}" if table.unreferenced else ""


def pooled_details(table: Table, entry: Entry, index: int) -> tuple[str, ...]:
    """Additions to a pooled value: its parts (sub, del, ins), and the mean over trials."""
    column, cell = table.columns[index], entry.cells[index]
    if cell is None or column.facts.pooling != "weighted_mean" or math.isnan(cell.mean):
        return ()
    unit = column.facts.unit
    parts = [
        f"{part.facts.name.removeprefix(f'{column.facts.name}_')[:3]} {number(found.mean, unit)}"
        for part, found in zip(table.parts, entry.parts, strict=True)
        if found is not None and part.facts.part_of == column.facts.name
    ]
    over_trials = number(cell.trial_mean, unit)
    mean = f"mean over trials {over_trials}" if over_trials != number(cell.mean, unit) else ""
    return tuple(filter(None, (" · ".join(parts), mean)))


def flags(cell: Aggregate, n_trials: int) -> tuple[str, ...]:
    """Deviations from a mean over all trials: fewer, failed, undefined or floored ones."""
    counts = ((cell.n_failed, "failed"), (cell.n_undefined, "undefined"), (cell.n_floored, "floored"))
    fewer = (f"n={cell.n}",) if cell.n != n_trials - cell.n_inapplicable else ()
    return (*fewer, *(f"{count} {word}" for count, word in counts if count))


def heading(column: Column) -> str:
    """Metric, unit and direction, for example "snri dB ↑"; a range (0..1) is no unit."""
    arrow = {True: "↑", False: "↓", None: ""}[column.facts.higher_is_better]
    unit = "" if ".." in column.facts.unit else column.facts.unit
    return " ".join(part for part in (column.key, unit, arrow) if part)


def rank(entry: Entry) -> str:
    """The rank, or a mark in its place: ○ for an oracle, † for a baseline, – for any other unranked system."""
    if entry.rank is not None:
        return str(entry.rank)
    if entry.note == BASELINE:
        return "†"
    return "○" if entry.complete and entry.facts.privileged else "–"


def title(table: Table) -> str:
    """Dataset and stratum, for example "mini_sounds · PMQ 1:3"."""
    return stratum_name(table.dataset, table.condition, " · ")


def stratum_name(dataset: str, condition: str, between: str = " ") -> str:
    """Dataset and stratum; scored folders have no query, and so no stratum."""
    return between.join(filter(None, (dataset, condition)))


def gap(difference: Difference | None, unit: str) -> str:
    """Signed difference with interval and p-value; "" for the leader itself."""
    if difference is None:
        return ""
    mean = number(difference.mean, unit, signed=True)
    ends = interval(difference.ci_low, difference.ci_high, unit, signed=True)
    return " ".join(part for part in (mean, ends, p_value(difference)) if part)


def p_value(difference: Difference) -> str:
    """The adjusted p-value as "p = 0.012" or "p < 0.001"; "" if there is none."""
    digits = p_digits(difference)
    return f"p {digits if digits.startswith('<') else f'= {digits}'}" if digits else ""


def p_digits(difference: Difference) -> str:
    """The adjusted p-value as "0.012", "< 0.001" or ""; never rounded across the threshold."""
    p = difference.p_adjusted
    if math.isnan(p):
        return ""
    if p < _SMALLEST_P:
        return f"< {_SMALLEST_P:g}"
    digits = f"{p:.3f}"
    return digits if (float(digits) < ALPHA) == difference.significant else f"{p:.6f}"


def verdict(table: Table) -> str:
    """Difference of the leader to its rival on the primary metric, as text."""
    rival = table.entry(table.rival)
    if table.primary is None or rival is None or rival.gap is None:
        return "alone in its table"
    facts, difference = table.columns[table.primary].facts, rival.gap
    if math.isnan(difference.mean):
        return f"without a difference to {rival.system} that has a value"
    sign = -1.0 if facts.higher_is_better else 1.0  # the gap is rival − leader
    ahead = sign * difference.mean
    low, high = sorted((sign * difference.ci_low, sign * difference.ci_high))
    amount = f"{number(abs(ahead), facts.unit)} {facts.unit}".strip()
    word = "better" if ahead >= 0 else "worse"
    ends = interval(low, high, facts.unit, signed=True)
    return f"{amount} {word} than {rival.system} {ends} on {difference.n} paired trials"


def certainty(table: Table) -> str:
    """Significance of the lead, with the p-value; "" where nothing is compared."""
    rival = table.entry(table.rival)
    if rival is None or rival.gap is None or not p_value(rival.gap):
        return ""
    return f"{'' if rival.gap.significant else 'not '}significant, {p_value(rival.gap)}"


def tied(table: Table) -> str:
    """Systems that share the leader's rank; "" if there are none."""
    lead = table.entry(table.leader)
    if lead is None or lead.rank is None:
        return ""
    names = [e.system for e in table.entries if e.rank == lead.rank and e.system != lead.system]
    return f"shares rank {lead.rank} with {', '.join(names)}" if names else ""


def status(issue: Issue) -> str:
    """The status of an issue as a word: an ok value with a note is flagged."""
    return "flagged" if issue.status == "ok" else issue.status


def plural(count: int, noun: str) -> str:
    """Count and noun, for example "1 trial" or "2 trials"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def warnings(table: Table) -> list[str]:
    """Systems that were trained on part of the dataset: "net: trained on ..."."""
    return [f"{entry.system}: {entry.warning}" for entry in table.entries if entry.warning]


def unranked(table: Table) -> list[str]:
    """Reasons for having no rank, oracles and baselines left out: "soundbeam: not ranked: ..."."""
    return [f"{entry.system}: {entry.note}" for entry in table.entries if entry.note and not entry.by_kind]


def trouble(board: Leaderboard) -> str:
    """One sentence on what failed, is missing, or was trained on; "" if nothing."""
    alarming = [issue for issue in board.issues if board.alarms(issue)]
    parts = []
    for status, what in (("failed", "with a value that failed"), ("missing", "missing")):
        count = sum(issue.n_trials for issue in alarming if issue.status == status)
        if count:
            parts.append(f"{plural(count, 'trial')} {what}")
    sentences = [f"{' and '.join(parts)}, counted for each system"] if parts else []
    trained = {issue.system for issue in alarming if issue.status == "contaminated"}
    if trained:
        sentences.append(f"trained on part of a test set: {', '.join(sorted(trained))}")
    return "; ".join(sentences)


def expected(board: Leaderboard) -> list[str]:
    """Sentences on failures that the card of a baseline promises: silence has no PESQ."""
    return [
        f"as expected of a baseline, {issue.system} has no {', '.join(issue.metrics)} on "
        f"{plural(issue.n_trials, 'trial')} of "
        f"{stratum_name(issue.dataset, issue.condition)} ({issue.reason})"
        for issue in board.issues
        if issue.status == "failed" and not board.alarms(issue)
    ]


def alarmed(board: Leaderboard) -> frozenset[tuple[str, str, str, str]]:
    """Dataset, condition, system and metric of the cells that hold a fault."""
    return frozenset(
        (issue.dataset, issue.condition, issue.system, metric)
        for issue in board.issues
        if board.alarms(issue)
        for metric in issue.metrics
    )
