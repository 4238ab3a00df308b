"""From score rows to a leaderboard: tables by dataset and stratum, ranks, gaps and issues."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd

from ...bench.metrics.protocol import MetricInfo
from ...bench.outcome import NO_REFERENCE
from ...bench.rows import read_coded_rows
from ...bench.run.rank_by import RankBy, preferred
from ...bench.run.record import BootstrapFacts, RunFacts, read_runs
from ...bench.run.system_facts import SystemFacts
from ...bench.score_row import FILES, TAG_PREFIX
from ...bench.statistics.aggregate import TEXTS, Aggregate, check_arguments, condition_key, with_condition_labels
from ...bench.statistics.aggregate_slices import aggregate_parts
from ...bench.statistics.samples import one_per_trial
from ...bench.statistics.studentised import INTERVAL_METHOD
from ...bench.text_columns import coded, renamed
from ...core.processors import one_blas_thread
from ...datasets.facts import LevelCard
from .board import Entry, Leaderboard, Table
from .columns import Column
from .doubts import doubt, doubts
from .issues import find_issues
from .merge_runs import merge_runs
from .metric_facts import metric_facts, ranking_metrics, table_order
from .ranking import contenders, phase_lacking, ranked, why_unranked
from .reference_gaps import cautions, with_reference_gaps
from .run_remarks import name_remarks, other_weights, run_remarks
from .training_overlap import contamination_issues, find_overlaps, with_warnings
from .wrong_sources import wrong_source_remarks

_TEXTS = (*TEXTS, "run_id", "mixture_id", "signature", "base_system")


def open_board(run_dirs: Sequence[Path], *, rank_by: RankBy = "") -> Leaderboard:
    """Leaderboard of one or more run folders, with the intervals that the first run's config asks for.

    Args:
        run_dirs: folders with `rows/` and, mostly, `run.json`.
        rank_by: ranking metric, one for all datasets or by dataset; empty: as the runs' configs say.

    Raises:
        ConfigError: a run folder is missing, empty or does not fit the others, or `rank_by` does not.
        DatasetError: a shard of rows is damaged.
    """
    runs = read_runs(run_dirs)
    return board_of(read_coded_rows(run_dirs), runs, rank_by=rank_by, folders=run_dirs)


def board_of(
    rows: pd.DataFrame, runs: Sequence[RunFacts], *, rank_by: RankBy = "", folders: Sequence[Path] = ()
) -> Leaderboard:
    """Leaderboard of rows with the records of their runs, from these folders; errors are those of `open_board`."""
    wanted = next((run.config.bootstrap for run in runs if run.config), BootstrapFacts())
    metrics = {
        str(dataset): [metric_facts(name, runs) for name in sorted(part["metric"].unique())]
        for dataset, part in rows.groupby("dataset")
    }
    board = rank_rows(
        rows,
        runs=runs,
        primary=ranking_metrics(rank_by, metrics, runs),
        level=wanted.level,
        resamples=wanted.resamples,
        seed=next((run.seed for run in runs if run.seed is not None), 0),
    )
    return replace(board, folders=tuple(Path(folder) for folder in folders))


@one_blas_thread()  # aggregates share the threads
def rank_rows(
    rows: pd.DataFrame,
    *,
    runs: Sequence[RunFacts] = (),
    expected: Mapping[tuple[str, str], int] | None = None,
    primary: RankBy | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Leaderboard:
    """Rank systems on each dataset and stratum; `tsebench.leaderboard` has the arguments and errors."""
    bootstrap = _Bootstrap(level=level, resamples=resamples, seed=seed)
    check_arguments(rows, level=level, resamples=resamples)
    rows = _coded(one_per_trial(rows))
    apart = other_weights(rows, runs)
    merged = _coded(merge_runs(rows, {run.run_id: run.title for run in runs}, apart=apart))
    metrics = {str(name): metric_facts(str(name), runs) for name in merged["base_metric"].unique()}
    merged = merged.assign(pooling=renamed(merged["base_metric"], lambda name: metrics[name].pooling))
    (cells,) = aggregate_parts(merged, [np.ones(len(merged), np.bool_)], **bootstrap)
    labelled = with_condition_labels(merged)
    counts = _expected(runs) | dict(expected or {})
    facts = _system_facts(labelled, runs)
    overlaps = find_overlaps(merged, runs)
    sets = [(name, d.fingerprint) for run in reversed(runs) for name, d in run.datasets.items()]
    fingerprints = {name: fingerprint for name, fingerprint in sets if fingerprint}
    tables = []
    for key, part in labelled.groupby(["dataset", "condition"]):
        dataset, condition = str(key[0]), str(key[1])
        here = [c for c in cells if (c.dataset, c.condition) == (dataset, condition)]
        n_trials = max(part["trial_id"].nunique(), counts.get((dataset, condition), 0))
        builder = _TableBuilder(merged.loc[part.index], here, facts, metrics, n_trials, primary)
        table = builder.build(dataset, condition, fingerprints.get(dataset, ""))
        table = with_reference_gaps(table, builder.rows, **bootstrap)
        tables.append(with_warnings(ranked(table, builder.rows, **bootstrap), overlaps))
    tables = sorted(tables, key=lambda t: (t.dataset, condition_key(t.condition)))
    levels = levels_of(runs, {table.dataset for table in tables})
    shown = [table for table in tables if table.dataset not in levels]
    plain = merged[~merged["dataset"].isin(levels)]
    contaminated = [issue for issue in contamination_issues(overlaps) if issue.dataset not in levels]
    return Leaderboard(
        interval_method=INTERVAL_METHOD,
        tables=tuple(shown),
        level_tables=tuple(table for table in tables if table.dataset in levels),
        issues=(*contaminated, *find_issues(labelled, counts, runs)),
        runs=tuple(runs),
        remarks=(
            *doubts(shown),
            *cautions(shown),
            *wrong_source_remarks(plain, runs),
            *run_remarks(rows, runs),
            *name_remarks(merged, apart),
        ),
        rows=labelled,
        **bootstrap,
    )


def levels_of(runs: Sequence[RunFacts], datasets: Collection[str]) -> dict[str, LevelCard]:
    """Levels of sweeps by dataset, as far as the plain set is there."""
    facts = {name: facts for run in reversed(runs) for name, facts in run.datasets.items()}
    return {
        name: each.level
        for name, each in facts.items()
        if each.level is not None
        and name in datasets
        and each.level.plain in datasets
        and each.level.plain in facts
        and facts[each.level.plain].fingerprint == each.level.fingerprint
    }


def _coded(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with all columns of text as categories."""
    tags = [name for name in rows.columns if str(name).startswith(TAG_PREFIX)]
    return coded(rows, [*_TEXTS, *tags])


