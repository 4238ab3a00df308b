"""Curves of systems over the levels of a sweep, each level compared with the plain set on the same trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from ...bench.statistics.aggregate import Aggregate
from ...bench.statistics.comparison import Difference, compare_pairs
from ...datasets.facts import LevelCard
from ..leaderboard.assemble import levels_of
from ..leaderboard.board import Leaderboard, Table
from ..leaderboard.columns import Column

NONE = "none"
"""Level of the plain set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One system through the levels: cells, and differences to the plain set (None of that itself), or None.

    A board without its rows, as one of a JSON file, has no differences.
    """

    system: str
    cells: tuple[Aggregate | None, ...]
    differences: tuple[Difference | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCurves:
    """Curves of all systems by one metric in one stratum.

    Attributes:
        dataset: the plain set.
        column: the metric.
        cards: of the levels but the plain set, in their order.
        tables: of all levels, that of the plain set first.
        curves: of the systems that have a value, in the order of the plain table.
    """

    dataset: str
    condition: str
    column: Column
    cards: tuple[LevelCard, ...]
    tables: tuple[Table, ...]
    curves: tuple[Curve, ...]

    @property
    def name(self) -> str:
        """Name of the sweep."""
        return self.cards[0].sweep

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels as text, the plain set first."""
        return (NONE, *(card.level for card in self.cards))

    @property
    def axis(self) -> str:
        """Quantity of the levels with its unit: "MP3 bit rate [kbit/s]"."""
        card = self.cards[0]
        return f"{card.title} [{card.unit}]" if card.unit else card.title


def sweeps(board: Leaderboard) -> list[SweepCurves]:
    """The sweeps of a board, by dataset, stratum, sweep and metric; the primary metric first."""
    found = levels_of(board.runs, {t.dataset for t in (*board.tables, *board.level_tables)})
    groups: dict[tuple[str, str], list[tuple[LevelCard, str]]] = {}
    for dataset, card in found.items():
        groups.setdefault((card.plain, card.sweep), []).append((card, dataset))
    ordered: list[SweepCurves] = []
    for plain in board.tables:
        for (dataset, _), members in groups.items():
            if dataset == plain.dataset:
                ordered += _of_stratum(board, plain, sorted(members, key=lambda item: item[0].place))
    return ordered


def by_sweep(found: Sequence[SweepCurves]) -> list[list[SweepCurves]]:
    """The metrics of each sweep and stratum together."""
    groups: dict[tuple[str, str, str], list[SweepCurves]] = {}
    for each in found:
        groups.setdefault((each.dataset, each.condition, each.name), []).append(each)
    return list(groups.values())


def _of_stratum(board: Leaderboard, plain: Table, members: Sequence[tuple[LevelCard, str]]) -> Iterator[SweepCurves]:
    """The sweep of one stratum, once for each metric with a direction."""
    tables = {(t.dataset, t.condition): t for t in board.level_tables}
    there = [(card, tables[name, plain.condition]) for card, name in members if (name, plain.condition) in tables]
    if not there:
        return
    cards, levels = (tuple(part) for part in zip(*there, strict=True))
    rows = board.score_rows
    if not rows.empty:
        rows = rows[rows["dataset"].isin([plain.dataset, *(table.dataset for table in levels)])]
    columns = [c for c in plain.columns if c.facts.higher_is_better is not None]
    for column in sorted(columns, key=lambda c: c.key != plain.primary_key):
        curves = [_curve(board, column, entry.system, (plain, *levels), rows) for entry in plain.entries]
        yield SweepCurves(
            dataset=plain.dataset,
            condition=plain.condition,
            column=column,
            cards=cards,
            tables=(plain, *levels),
            curves=tuple(_telling([curve for curve in curves if any(curve.cells)])),
        )


def _telling(curves: Sequence[Curve]) -> Sequence[Curve]:
    """The curves without those that are 0 by definition, as improvements of the mixture over itself; all if none is."""

    def is_zero(cell: Aggregate | None) -> bool:
        return cell is None or cell.mean == cell.ci_low == cell.ci_high == 0.0

    kept = [curve for curve in curves if not all(map(is_zero, curve.cells))]
    return kept or curves


def _curve(board: Leaderboard, column: Column, system: str, tables: Sequence[Table], rows: pd.DataFrame) -> Curve:
    cells = tuple(_cell(table, system, column.key) for table in tables)
    if rows.empty:
        return Curve(system=system, cells=cells, differences=(None,) * len(tables))
    own = rows[(rows["system"] == system) & (rows["metric"] == column.key)]
    labels = {table.dataset: str(place) for place, table in enumerate(tables)}
    own = own.assign(system=own["dataset"].map(labels), dataset=tables[0].dataset)
    places = [place for place in range(1, len(tables)) if cells[place] is not None] if cells[0] else []
    found = compare_pairs(
        own,
        pairs=[(str(place), "0") for place in places],
        dataset=tables[0].dataset,
        condition=tables[0].condition,
        metric=column.key,
        level=board.level,
        resamples=board.resamples,
        seed=board.seed,
    )
    by_place = dict(zip(places, found, strict=True))
    return Curve(system=system, cells=cells, differences=tuple(by_place.get(place) for place in range(len(tables))))


def _cell(table: Table, system: str, key: str) -> Aggregate | None:
    entry = table.entry(system)
    index = next((i for i, column in enumerate(table.columns) if column.key == key), None)
    cell = entry.cells[index] if entry is not None and index is not None else None
    return cell if cell is not None and cell.n else None
