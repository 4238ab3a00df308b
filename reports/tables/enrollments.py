"""What another enrollment of the same voice changes, apart from what another mixture changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...bench.statistics.enrollments import EnrollmentSpread, Estimated, enrollment_spread
from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import interval, number, stratum_name
from .sweeps import SweepCurves
from .table import Cell, Head, Note, PrintedTable, Row, file_stem

OTHER_ENROLLMENT = "other_enrollment"
"""The degradation whose levels are further enrollments for each mixture."""

_HEADS = ("metric", "system", "K", "trials", "mean", "worst of K", "best of K", "σ within", "σ between")
_EXPLANATION = (
    "K enrollments of the same voice for each trial. Worst and best of K: means over trials of the worst and the best "
    "value that any of the K enrollments gives. σ within: standard deviation over the enrollments of one trial, mean "
    "over trials. σ between: standard deviation over trials of their means over enrollments. {level:.0%} bootstrap "
    "intervals over mixtures; trials without a value for one of the enrollments are left out."
)


def enrollment_table(board: Leaderboard, group: Sequence[SweepCurves]) -> PrintedTable | None:
    """A line for each metric and system of a sweep over enrollments; None of other sweeps.

    Args:
        group: one sweep by its metrics.
    """
    first = group[0]
    rows = tuple(_rows(board, group)) if first.cards[0].degradation == OTHER_ENROLLMENT else ()
    if not rows:
        return None
    where = stratum_name(first.dataset, first.condition)
    return PrintedTable(
        name=file_stem(f"{stratum_name(first.dataset, first.condition, '_')}_{first.name}_spread"),
        caption=f"{first.name}: several enrollments for each trial of {where}",
        heads=tuple(Head(text=text, align="l" if place < 2 else "r") for place, text in enumerate(_HEADS)),
        rows=rows,
        notes=(Note(text=_EXPLANATION.format(level=board.level)),),
        stub=2,
    )


def _rows(board: Leaderboard, group: Sequence[SweepCurves]) -> Iterator[Row]:
    for shown in group:
        unit = shown.column.facts.unit
        for curve in shown.curves:
            spread = spread_of(board, shown, curve.system)
            if spread is not None:
                yield Row(cells=(Cell(text=shown.column.title), Cell(text=curve.system), *_cells(spread, unit)))


def spread_of(board: Leaderboard, shown: SweepCurves, system: str) -> EnrollmentSpread | None:
    """The spread of a system over the levels of a sweep; None without two enrollments, or without the board's rows."""
    rows = board.rows
    if rows.empty:
        return None
    datasets = [table.dataset for table in shown.tables]
    own = rows[
        (rows["system"] == system)
        & (rows["metric"] == shown.column.key)
        & (rows["condition"] == shown.condition)
        & rows["dataset"].isin(datasets)
    ]
    values = own[own["status"] == "ok"].pivot(index="trial_id", columns="dataset", values="value")
    clusters = own.drop_duplicates("trial_id").set_index("trial_id")["cluster"]
    return enrollment_spread(
        values.reindex(columns=datasets),
        clusters,
        higher_is_better=bool(shown.column.facts.higher_is_better),
        names=(board.seed, shown.dataset, shown.condition, shown.column.key),
        level=board.level,
        resamples=board.resamples,
    )


def _cells(spread: EnrollmentSpread, unit: str) -> Iterator[Cell]:
    yield Cell(text=str(spread.n_enrollments))
    yield Cell(text=str(spread.n))
    for each in (spread.mean, spread.worst, spread.best, spread.within_sd, spread.between_sd):
        yield _cell(each, unit)


def _cell(found: Estimated, unit: str) -> Cell:
    return Cell(text=number(found.value, unit), detail=interval(found.low, found.high, unit))
