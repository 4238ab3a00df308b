"""The setting `rank_by`: the metric that ranks the systems on each dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...core.errors import ConfigError, suggest
from ..metrics.protocol import MetricInfo

RankBy = str | Mapping[str, str]
"""One metric for all datasets, or metrics by dataset; empty: the default of each table."""


def by_dataset(rank_by: RankBy, datasets: Iterable[str]) -> dict[str, str]:
    """The metric of each dataset that has one."""
    if isinstance(rank_by, str):
        return dict.fromkeys(datasets, rank_by) if rank_by else {}
    return dict(rank_by)


def preferred(infos: Iterable[MetricInfo]) -> MetricInfo | None:
    """The default ranking metric; None if none of the metrics is one."""
    ranking = [info for info in infos if info.can_rank and info.rank_order is not None]
    return min(ranking, key=lambda info: info.rank_order or 0, default=None)


def checked_by_dataset(rank_by: RankBy, metrics: Mapping[str, Sequence[MetricInfo]]) -> dict[str, str]:
    """The metric of each dataset, of those it has; a single name holds for the datasets that have it.

    Raises:
        ConfigError: no such dataset, the dataset has no such metric, or the metric cannot rank.
    """
    wanted = by_dataset(rank_by, metrics)
    infos = {dataset: {info.name: info for info in infos} for dataset, infos in metrics.items()}
    if isinstance(rank_by, str):
        having = {dataset: name for dataset, name in wanted.items() if name in infos[dataset]}
        wanted = having or wanted
    for dataset, name in wanted.items():
        if dataset not in infos:
            raise ConfigError(f"rank_by: unknown dataset {dataset!r}{suggest(dataset, infos)}")
        if name not in infos[dataset]:
            raise ConfigError(f"rank_by: dataset {dataset!r} has no metric {name!r}{suggest(name, infos[dataset])}")
        if not (info := infos[dataset][name]).can_rank:
            reason = f"it is a part of {info.part_of!r}; choose that one"
            if info.part_of is None:
                reason = "it has no direction; choose a metric of which higher or lower is better"
            raise ConfigError(f"rank_by: metric {name!r} cannot rank systems: {reason}")
    return wanted


def parse_rank_by(values: Sequence[str]) -> RankBy:
    """The setting from values of `--rank-by`: METRIC for all datasets, or SET=METRIC for each.

    Raises:
        ConfigError: a side is empty, a set is named twice, or METRIC is not the only value.
    """
    if len(values) == 1 and values[0].strip() and "=" not in values[0]:
        return values[0].strip()
    found: dict[str, str] = {}
    for value in values:
        dataset, _, name = (part.strip() for part in value.rpartition("="))
        if not dataset or not name or dataset in found:
            raise ConfigError(
                f"--rank-by {value!r}: give one METRIC for all sets, or SET=METRIC once for each set, "
                "for example mini_sounds=si_sdri"
            )
        found[dataset] = name
    return found