class _Bootstrap(TypedDict):
    level: float
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True)
class _TableBuilder:
    """Builds the table of one stratum from its rows, aggregates, and facts of systems and metrics."""

    rows: pd.DataFrame
    cells: Sequence[Aggregate]
    facts: Mapping[str, SystemFacts]
    metrics: Mapping[str, MetricInfo]
    n_trials: int
    ranking: RankBy | None

    def build(self, dataset: str, condition: str, fingerprint: str) -> Table:
        every = self._columns()
        columns = [column for column in every if column.facts.part_of is None]
        parts = [column for column in every if column.facts.part_of is not None]
        primary = self._primary(columns, dataset)
        rows = self.rows[["system", "metric", "status", "reason", "trial_id"]]
        ranking = rows if primary is None else rows[rows["metric"] == columns[primary].key]
        of_system = {str(name): own for name, own in ranking.groupby("system", observed=True)}
        entries = [
            self._entry(name, of_system.get(name, ranking.iloc[:0]), columns, parts, primary)
            for name in sorted(self.rows["system"].unique())
        ]
        entries = _sorted(entries, columns, primary)
        table = Table(
            dataset=dataset,
            condition=condition,
            fingerprint=fingerprint,
            n_trials=self.n_trials,
            columns=tuple(columns),
            parts=tuple(parts),
            entries=tuple(entries),
            primary_key=None if primary is None else columns[primary].key,
            unreferenced=self._unreferenced(),
        )
        best = (c if doubt(table, i) else _with_best(c, i, entries) for i, c in enumerate(columns))
        return replace(table, columns=tuple(best))

    def _unreferenced(self) -> tuple[str, ...]:
        """Metrics that apply to no trial for want of a reference, sorted; parts of others are left out."""
        lacking = set(self.rows.loc[self.rows["reason"] == NO_REFERENCE, "metric"])
        lacking -= {cell.metric for cell in self.cells if cell.applies}
        base = self.rows.drop_duplicates("metric").set_index("metric")["base_metric"]
        return tuple(sorted(name for name in lacking if self.metrics[str(base[name])].part_of is None))

    def _columns(self) -> list[Column]:
        """Metrics that apply to at least one trial, the better known first."""
        present = {cell.metric for cell in self.cells if cell.applies}
        first = self.rows.drop_duplicates("metric").set_index("metric")
        facts = {metric: self.metrics[str(first.loc[metric, "base_metric"])] for metric in present}
        columns = [Column(key=m, facts=facts[m], signature=str(first.loc[m, "signature"])) for m in present]
        return sorted(columns, key=lambda c: (table_order(c.facts), c.key))

    def _primary(self, columns: Sequence[Column], dataset: str) -> int | None:
        """The chosen column, else the preferred one, else the first that can rank."""
        chosen = self.ranking or ""
        chosen = chosen if isinstance(chosen, str) else chosen.get(dataset, "")
        ranking = [i for i, column in enumerate(columns) if column.facts.can_rank]
        fair = self._fair([columns[i].facts for i in ranking])
        default = preferred(fair)
        for name in (chosen, default.name if default else ""):
            found = [i for i in ranking if columns[i].facts.name == name]
            if found:  # of several signatures the one that most systems have
                scored = self.rows.groupby("metric")["system"].nunique()
                return max(found, key=lambda i: int(scored[columns[i].key]))
        return next((i for i in ranking if columns[i].facts in fair), None)

    def _fair(self, ranking: Sequence[MetricInfo]) -> Sequence[MetricInfo]:
        """Metrics that can rank any of the systems that compete; all where none does."""
        competing = [self.facts[name] for name in self.rows["system"].unique() if self.facts[name].competes]
        fair = [info for info in ranking if any(not phase_lacking(facts, info) for facts in competing)]
        return fair or ranking

    def _entry(
        self, system: str, trials: pd.DataFrame, columns: Sequence[Column], parts: Sequence[Column], primary: int | None
    ) -> Entry:
        """The entry of a system; `trials` are its rows of the primary metric, or all if there is none."""
        own = {cell.metric: cell for cell in self.cells if cell.system == system}
        facts = self.facts[system]
        failed = trials[trials["status"] == "failed"]
        promised = failed["reason"].map(facts.expects).astype(bool)
        entry = Entry(
            system=system,
            facts=facts,
            rank=None,
            note="",
            n_missing=self.n_trials - trials["trial_id"].nunique(),
            n_failed=failed["trial_id"].nunique(),
            cells=tuple(own.get(column.key) for column in columns),
            parts=tuple(own.get(column.key) for column in parts),
        )
        n_faults = failed.loc[~promised, "trial_id"].nunique()
        column = None if primary is None else columns[primary]
        return replace(entry, note=why_unranked(entry, primary, column, n_faults=n_faults))


