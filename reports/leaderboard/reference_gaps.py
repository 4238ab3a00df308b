"""Metrics that do not tell a set's clean references from its mixtures, found by measuring both in the run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pandas as pd

from ...bench.statistics.comparison import paired_difference
from .board import Entry, Table
from .columns import Column, ReferenceGap
from .doubts import reference_key
from .wording import interval, number, plural, title

_CLEAN = "clean references"  # as a system of their own


def with_reference_gaps(table: Table, rows: pd.DataFrame, *, level: float, resamples: int, seed: int) -> Table:
    """The table with the gap between clean references and mixtures by each metric that measured both.

    They were if the table has the system `mixture`, which returns its input, and the metric a value of the references.

    Args:
        rows: of the table, as `rank_rows` merges them.
    """
    mixture = next((entry.system for entry in table.entries if _is_mixture(entry)), None)
    own = rows[rows["system"] == mixture]

    def measured(column: Column) -> Column:
        pair = _pair(own, column)
        if mixture is None or pair is None:
            return column
        found = paired_difference(
            pair,
            system=_CLEAN,
            baseline=mixture,
            dataset=table.dataset,
            condition=table.condition,
            metric=column.key,
            level=level,
            resamples=resamples,
            seed=seed,
        )
        least = found.ci_low if column.facts.higher_is_better else -found.ci_high
        gap = ReferenceGap(
            n=found.n,
            n_clusters=found.n_clusters,
            mean=found.mean,
            ci_low=found.ci_low,
            ci_high=found.ci_high,
            told_apart=None if math.isnan(least) else least > 0.0,
        )
        return replace(column, reference_gap=gap, best=() if gap.told_apart is False else column.best)

    columns, parts = (tuple(measured(column) for column in group) for group in (table.columns, table.parts))
    return replace(table, columns=columns, parts=parts)


def caution(column: Column) -> str:
    """Why differences by a column say little on this set; "" if it tells clean references from mixtures, or may do so.

    The interval of the difference reaches to no difference, or beyond, on the trials of this table.
    """
    gap, unit = column.reference_gap, column.facts.unit
    if gap is None or gap.told_apart is not False:
        return ""
    ends = interval(gap.ci_low, gap.ci_high, unit, signed=True)
    amount = " ".join(filter(None, [number(gap.mean, unit, signed=True), "" if ".." in unit else unit, ends]))
    return f"does not tell clean references from mixtures: references − mixtures {amount}"


def cautions(tables: Iterable[Table]) -> Iterator[str]:
    """A sentence for each column with a caution."""
    for table in tables:
        for column in (*table.columns, *table.parts):
            if (found := caution(column)) and (gap := column.reference_gap):
                where = f"on {plural(gap.n, 'trial')}"
                yield f"caution, {title(table)}: {column.key} {found} {where}, so its differences say little here"


def _is_mixture(entry: Entry) -> bool:
    return "mixture" in {entry.facts.card.get("name"), entry.system} and not entry.facts.privileged


def _pair(rows: pd.DataFrame, column: Column) -> pd.DataFrame | None:
    """Rows of the mixtures, and of the references as if these were another system; None without either."""
    key = reference_key(column)
    if key is None or column.facts.higher_is_better is None:
        return None
    mixtures, clean = (rows[rows["metric"] == metric] for metric in (column.key, key))
    if mixtures.empty or clean.empty:
        return None
    return pd.concat([mixtures, clean.assign(system=_CLEAN, metric=column.key)])
