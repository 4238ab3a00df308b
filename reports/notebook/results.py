"""Results of a run or of scoring, as objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from ...bench.run.record import RunRecord
from ...core.errors import ConfigError, listed
from ...core.text import names_of
from ..formats.registry import load_report, write_board
from ..leaderboard.assemble import board_of
from .leaderboard import ShownLeaderboard, shown
from .show import board_html, board_text


@dataclass(frozen=True, kw_only=True)
class Results:
    """A finished run.

    Attributes:
        record: systems, datasets, versions and device of the run.
        rows: one line for each system, trial and metric, as `read_rows` gives them.
        trials: answers that were evaluated.
        failed_trials: those without any usable value.
        out: run folder, or None if the results are in memory alone.
        notes: lines on what was reused and what was not, and why.
    """

    record: RunRecord
    rows: pd.DataFrame = field(repr=False, compare=False)
    trials: int
    failed_trials: int
    out: Path | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def leaderboard(self) -> ShownLeaderboard:
        """Ranked tables with intervals; a notebook shows them."""
        return shown(board_of(self.rows, (self.record,), folders=() if self.out is None else (self.out,)))

    def to_frame(self) -> pd.DataFrame:
        """The leaderboard as a table: one line for each system, stratum and metric."""
        return self.leaderboard.to_frame()

    def means(self) -> pd.DataFrame:
        """Means by dataset, condition and system (lines) and metric (columns)."""
        frame = self.to_frame()
        lines = ["dataset", *(["condition"] if frame["condition"].any() else []), "system"]
        means = frame.pivot_table(index=lines, columns="metric", values="mean", sort=False, dropna=False, observed=True)
        order = list(dict.fromkeys(frame["metric"]))
        return means.reindex(columns=order).dropna(how="all")

    def report(self, out: str | Path | None = None, *, formats: str | tuple[str, ...] = "html,md,csv") -> list[Path]:
        """Write reports, as `tsebench report` does.

        Args:
            out: folder; `report` in the run folder by default.
            formats: names of `tsebench list reports`.

        Returns:
            Paths of the files.

        Raises:
            ConfigError: a format is unknown, or the results have no folder and none is given.
            OutputError: the folder cannot be written.
        """
        if out is None and self.out is None:
            raise ConfigError("these results have no run folder; give report(out) one")
        names = names_of(formats)
        for name in names:
            load_report(name)
        folder = Path(out).expanduser() if out is not None else (self.out or Path()) / "report"
        return write_board(self.leaderboard, folder, names, {})

    def __repr__(self) -> str:
        failed = f", {self.failed_trials} failed" if self.failed_trials else ""
        where = f"; {self.out}" if self.out else ""
        metrics = listed(dict.fromkeys(self.rows["metric"]), length=60)
        return (
            f"<{type(self).__name__} {self.record.name}: {listed(self.record.systems, length=60)} on "
            f"{listed(self.record.datasets, length=60)}; {self.trials} trials{failed}; {metrics}{where}>"
        )

    def __str__(self) -> str:
        """The leaderboard as text, and the notes."""
        return "\n".join([board_text(self.leaderboard), *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return board_html(self.leaderboard, notes=self.notes)


@dataclass(frozen=True, kw_only=True, repr=False)
class Scores(Results):
    """Scores of signals or folders.

    Attributes:
        system: name of what was scored.
        unpaired: estimates that have no reference, and were left out.
        variants: every variant of the metrics with its mean, where these are wanted; see `tsebench score --variants`.
        claims: for each claimed number, one line on what comes nearest.
    """

    system: str
    unpaired: tuple[str, ...] = ()
    variants: pd.DataFrame | None = field(default=None, compare=False)
    claims: tuple[str, ...] = ()

    @cached_property
    def values(self) -> Mapping[str, float]:
        """Mean of each metric over the trials; NaN without a value."""
        frame = self.to_frame()
        own = frame[frame["system"] == self.system]
        return dict(zip(own["metric"], own["mean"].astype(float), strict=True))
