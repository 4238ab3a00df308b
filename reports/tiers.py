"""Rank groups of any column, not only of the one that sorts a table: what to set in bold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

from ..bench.comparison import compare_pairs, rank_groups
from ..bench.statistics import Aggregate
from .board import Leaderboard, Table


def tiers(board: Leaderboard, table: Table, index: int) -> Mapping[str, int]:
    """Which group each system is in: 1 for the best and all that do not differ from it.

    The groups of the primary metric are the ranks of the table. Those of another metric are made
    alike: all pairs are compared on paired trials, and corrected together. Oracles, systems with
    missing or failed trials, and metrics without a direction have none.

    Args:
        board: its rows are compared; without rows, only equal means share a group.
        table: one of its tables.
        index: of a column.
    """
    column = table.columns[index]
    if index == table.primary:
        ranks = [(entry.system, entry.rank) for entry in table.entries if entry.rank is not None]
        return _dense(dict(ranks))
    if column.facts.higher_is_better is None:
        return {}
    sign = -1.0 if column.facts.higher_is_better else 1.0
    means = {system: sign * cell.mean for system, cell in _contenders(table, index).items()}
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


def _contenders(table: Table, index: int) -> dict[str, Aggregate]:
    return {
        entry.system: cell
        for entry in table.entries
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
