"""The datasets of a run: opened, or built from their recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import ConfigError
from ...datasets.build import build
from ...datasets.config import open_corpora
from ...datasets.dataset import Dataset, load_dataset
from ...datasets.degrade import degraded
from ...datasets.manifest import Manifest, read_card, write_manifest
from ...datasets.trials import target_transcript
from ...datasets.types import Mixture, Trial
from ...systems.protocol import SystemCard
from ..metrics.registry import MetricContext
from ..scoring.needs import OF_SETS, Given, Offer, check_needs
from ..scoring.plan import MetricPlan, plan_metrics
from .prepare import PlannedRun, PlannedSet


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSet:
    """A dataset of a run: its metrics, the systems that run on it, and why others do not."""

    dataset: Dataset
    plan: MetricPlan
    systems: tuple[str, ...]
    skipped: Mapping[str, str]
    role: str


def open_sets(run: PlannedRun) -> list[OpenSet]:
    """Open the datasets of a run, building those that are given as configs in its folder `datasets`.

    Raises:
        ConfigError: two datasets have one name, or a metric cannot have a value on any.
        DatasetError: a set cannot be opened or built.
    """
    found = list(_opened(run))
    cards = {title: system.card for title, system in run.systems.items()}
    check_needs([(each.plan, _offer(each, cards)) for each in found], fixes=OF_SETS)
    return found


def _opened(run: PlannedRun) -> Iterator[OpenSet]:
    seen: set[str] = set()
    for planned, dataset in _with_levels(run):
        plan = planned.plan
        if dataset.card.name in seen:
            raise ConfigError(f"{run.config.name}: two datasets are called {dataset.card.name!r}; rename one")
        seen.add(dataset.card.name)
        if (grammar := dataset.grammar()) is not None:  # known only once the set is open
            plan = plan_metrics(planned.metrics, context=MetricContext(device=run.device, grammar=grammar), watch=True)
        titles = planned.spec.systems or tuple(run.systems)
        skipped = _unfit(dataset, {title: run.systems[title].card for title in titles})
        fit = tuple(title for title in titles if title not in skipped)
        role = planned.spec.role if dataset.card.level is None else ""
        yield OpenSet(dataset=dataset, plan=plan, systems=fit, skipped=skipped, role=role)


def _with_levels(run: PlannedRun) -> Iterator[tuple[PlannedSet, Dataset]]:
    """Each plain set, and behind it the sets of all levels of its sweeps, which are written into the run."""
    for planned in run.sets:
        plain = _dataset(planned, run)
        yield planned, plain
        for sweep in planned.sweeps:
            corpora = open_corpora(sweep.corpora, run.corpus_dirs)
            for level in sweep.levels:
                found = degraded(plain, sweep, level, corpora=corpora)
                _keep(found.manifest, run.options.out / "datasets" / found.card.name)
                yield planned, found


def _offer(each: OpenSet, cards: Mapping[str, SystemCard]) -> Offer:
    """Needs of metrics that a set and the systems on it meet."""
    trials, mixtures = each.dataset.trials, each.dataset.mixtures
    given: dict[Given, bool] = {
        "mixture": True,
        "target": any(trial.present for trial in trials),
        "absence": not all(trial.present for trial in trials),
        "transcript": any(target_transcript(trial, mixtures[trial.mixture_id]) for trial in trials),
        "enrollment": any(trial.clue.enrollments for trial in trials),
        "interferers": any(_has_interferers(trial, mixtures[trial.mixture_id]) for trial in trials),
        "parts": any(len(trial.target_ids) > 1 for trial in trials),
        "channels": any(mixture.channels > 1 for mixture in mixtures.values()),
        "class_probabilities": any(cards[title].classes is not None for title in each.systems),
        "recognised": any(cards[title].transcribes for title in each.systems),
        "activity": any(cards[title].detects_activity for title in each.systems),
        "outputs": any(cards[title].labels_outputs for title in each.systems),
    }
    return Offer(name=repr(each.dataset.card.name), gives=frozenset(need for need, there in given.items() if there))


def _has_interferers(trial: Trial, mixture: Mixture) -> bool:
    """Whether other sources of the mixture are known."""
    return trial.recorded is None and len(mixture.sources) > len(trial.target_ids)


def _dataset(planned: PlannedSet, run: PlannedRun) -> Dataset:
    if planned.opened is not None:
        _keep(planned.opened.manifest, run.options.out / "datasets" / planned.name)
        return planned.opened
    if planned.recipe is None:
        return load_dataset(Path(planned.spec.dataset).absolute(), corpus_dirs=run.corpus_dirs)
    return build(
        planned.recipe,
        run.options.out / "datasets" / planned.recipe.name,
        corpus_dirs=run.corpus_dirs,
        jobs=run.options.jobs,
        reuse=True,
        opened=planned.builder,
        progress=run.options.progress,
    )


def _keep(manifest: Manifest, folder: Path) -> None:
    """Write a dataset that was given as an object into the run, where reports look for its audio."""
    known = read_card(folder).fingerprint if (folder / "card.json").is_file() else None
    if known != manifest.card.fingerprint:
        write_manifest(folder, manifest)


def _unfit(dataset: Dataset, cards: Mapping[str, SystemCard]) -> dict[str, str]:
    """Systems that can use no clue of a dataset, and oracles where there are no references, with the reason."""
    given = frozenset[str]().union(*(trial.clue.kinds() for trial in dataset.trials))
    unfit = {
        title: f"needs {' or '.join(sorted(card.clues))}; the set gives {', '.join(sorted(given)) or 'no clue'}"
        for title, card in cards.items()
        if card.clues and not card.clues & given
    }
    if any(trial.recorded for trial in dataset.trials):
        unfit |= {
            title: "an oracle reads the clean reference; the set has none"
            for title, card in cards.items()
            if card.privileged
        }
    return unfit