def _sorted(entries: Sequence[Entry], columns: Sequence[Column], primary: int | None) -> list[Entry]:
    """Best first, incomplete ones last."""
    if primary is None:
        return list(entries)
    sign = -1.0 if columns[primary].facts.higher_is_better else 1.0

    def cost(entry: Entry) -> float:
        cell = entry.cells[primary]
        return math.inf if cell is None or math.isnan(cell.mean) else sign * cell.mean

    return sorted(entries, key=lambda entry: (not entry.complete, cost(entry), entry.system))


def _with_best(column: Column, index: int, entries: Sequence[Entry]) -> Column:
    """Mark the best of a column among systems that could be ranked by it."""
    values = {system: cell.mean for system, cell in contenders(entries, index, column.facts).items()}
    if column.facts.higher_is_better is None or len(set(values.values())) < 2:
        return column
    top = max(values.values()) if column.facts.higher_is_better else min(values.values())
    return replace(column, best=tuple(name for name, value in values.items() if value == top))


def _expected(runs: Sequence[RunFacts]) -> dict[tuple[str, str], int]:
    return {
        (name, "" if name == FILES and run.config is None else condition): count
        for run in runs
        for name, facts in run.datasets.items()
        for condition, count in facts.expected_trials().items()
    }


def _system_facts(rows: pd.DataFrame, runs: Sequence[RunFacts]) -> dict[str, SystemFacts]:
    """Facts by shown name: from the run that scored the system, else from any that names it."""
    facts: dict[str, SystemFacts] = {}
    for part in rows.drop_duplicates(["system", "run_id"]).itertuples():
        base = str(part.base_system)
        named = sorted((run for run in runs if base in run.systems), key=lambda run: run.run_id != part.run_id)
        facts.setdefault(str(part.system), named[0].systems[base] if named else SystemFacts())
    return facts
