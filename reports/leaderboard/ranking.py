"""Leader of a table, gaps to it, and systems that share a rank."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations

import pandas as pd

from ...bench.statistics.aggregate import Aggregate
from ...bench.statistics.comparison import compare_pairs, rank_groups
from .board import Entry, Leaderboard, Table


def ranked(table: Table, rows: pd.DataFrame, *, level: float, resamples: int, seed: int) -> Table:
    """Add rank groups, the leader, its rival, and the gap of every other system to the leader.

    All pairs of ranked systems are compared, and every other system with the leader; p-values are corrected for all of
    these together.

    Args:
        table: entries sorted by the mean of the primary metric, without ranks.
        rows: merged rows of the table's stratum.
    """
    names = [entry.system for entry in table.entries if not entry.note]
    leader = _leader(table)
    if leader is None or table.primary is None:
        return table
    others = [entry.system for entry in table.entries if entry.system != leader]
    pairs = [(system, leader) for system in others]
    pairs += [pair for pair in combinations(names, 2) if leader not in pair]
    differences = compare_pairs(
        rows,
        pairs=pairs,
        dataset=table.dataset,
        condition=table.condition,
        metric=table.columns[table.primary].key,
        level=level,
        resamples=resamples,
        seed=seed,
    )
    ranks = dict(zip(names, rank_groups(names, differences), strict=True))
    gaps = {found.system: found for found in differences if found.baseline == leader}
    entries = tuple(replace(entry, rank=ranks.get(entry.system), gap=gaps.get(entry.system)) for entry in table.entries)
    return replace(table, entries=entries, leader=leader, rival=_rival(table, leader))


def _leader(table: Table) -> str | None:
    candidates = [entry for entry in table.entries if not entry.note]
    contenders = [entry for entry in candidates if entry.facts.family != "baseline"]
    return next((entry.system for entry in (*contenders, *candidates)), None)


def _rival(table: Table, leader: str) -> str | None:
    """The system that the leader is compared with: the best other ranked one, also silence or the mixture.

    Where the target is absent, silence is right by definition: there the next contender, or else the unprocessed
    mixture.
    """
    others = [entry for entry in table.entries if not entry.note and entry.system != leader]
    if table.primary is None or table.columns[table.primary].facts.scope == "present":
        return next((entry.system for entry in others), None)
    contenders = [entry for entry in others if entry.facts.family != "baseline"]
    mixture = [entry for entry in others if entry.system == "mixture"]
    return next((entry.system for entry in (*contenders, *mixture, *others)), None)


def tie_groups(board: Leaderboard, table: Table, index: int) -> Mapping[str, int]:
    """Group of each system: 1 for the best and all that do not differ from it.

    The groups of the primary metric are the ranks of the table. Those of another metric are made alike: all pairs are
    compared on paired trials, and corrected together. Oracles, systems with missing or failed trials, and metrics
    without a direction have none.
    Without rows, only equal means share a group.
    """
    column = table.columns[index]
    if index == table.primary:
        return _dense({entry.system: entry.rank for entry in table.entries if entry.rank is not None})
    if column.facts.higher_is_better is None:
        return {}
    sign = -1.0 if column.facts.higher_is_better else 1.0
    means = {system: sign * cell.mean for system, cell in contenders(table.entries, index).items()}
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
        resamples=1,  # intervals of the differences are not looked at
        seed=board.seed,
    )
    return _dense(dict(zip(names, rank_groups(names, differences), strict=True)))


def contenders(entries: Iterable[Entry], index: int) -> dict[str, Aggregate]:
    """Cells of the systems that could be ranked by a column."""
    return {
        entry.system: cell
        for entry in entries
        if (cell := entry.cells[index]) is not None
        and not (entry.facts.privileged or entry.n_missing or cell.n_failed)
        and not math.isnan(cell.mean)
    }


def _dense(ranks: Mapping[str, int]) -> dict[str, int]:
    """Groups 1, 2, 3, ... of ranks such as 1, 1, 3; none if nothing sets systems apart."""
    order = sorted(set(ranks.values()))
    if len(order) < 2:
        return {}
    return {system: 1 + order.index(rank) for system, rank in ranks.items()}
