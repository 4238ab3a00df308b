"""How well systems notice that a target is absent: equal error rates of scores of their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...bench.statistics.detection import SCORES, DetectionTrials, detection_trials, equal_error
from ...bench.statistics.resampling import FloatArray
from ..leaderboard.board import Leaderboard
from ..leaderboard.columns import Column
from ..leaderboard.wording import interval, number
from .table import Cell, Head, Note, PrintedTable, Row, file_stem

_RANGE_DB = 60.0  # below the highest score; silent outputs have −120 dB
_EXPLANATION = (
    "Equal error rate: share of trials in which a threshold on the score is wrong, where false extractions (the target "
    "is absent and the score at or above it) and missed targets (present and below) are equal, with {level:.0%} "
    "bootstrap intervals over mixtures; 50 % is chance. The threshold is that of equal errors on these trials: choose "
    "one for a gate on a development set, not here."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectors:
    """Scores of all systems of a dataset by one metric, over the same strata."""

    dataset: str
    present: str
    absent: str
    column: Column
    systems: tuple[DetectionTrials, ...]

    @property
    def label(self) -> str:
        """The score with its unit: "Output level [dB]"."""
        unit = self.column.facts.unit
        return self.column.title if ".." in unit or not unit else f"{self.column.title} [{unit}]"

    @property
    def name(self) -> str:
        """Stem of files: dataset, stratum of absent targets, and score."""
        return f"{self.dataset}_{self.absent}_{self.column.key}"

    def thresholds(self, count: int, *, with_scores: int = 0) -> FloatArray:
        """So many thresholds over the scores, without those far below the highest; with the scores if these are few."""
        scores = np.concatenate([each.scores for each in self.systems])
        high = float(scores.max())
        low = max(float(scores.min()), high - _RANGE_DB)
        even = np.linspace(low, high, count)
        return np.union1d(even, scores[scores >= low]) if len(scores) <= with_scores else even


def detectors(board: Leaderboard) -> list[Detectors]:
    """Each score of a board that trials with and without a target have, by dataset and strata."""
    columns = {c.key: c for table in board.tables for c in table.columns if c.facts.name in SCORES}
    if board.rows.empty or not columns:
        return []
    groups: dict[tuple[str, str, str, str], list[DetectionTrials]] = {}
    for each in detection_trials(board.score_rows, metrics=tuple(columns)):
        if each.n_present and each.n_absent:
            groups.setdefault((each.dataset, each.present, each.absent, each.metric), []).append(each)
    return [
        Detectors(dataset=dataset, present=present, absent=absent, column=columns[metric], systems=tuple(systems))
        for (dataset, present, absent, metric), systems in groups.items()
    ]


def detection_tables(board: Leaderboard) -> dict[str, list[PrintedTable]]:
    """By dataset, a table for each pair of strata: equal error rate of each system and score."""
    found: dict[tuple[str, str, str], list[Detectors]] = {}
    for each in detectors(board):
        found.setdefault((each.dataset, each.present, each.absent), []).append(each)
    tables: dict[str, list[PrintedTable]] = {}
    for (dataset, _, _), group in found.items():
        tables.setdefault(dataset, []).append(_printed(board, group))
    return tables


def _printed(board: Leaderboard, group: Sequence[Detectors]) -> PrintedTable:
    first = group[0]
    heads = ("equal error rate % ↓", "threshold", "trials with", "trials without", "failed")
    return PrintedTable(
        name=file_stem(f"{first.dataset}_{first.absent}_detection"),
        caption=f"Absent targets, {first.dataset}: {first.present} against {first.absent}",
        heads=(Head(text="score", align="l"), Head(text="system", align="l"), *(Head(text=text) for text in heads)),
        rows=tuple(Row(cells=_cells(board, each, trials)) for each in group for trials in each.systems),
        notes=(Note(text=_EXPLANATION.format(level=board.level)),),
        stub=2,
    )


def _cells(board: Leaderboard, shown: Detectors, trials: DetectionTrials) -> tuple[Cell, ...]:
    found = equal_error(trials, level=board.level, resamples=board.resamples, seed=board.seed)
    unit = shown.column.facts.unit
    limit = number(found.threshold, unit)
    return (
        Cell(text=shown.label),
        Cell(text=trials.system),
        Cell(text=number(found.rate, "%"), detail=interval(found.low, found.high, "%")),
        Cell(text=limit),
        *(Cell(text=str(count)) for count in (trials.n_present, trials.n_absent, trials.n_failed)),
    )
