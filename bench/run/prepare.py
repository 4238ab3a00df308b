"""The plan of a run: everything found, checked and opened before anything of an earlier run is touched."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from ...core.config_files import corpus_dirs as user_corpus_dirs
from ...core.content_hash import content_hash
from ...core.errors import ConfigError, OutputError
from ...core.hub.download import local_options
from ...core.progress import ProgressFactory, quiet
from ...core.provenance import resolve_device
from ...datasets.config import (
    CorpusConfig,
    DatasetConfig,
    OpenedBuilder,
    check_corpus_names,
    load_dataset_configs,
    open_builder,
)
from ...datasets.dataset import Dataset
from ...datasets.degrade import checked_sweeps
from ...datasets.manifest import read_card
from ...datasets.seeding import digest
from ...datasets.sweep_spec import SweepSpec
from ...systems.protocol import AnySystem
from ...systems.registry import SYSTEMS
from ..config import DatasetSpec, RunConfig, SystemSpec, check_titles
from ..given import Given, identity_of_object
from ..inference.open_system import open_system
from ..inference.streamed import streamed
from ..metrics.registry import MetricContext
from ..scoring.cache import default_cache_dir
from ..scoring.identity import Identity, identity_of
from ..scoring.plan import MetricPlan, MetricSpec, plan_metrics
from ..shards.shard import Chosen, Shard
from ..shards.shard_record import check_same_shard
from .evaluation import CHUNK_TRIALS
from .rank_by import checked_by_dataset
from .record import RunRecord, read_record
from .system_facts import CostFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingShard:
    """A file of rows that a run lacks: one chunk of trials of one sample of a system."""

    path: Path
    dataset: str
    chunk: int
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Facts of the machines that made rows: costs of systems by title, and devices in words."""

    costs: Mapping[str, CostFacts] = field(default_factory=dict)
    devices: tuple[str, ...] = ()


