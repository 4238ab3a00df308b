"""The datasets of a run: opened, or built from their recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core.errors import ConfigError
from ...datasets.build import build
from ...datasets.dataset import Dataset, load_dataset
from ...systems.protocol import AnySystem
from ..metrics.registry import MetricContext
from ..scoring.plan import MetricPlan, plan_metrics
from .dataset_run import OpenSet
from .prepare import PlannedRun, PlannedSet


def open_sets(run: PlannedRun) -> Iterator[OpenSet]:
    """Open the datasets of a run, building those that are given as configs in its folder `datasets`.

    Raises:
        ConfigError: two datasets have one name.
        DatasetError: a set cannot be opened or built.
    """
    seen: set[str] = set()
    for planned in run.sets:
        dataset = _dataset(planned, run)
        if dataset.card.name in seen:
            raise ConfigError(f"{run.config.name}: two datasets are called {dataset.card.name!r}; rename one")
        seen.add(dataset.card.name)
        titles = planned.spec.systems or tuple(run.systems)
        skipped = _unfit(dataset, {title: run.systems[title] for title in titles})
        yield OpenSet(
            dataset=dataset,
            plan=_plan(planned, dataset.grammar(), run.device),
            systems=tuple(title for title in titles if title not in skipped),
            skipped=skipped,
            role=planned.spec.role,
        )


def _dataset(planned: PlannedSet, run: PlannedRun) -> Dataset:
    if planned.recipe is None:
        return load_dataset(planned.spec.dataset, corpus_dirs=run.corpus_dirs)
    return build(
        planned.recipe,
        run.options.out / "datasets" / planned.recipe.name,
        corpus_dirs=run.corpus_dirs,
        jobs=run.options.jobs,
        reuse=True,
        opened=planned.builder,
        progress=run.options.progress,
    )


def _plan(planned: PlannedSet, grammar: str | None, device: str) -> MetricPlan:
    """The planned metrics; made again for a set with a grammar, known only once it is open."""
    if grammar is None:
        return planned.plan
    return plan_metrics(planned.metrics, context=MetricContext(device=device, grammar=grammar))


def _unfit(dataset: Dataset, systems: Mapping[str, AnySystem]) -> dict[str, str]:
    """Systems that can use no clue of a dataset, with the reason."""
    given = frozenset[str]().union(*(trial.clue.kinds() for trial in dataset.trials))
    return {
        title: f"needs {' or '.join(sorted(system.card.clues))}; the set gives {', '.join(sorted(given)) or 'no clue'}"
        for title, system in systems.items()
        if system.card.clues and not system.card.clues & given
    }
