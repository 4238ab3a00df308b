"""Which systems of a table are ranked, its leader, gaps to it, and systems that share a rank.

Ranked are the systems that compete: baselines (the mixture, silence) and oracles are points of reference, as in the
tables of papers. A system whose phase is generated competes by metrics that do not need it. Where the target is absent,
silence would win by definition. The leader is the first of the ranked systems, and has rank 1; bold values and fronts
follow the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations

import pandas as pd

from ...bench.metrics.protocol import MetricInfo
from ...bench.run.system_facts import SystemFacts
from ...bench.statistics.aggregate import Aggregate
from ...bench.statistics.comparison import compare_pairs, rank_groups
from .board import BASELINE, ORACLE, Entry, Leaderboard, Table
from .columns import Column
from .wording import plural


def ranked(table: Table, rows: pd.DataFrame, *, level: float, resamples: int, seed: int) -> Table:
    """Add rank groups, the leader, its rival, and the gap of every other system to the leader.

    All pairs of ranked systems are compared, and every other system with the leader; p-values are corrected for all of
    these together.

    Args:
        table: entries sorted by the mean of the primary metric, without ranks.
        rows: merged rows of the table's stratum.
    """
    names = [entry.system for entry in table.entries if not entry.note]
    if not names or table.primary is None:
        return table
    leader, facts = names[0], table.columns[table.primary].facts
    others = [e.system for e in table.entries if e.system != leader and not phase_lacking(e.facts, facts)]
    shown = [(system, leader) for system in others]
    pairs = shown + [pair for pair in combinations(names, 2) if leader not in pair]
    differences = compare_pairs(
        rows,
        pairs=pairs,
        dataset=table.dataset,
        condition=table.condition,
        metric=table.columns[table.primary].key,
        level=level,
        resamples=resamples,
        seed=seed,
        bounded=frozenset(shown),
    )
    ranks = dict(zip(names, rank_groups(names, differences), strict=True))
    gaps = {found.system: found for found in differences if found.baseline == leader}
    entries = tuple(replace(entry, rank=ranks.get(entry.system), gap=gaps.get(entry.system)) for entry in table.entries)
    return replace(table, entries=entries, leader=leader, rival=_rival(table, leader))


def why_unranked(entry: Entry, primary: int | None, column: Column | None, *, n_faults: int) -> str:
    """Reason for having no rank; "" if the system has one.

    Args:
        entry: its own note does not matter.
        primary: index of the column that sorts the table.
        column: that column.
        n_faults: trials whose primary metric failed, apart from failures that the system's card promises.
    """
    if column is not None and (reason := phase_lacking(entry.facts, column.facts)):
        return f"not ranked: {reason}"
    if entry.n_missing:
        return f"not ranked: {plural(entry.n_missing, 'trial')} missing"
    if n_faults:
        return f"not ranked: {plural(n_faults, 'trial')} failed"
    if not entry.facts.competes:
        return ORACLE if entry.facts.privileged else BASELINE
    cell = None if primary is None else entry.cells[primary]
    if cell is None or math.isnan(cell.mean):
        return "not ranked: no value of the primary metric"
    return ""


def phase_lacking(system: SystemFacts, metric: MetricInfo) -> str:
    """Why a metric cannot rank a system for its phase; "" if it can."""
    if not (metric.needs_phase and system.phase_generated):
        return ""
    return f"its phase is generated, and {metric.title} compares waveforms sample by sample"


def _rival(table: Table, leader: str) -> str | None:
    """The system that the leader is compared with: the best other ranked one, or a baseline that is better.

    Where the target is absent, silence is right by definition: there the next ranked one, or else the unprocessed
    mixture.
    """
    others = [e for e in table.entries if e.system != leader and not e.facts.privileged and _has_primary(table, e)]
    ranked = [entry for entry in others if not entry.note]
    baselines = [entry for entry in others if entry.by_kind]
    if table.primary is None or table.columns[table.primary].facts.scope == "present":
        return next((entry.system for entry in others if not entry.note or entry.by_kind), None)
    mixture = [entry for entry in baselines if entry.system == "mixture"]
    return next((entry.system for entry in (*ranked, *mixture, *baselines)), None)


def _has_primary(table: Table, entry: Entry) -> bool:
    cell = table.primary_cell(entry)
    return cell is not None and not math.isnan(cell.mean)


def tie_groups(board: Leaderboard, table: Table, index: int) -> Mapping[str, int]:
    """Group of each system: 1 for the best and all that do not differ from it.

    The groups of the primary metric are the ranks of the table. Those of another metric are made alike: all pairs are
    compared on paired trials, and corrected together. Oracles, baselines, systems with missing or failed trials or
    without the phase that the metric needs, and metrics without a direction have none.
    Without rows, only equal means share a group.
    """
    column = table.columns[index]
    if index == table.primary:
        return _dense({entry.system: entry.rank for entry in table.entries if entry.rank is not None})
    if column.facts.higher_is_better is None:
        return {}
    sign = -1.0 if column.facts.higher_is_better else 1.0
    means = {system: sign * cell.mean for system, cell in contenders(table.entries, index, column.facts).items()}
    names = sorted(means, key=lambda name: (means[name], name))
    if board.rows.empty:
        return _dense({name: 1 + sum(m < means[name] for m in means.values()) for name in names})
    differences = compare_pairs(
        board.score_rows,
        pairs=list(combinations(names, 2)),
        dataset=table.dataset,
        condition=table.condition,
        metric=column.key,
        level=board.level,
        seed=board.seed,
        bounded=(),
    )
    return _dense(dict(zip(names, rank_groups(names, differences), strict=True)))


def contenders(entries: Iterable[Entry], index: int, metric: MetricInfo) -> dict[str, Aggregate]:
    """Cells of the systems that could be ranked by a column, which is of this metric."""
    return {
        entry.system: cell
        for entry in entries
        if (cell := entry.cells[index]) is not None
        and entry.facts.competes
        and not phase_lacking(entry.facts, metric)
        and not (entry.n_missing or cell.n_failed)
        and not math.isnan(cell.mean)
    }


def _dense(ranks: Mapping[str, int]) -> dict[str, int]:
    """Groups 1, 2, 3, ... of ranks such as 1, 1, 3; none if nothing sets systems apart."""
    order = sorted(set(ranks.values()))
    if len(order) < 2:
        return {}
    return {system: 1 + order.index(rank) for system, rank in ranks.items()}
