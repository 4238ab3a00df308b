"""The datasets of a run: found, checked, and opened or built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import ConfigError
from ...core.progress import ProgressFactory
from ...datasets.build import build
from ...datasets.config import DatasetConfig, load_dataset_configs, open_builder
from ...datasets.dataset import Dataset, load_dataset
from ...datasets.manifest import read_card
from ...systems.protocol import AnySystem
from ..config import DatasetSpec, RunConfig
from ..metrics.registry import MetricContext
from ..scoring.plan import MetricChoice, plan_metrics
from .dataset_run import OpenSet
from .rank_by import checked_by_dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOptions:
    """How datasets are opened.

    Attributes:
        folder: where sets that are given as configs are built.
        corpus_dirs: folders of corpora by name.
        device: where metrics that have a network run it.
    """

    folder: Path
    corpus_dirs: Mapping[str, Path]
    device: str
    jobs: int
    progress: ProgressFactory


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset of a run with its metrics; `recipe` is None if it is a folder."""

    spec: DatasetSpec
    metrics: tuple[MetricChoice, ...]
    recipe: DatasetConfig | None

    @property
    def name(self) -> str:
        """Name of the dataset in rows."""
        return self.recipe.name if self.recipe else read_card(Path(self.spec.dataset)).name


def open_sources(config: RunConfig) -> Iterator[Source]:
    """The datasets of a run, before the first of them is opened or built.

    Raises:
        ConfigError: a dataset or a metric does not exist.
    """
    for spec in config.datasets:
        choices = tuple(metric.choice for metric in spec.metrics or config.metrics)
        plan_metrics(choices)  # what does not exist is told before anything is built
        is_folder = (Path(spec.dataset) / "card.json").is_file()
        for recipe in [None] if is_folder else load_dataset_configs(spec.dataset):
            yield Source(spec, choices, recipe)


def check_rank_by(config: RunConfig, sources: Sequence[Source]) -> None:
    """Check the ranking metrics of a config before anything is built.

    Raises:
        ConfigError: a dataset of the run has no such metric, there is no such dataset, or the metric
            cannot rank.
    """
    metrics = {source.name: plan_metrics(source.metrics).infos for source in sources}
    checked_by_dataset(config.rank_by, metrics)


def check_recipes(sources: Sequence[Source], options: OpenOptions) -> None:
    """Open every corpus and builder before an earlier run is removed.

    Raises:
        CorpusError: a corpus is missing or damaged.
        ConfigError: a parameter of a builder is wrong.
    """
    for source in sources:
        if source.recipe is not None:
            open_builder(source.recipe, options.corpus_dirs)


def open_sets(
    config: RunConfig, sources: Sequence[Source], options: OpenOptions, systems: Mapping[str, AnySystem]
) -> Iterator[OpenSet]:
    """Open the datasets of a run, building those that are given as configs."""
    seen: set[str] = set()
    for source in sources:
        dataset = _dataset(source, options)
        if dataset.card.name in seen:
            raise ConfigError(f"{config.name}: two datasets are called {dataset.card.name!r}; rename one")
        seen.add(dataset.card.name)
        titles = source.spec.systems or tuple(systems)
        skipped = _unfit(dataset, {title: systems[title] for title in titles})
        fit = tuple(title for title in titles if title not in skipped)
        context = MetricContext(device=options.device, grammar=dataset.grammar())
        plan = plan_metrics(source.metrics, context=context)
        role = source.spec.role
        yield OpenSet(dataset=dataset, plan=plan, systems=fit, skipped=skipped, role=role)


def _dataset(source: Source, options: OpenOptions) -> Dataset:
    if source.recipe is None:
        return load_dataset(source.spec.dataset, corpus_dirs=options.corpus_dirs)
    return build(
        source.recipe,
        options.folder / source.recipe.name,
        corpus_dirs=options.corpus_dirs,
        jobs=options.jobs,
        reuse=True,
        progress=options.progress,
    )


def _unfit(dataset: Dataset, systems: Mapping[str, AnySystem]) -> dict[str, str]:
    """Systems that can use no clue of a dataset, with the reason."""
    given = frozenset[str]().union(*(trial.clue.kinds() for trial in dataset.trials))
    return {
        title: f"needs {' or '.join(sorted(system.card.clues))}; "
        f"the set gives {', '.join(sorted(given)) or 'no clue'}"
        for title, system in systems.items()
        if system.card.clues and not system.card.clues & given
    }
