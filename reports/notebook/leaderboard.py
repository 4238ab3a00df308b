"""Leaderboards that a notebook shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd

from ...bench.rows import run_folders
from ...bench.run.rank_by import RankBy
from ...bench.run.record import RunFacts
from ..leaderboard.assemble import open_board, rank_rows
from ..leaderboard.board import Leaderboard
from .show import board_html, board_text


class ShownLeaderboard(Leaderboard):
    """A leaderboard that is printed as `tsebench run` prints it, and has HTML for a notebook."""

    def __str__(self) -> str:
        return board_text(self)

    def _repr_html_(self) -> str:
        return board_html(self)


def shown(board: Leaderboard) -> ShownLeaderboard:
    """The same leaderboard for a notebook."""
    return ShownLeaderboard(**{each.name: getattr(board, each.name) for each in fields(board) if each.init})


def leaderboard(
    rows: pd.DataFrame | str | Path | Sequence[str | Path],
    *,
    runs: Sequence[RunFacts] = (),
    expected: Mapping[tuple[str, str], int] | None = None,
    primary: RankBy | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> ShownLeaderboard:
    """Rank systems on each dataset and stratum.

    Systems that do not differ significantly share a rank. Baselines, oracles, and systems with missing or failed trials
    are shown but not ranked. Rows of several runs may be given together.

    Args:
        rows: run folders, whose configs then say what ranks and how intervals are drawn; or rows of `read_rows` alone,
            which do not say which systems read the truth.
        runs: of `read_runs`, for privileged systems, versions and licences.
        expected: number of trials by (dataset, condition label); what it leaves out comes from the runs, or is the
            number of different trials that the rows hold.
        primary: metric that sorts the tables that have it, one for all datasets or by dataset; default: the metric with
            the lowest `rank_order`.

    Raises:
        ConfigError: `level`, `resamples` or the columns of `rows` are wrong, or a folder is missing or empty.
        DatasetError: a shard of rows is damaged.
    """
    if not isinstance(rows, pd.DataFrame):
        return shown(open_board(run_folders(rows), rank_by=primary or ""))
    ranked = rank_rows(rows, runs=runs, expected=expected, primary=primary, level=level, resamples=resamples, seed=seed)
    return shown(ranked)
