"""The plan of a run: everything found, checked and opened before anything of an earlier run is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...core.config_files import corpus_dirs as user_corpus_dirs
from ...core.errors import OutputError
from ...core.progress import ProgressFactory, quiet
from ...core.provenance import resolve_device
from ...datasets.config import DatasetConfig, OpenedBuilder, load_dataset_configs, open_builder
from ...datasets.manifest import read_card
from ...systems.protocol import AnySystem
from ..config import DatasetSpec, RunConfig, check_titles
from ..metrics.registry import MetricContext
from ..scoring.plan import MetricPlan, MetricSpec, plan_metrics
from .evaluation import CHUNK_TRIALS
from .open_systems import load_systems
from .rank_by import checked_by_dataset
from .record import RunRecord, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is carried out; nothing here changes a value.

    Attributes:
        out: run folder.
        device: "auto", "cpu", "cuda", ...
        jobs: processes for metrics of one file, and threads that build datasets.
        fresh: empty the run folder first, and do not read scores from the cache.
        chunk_trials: trials of a shard; a run that goes on must keep it to find its shards.
        corpus_dirs: folders of corpora by name, in addition to those of the user file.
        cache: folder of the score cache; None is the user's.
    """

    out: Path
    device: str = "auto"
    jobs: int = 2
    fresh: bool = False
    chunk_trials: int = CHUNK_TRIALS
    corpus_dirs: Mapping[str, Path] = field(default_factory=dict)
    cache: Path | None = None
    progress: ProgressFactory = quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSet:
    """A dataset of a run with its metrics, before it is opened or built.

    Attributes:
        spec: its entry in the config.
        metrics: its metrics as the config names them.
        plan: the metrics.
        recipe: None if it is a dataset folder.
        builder: of the recipe, if it is already open.
    """

    spec: DatasetSpec
    metrics: tuple[MetricSpec, ...]
    plan: MetricPlan
    recipe: DatasetConfig | None
    builder: OpenedBuilder | None = None

    @property
    def name(self) -> str:
        """Name of the dataset in rows."""
        return self.recipe.name if self.recipe else read_card(Path(self.spec.dataset)).name


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A run that can begin.

    Attributes:
        device: of systems and batched metrics, resolved: "cpu", "cuda", ...
        corpus_dirs: folders of corpora by name.
        sets: its datasets.
        systems: its systems by title, on the device.
        before: record of the same run so far, or None.
    """

    config: RunConfig
    options: RunOptions
    device: str
    corpus_dirs: Mapping[str, Path]
    sets: tuple[PlannedSet, ...]
    systems: Mapping[str, AnySystem]
    before: RunRecord | None


def prepare(config: RunConfig, options: RunOptions) -> PlannedRun:
    """Plan a run; of its folder only checkpoints that are adapted for it are written.

    Raises:
        ConfigError: something in the config does not exist or does not fit.
        CorpusError: with `fresh`, a corpus is missing or damaged.
        OutputError: the folder holds another run.
    """
    check_titles(config, where=config.name)
    device = resolve_device(options.device)
    sets = tuple(plan_sets(config, device=device))
    check_rank_by(config, sets)
    before = None if options.fresh else read_record(options.out)
    if before is not None and before.name != config.name:
        raise OutputError(
            f"folder {str(options.out)!r} holds run {before.name!r}, not {config.name!r}; "
            "choose another with --out, or empty it with --fresh"
        )
    corpus_dirs = user_corpus_dirs(options.corpus_dirs)
    systems = load_systems(
        config,
        folder=options.out / "adapted",
        device=device,
        corpus_dirs=corpus_dirs,
        reuse=not options.fresh,
        progress=options.progress,
    )
    if options.fresh:  # all sets are built again: their corpora must be there before the old ones go
        sets = tuple(_opened(planned, corpus_dirs) for planned in sets)
    return PlannedRun(
        config=config,
        options=options,
        device=device,
        corpus_dirs=corpus_dirs,
        sets=sets,
        systems=systems,
        before=before,
    )


def plan_sets(config: RunConfig, *, device: str = "cpu") -> Iterator[PlannedSet]:
    """The datasets of a config, which may be collections, with their metrics.

    Raises:
        ConfigError: a dataset or a metric does not exist.
    """
    for spec in config.datasets:
        metrics = spec.metrics or config.metrics
        is_folder = (Path(spec.dataset) / "card.json").is_file()
        plan = plan_metrics(metrics, context=MetricContext(device=device))
        for recipe in [None] if is_folder else load_dataset_configs(spec.dataset):
            yield PlannedSet(spec=spec, metrics=metrics, plan=plan, recipe=recipe)


def check_rank_by(config: RunConfig, sets: Sequence[PlannedSet]) -> None:
    """Check the ranking metrics of a config.

    Raises:
        ConfigError: a dataset of the run has no such metric, there is no such dataset, or the metric cannot rank.
    """
    checked_by_dataset(config.rank_by, {planned.name: planned.plan.infos for planned in sets})


def _opened(planned: PlannedSet, corpus_dirs: Mapping[str, Path]) -> PlannedSet:
    if planned.recipe is None:
        return planned
    return replace(planned, builder=open_builder(planned.recipe, corpus_dirs))
