"""Who leads a table, by how much, and which systems share a rank."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pandas as pd

from ..bench.comparison import compare_pairs, rank_groups
from .board import Table


def ranked(table: Table, rows: pd.DataFrame, *, level: float, resamples: int, seed: int) -> Table:
    """Add rank groups, the leader, its rival, and the gap of every other system to the leader.

    All pairs of ranked systems are compared, and every other system with the leader; p-values are
    corrected for all of these together.

    Args:
        table: entries sorted by the mean of the primary metric, without ranks.
        rows: merged rows of the table's stratum.
        level: coverage of the intervals.
        resamples: number of bootstrap draws.
        seed: another seed, other intervals.
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
    entries = tuple(
        replace(entry, rank=ranks.get(entry.system), gap=gaps.get(entry.system))
        for entry in table.entries
    )
    return replace(table, entries=entries, leader=leader, rival=_rival(table, leader))


def _leader(table: Table) -> str | None:
    candidates = [entry for entry in table.entries if not entry.note]
    contenders = [entry for entry in candidates if entry.facts.family != "baseline"]
    return next((entry.system for entry in (*contenders, *candidates)), None)


def _rival(table: Table, leader: str) -> str | None:
    """Whom the leader must beat: the best ranked other system, be it only silence or the mixture.

    Where the target is absent, silence is right by definition and says nothing: there the next
    contender, or else the unprocessed mixture.
    """
    others = [entry for entry in table.entries if not entry.note and entry.system != leader]
    if table.primary is None or table.columns[table.primary].facts.scope == "present":
        return next((entry.system for entry in others), None)
    contenders = [entry for entry in others if entry.facts.family != "baseline"]
    mixture = [entry for entry in others if entry.system == "mixture"]
    return next((entry.system for entry in (*contenders, *mixture, *others)), None)
