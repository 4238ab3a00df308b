"""Leaderboards that a notebook shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypedDict, Unpack

import pandas as pd

from ...bench.run.rank_by import RankBy
from ...bench.run.record import RunFacts
from ...bench.run_folders import run_folders
from ...core.errors import ConfigError
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


class RowOptions(TypedDict, total=False):
    """Arguments of `leaderboard` for rows alone; the config of a run folder has them."""

    runs: Sequence[RunFacts]
    expected: Mapping[tuple[str, str], int] | None
    level: float
    resamples: int
    seed: int


def leaderboard(
    rows: pd.DataFrame | str | Path | Sequence[str | Path],
    *,
    primary: RankBy | None = None,
    **of_rows: Unpack[RowOptions],
) -> ShownLeaderboard:
    """Rank systems on each dataset and stratum.

    Systems that do not differ significantly share a rank. Baselines, oracles, and systems with missing or failed trials
    are shown but not ranked. Rows of several runs may be given together.

    Args:
        rows: run folders, whose configs then say what ranks and how intervals are drawn; or rows of `read_rows` alone,
            which do not say which systems read the truth.
        primary: metric that sorts the tables that have it, one for all datasets or by dataset; default: the metric with
            the lowest `rank_order`.
        of_rows: for rows alone: `runs` (of `read_runs`, for privileged systems, versions and licences), `expected`
            (number of trials by dataset and condition label; by default that of the runs, or the number of different
            trials in the rows), and `level`, `resamples` and `seed` of the intervals (0.95, 1000, 0).

    Raises:
        ConfigError: `level`, `resamples` or the columns of `rows` are wrong, a folder is missing or empty, or an
            argument for rows is given with folders.
        DatasetError: a shard of rows is damaged.
    """
    if isinstance(rows, pd.DataFrame):
        return shown(rank_rows(rows, primary=primary, **of_rows))
    if of_rows:
        raise ConfigError(
            f"{', '.join(of_rows)}: the configs of the run folders say that; leave it out, or give the rows: "
            "leaderboard(read_rows(folders), ...)"
        )
    return shown(open_board(run_folders(rows), rank_by=primary or ""))