class Executor(Protocol):
    """Makes the rows of a run in other processes."""

    def write_rows(self, planned: PlannedRun, missing: Sequence[MissingShard], *, costs: bool) -> Elsewhere:
        """Write the files that are missing, each whole.

        Args:
            costs: also measure the costs of the systems.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is carried out; nothing here changes a value.

    Attributes:
        jobs: processes for metrics of one file, and threads that build datasets.
        fresh: empty the run folder first, and do not read scores from the cache.
        retry_failed: try trials again of which a value failed before; those that crashed always are.
        chunk_trials: trials of a shard; a run that goes on must keep it to find its shards.
        shard: the part of the run that is carried out, into a folder of its own; None: all of it.
        chosen: the files of rows that are made, by a worker of a cluster; None: all.
        executor: makes the rows in other processes; None: this process does.
        corpus_dirs: folders of corpora by name, in addition to those of the user file.
        cache: folder of the score cache; None is the user's.
        given: objects of the calling program in place of systems and datasets that the config names.
        say: prints a line on what is reused and what is not.
        begin: takes the record before anything is measured, and gives the one to be written; for tracking.
    """

    out: Path
    device: str = "auto"
    jobs: int = 2
    fresh: bool = False
    retry_failed: bool = False
    chunk_trials: int = CHUNK_TRIALS
    shard: Shard | None = None
    chosen: Chosen | None = None
    executor: Executor | None = None
    corpus_dirs: Mapping[str, Path] = field(default_factory=dict)
    cache: Path | None = None
    given: Given = field(default_factory=Given)
    progress: ProgressFactory = quiet
    say: Callable[[str], None] = logging.getLogger("tsebench").warning
    begin: Callable[[RunRecord], RunRecord] = lambda record: record

    def absolute(self) -> RunOptions:
        """The same with absolute paths, which no change of the working directory leads elsewhere."""
        return replace(
            self,
            out=self.out.absolute(),
            corpus_dirs={name: folder.absolute() for name, folder in self.corpus_dirs.items()},
            cache=(self.cache or default_cache_dir()).absolute(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSet:
    """A dataset of a run with its metrics, before it is opened, or built from a recipe.

    Without a recipe it is a dataset folder, or `opened`. Each level of its `sweeps` is a further set over it.
    """

    spec: DatasetSpec
    metrics: tuple[MetricSpec, ...]
    plan: MetricPlan
    recipe: DatasetConfig | None
    builder: OpenedBuilder | None = None
    opened: Dataset | None = None
    sweeps: tuple[SweepSpec, ...] = ()

    @property
    def corpora(self) -> Mapping[str, CorpusConfig]:
        """Corpora of the dataset and of its sweeps."""
        further = {name: config for sweep in self.sweeps for name, config in sweep.corpora.items()}
        if self.opened is not None:
            return {**further, **self.opened.card.corpora}
        return {**further, **(self.recipe.corpora if self.recipe else read_card(Path(self.spec.dataset)).corpora)}

    @property
    def name(self) -> str:
        """Name of the dataset in rows."""
        if self.opened is not None:
            return self.opened.card.name
        return self.recipe.name if self.recipe else read_card(Path(self.spec.dataset)).name


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A run that can begin.

    Attributes:
        samples: answers to each query, by title.
        before: the record of the same run so far, if there is one.
    """

    config: RunConfig
    options: RunOptions
    device: str
    corpus_dirs: Mapping[str, Path]
    sets: tuple[PlannedSet, ...]
    systems: Mapping[str, AnySystem]
    identities: Mapping[str, Identity]
    samples: Mapping[str, int]
    before: RunRecord | None


def prepare(config: RunConfig, options: RunOptions) -> PlannedRun:
    """Plan a run; of its folder only checkpoints that are adapted for it are written.

    Raises:
        ConfigError: something in the config does not exist or does not fit.
        CheckpointError: weights are missing, unsafe or do not fit.
        CorpusError: with `fresh`, a corpus is missing or damaged.
        DatasetError: the data to adapt with cannot be opened.
        OutputError: the folder holds another run.
    """
    check_titles(config, where=config.name)
    options = options.absolute()
    device = resolve_device(options.device)
    sets = tuple(plan_sets(config, device=device, given=options.given))
    check_rank_by(config, sets)
    check_corpus_names(options.corpus_dirs, [each.corpora for each in sets] + _corpora_to_adapt(config))
    before = None if options.fresh else read_record(options.out)
    if before is not None and before.name != config.name:
        raise OutputError(
            f"folder {str(options.out)!r} holds run {before.name!r}, not {config.name!r}; "
            "choose another with --out, or empty it with --fresh"
        )
    if before is not None:
        check_same_shard(before.shard, options.shard, folder=str(options.out))
    corpus_dirs = {name: folder.absolute() for name, folder in user_corpus_dirs(options.corpus_dirs).items()}
    systems = _load_systems(config, options, device=device, corpus_dirs=corpus_dirs)
    if options.fresh:  # all sets are built again: their corpora must be there before the old ones go
        sets = tuple(
            replace(planned, builder=open_builder(planned.recipe, corpus_dirs)) if planned.recipe else planned
            for planned in sets
        )
    return PlannedRun(
        config=config,
        options=options,
        device=device,
        corpus_dirs=corpus_dirs,
        sets=sets,
        systems={title: system for title, (system, _) in systems.items()},
        identities={title: identity for title, (_, identity) in systems.items()},
        samples={spec.title: _samples(spec, config, systems[spec.title][0]) for spec in config.systems},
        before=before,
    )


def plan_sets(config: RunConfig, *, device: str = "cpu", given: Given | None = None) -> Iterator[PlannedSet]:
    """The datasets of a config, which may be collections, with their metrics."""
    objects = given.datasets if given else {}
    for spec in config.datasets:
        metrics = spec.metrics or config.metrics
        sweeps = checked_sweeps(config.sweep if spec.sweep is None else spec.sweep, where=config.name)
        plan = plan_metrics(metrics, context=MetricContext(device=device), watch=True)
        if (found := objects.get(spec.dataset)) is not None:
            for one in found if isinstance(found, tuple) else (found,):
                opened, recipe = (one, None) if isinstance(one, Dataset) else (None, one)
                yield PlannedSet(spec=spec, metrics=metrics, plan=plan, recipe=recipe, opened=opened, sweeps=sweeps)
            continue
        is_folder = (Path(spec.dataset) / "card.json").is_file()
        for recipe in [None] if is_folder else load_dataset_configs(spec.dataset):
            yield PlannedSet(spec=spec, metrics=metrics, plan=plan, recipe=recipe, sweeps=sweeps)


def _corpora_to_adapt(config: RunConfig) -> list[Mapping[str, CorpusConfig]]:
    """Corpora of the datasets that systems are adapted with."""
    named = [name for spec in config.systems if spec.adapt for name in (spec.adapt.dataset, spec.adapt.enroll_from)]
    return [recipe.corpora for name in named if name is not None for recipe in load_dataset_configs(name)]


def check_rank_by(config: RunConfig, sets: Sequence[PlannedSet]) -> None:
    """Check the ranking metrics of a config; see `checked_by_dataset`."""
    checked_by_dataset(config.rank_by, {planned.name: planned.plan.infos for planned in sets})


def _load_systems(
    config: RunConfig, options: RunOptions, *, device: str, corpus_dirs: Mapping[str, Path]
) -> dict[str, tuple[AnySystem, Identity]]:
    """The systems of a run with their identities by title; with `adapt`, adapted to new classes first, or before."""
    systems: dict[str, tuple[AnySystem, Identity]] = {}
    for spec in config.systems:
        if (loaded := options.given.systems.get(spec.title)) is not None:
            identity = identity_of_object(loaded)
            if spec.streaming:
                loaded, identity = streamed(loaded), replace(identity, digest=digest(identity.digest, "streaming"))
            systems[spec.title] = loaded, identity
            continue
        settings = local_options(spec.options)  # pinned here: all processes, and the identity, are of one commit
        if spec.adapt is not None:
            if "checkpoint" not in settings:
                raise ConfigError(f"system {spec.title!r} has `adapt`, but no option `checkpoint` to be adapted")
            # Training is heavy to import, and most runs do without.
            from ...systems.training.adaptation.adapt import adapt  # noqa: PLC0415

            folder = options.out / "adapted" / spec.title
            adapt(
                str(settings["checkpoint"]),
                dataset=spec.adapt.dataset,
                enroll_from=spec.adapt.enroll_from,
                out=folder,
                options=spec.adapt.how,
                device=device,
                corpus_dirs=corpus_dirs,
                progress=options.progress,
                reuse=not options.fresh,
            )
            settings["checkpoint"] = str(folder)
        system = open_system(
            spec.name,
            device=device,
            options=settings,
            isolation=spec.isolation or config.isolation,
            time_limit_s=spec.time_limit_s or config.time_limit_s,
            streaming=spec.streaming,
        )
        systems[spec.title] = system, _identity(spec, system, settings)
    return systems


def _samples(spec: SystemSpec, config: RunConfig, system: AnySystem) -> int:
    """Answers of a system to each query.

    Raises:
        ConfigError: it answers every seed alike, and the config wants several.
    """
    if system.card.stochastic:
        return spec.samples or config.samples
    if (spec.samples or 1) > 1:
        raise ConfigError(
            f"system {spec.title!r} has samples: {spec.samples}, but its card does not say `stochastic`: it gives the "
            "same answer to every seed; leave `samples` out, or set `stochastic` on the card of a system that draws"
        )
    return 1


def _identity(spec: SystemSpec, system: AnySystem, options: Mapping[str, Any]) -> Identity:
    """Identity of a system of the run, with what the user says on it."""
    found = identity_of(system, SYSTEMS.registered(spec.name), options)
    if spec.depends:
        try:
            contents = content_hash([path.expanduser() for path in spec.depends], bounded=False)
        except OSError as error:
            problem = f"cannot read {error.filename!r} of `depends`: {error.strerror}"
            raise ConfigError(f"system {spec.title!r}: {problem}; give files and folders that exist") from None
        found = replace(found, digest=digest(found.digest, contents.digest))
    if spec.cache is False:
        return replace(found, unseen="the config says `cache: false`", stale=True)
    said = spec.cache or spec.depends
    return replace(found, unseen="") if said and not found.stale else found
