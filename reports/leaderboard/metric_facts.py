"""Facts of the metrics in a report: those that run.json stores, else those of the registered metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ...bench.metrics.protocol import MetricInfo
from ...bench.metrics.registry import metric_info
from ...bench.run.rank_by import RankBy, by_dataset, checked_by_dataset
from ...bench.run.record import RunFacts


def metric_facts(name: str, runs: Iterable[RunFacts] = ()) -> MetricInfo:
    """Facts of a metric: of the first run that stores them, else of the registered metric.

    A metric that neither knows gets its name alone, so that its rows are shown.
    """
    stored = (run.metrics[name] for run in runs if name in run.metrics)
    return next(stored, None) or metric_info(name)


def table_order(info: MetricInfo) -> float:
    """Place of a metric among the columns of a table; inf without one."""
    return math.inf if info.order is None else info.order


def ranking_metrics(
    rank_by: RankBy, metrics: Mapping[str, Sequence[MetricInfo]], runs: Sequence[RunFacts]
) -> dict[str, str]:
    """Ranking metric by dataset: as the runs' configs say (the first counts), replaced by `rank_by`.

    Raises:
        ConfigError: `rank_by` names a dataset or metric that is not in the rows, or that cannot rank.
    """
    chosen: dict[str, str] = {}
    for run in reversed(runs):
        if run.config is not None:
            chosen |= by_dataset(run.config.rank_by, run.datasets)
    return chosen | checked_by_dataset(rank_by, metrics)
