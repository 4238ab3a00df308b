"""A run: every system of a config on every dataset, into one folder that can be resumed.

The folder holds `run.json`, `rows/part-*.parquet`, `datasets/` (sets that the run built itself),
`adapted/` (checkpoints that it adapted to new classes) and `estimates/` if they are kept. A shard's
name says which chunk of which (system, dataset, metrics) it holds, and a shard appears whole or not
at all; so a run that was killed goes on with the shards that are missing, and its rows are those of
an undisturbed run.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.allocator import give_back_freed_memory
from ...core.config_files import corpus_dirs as user_corpus_dirs
from ...core.errors import OutputError
from ...core.files import make_folder
from ...core.progress import ProgressFactory, quiet
from ...core.provenance import resolve_device
from ...datasets.dataset import Dataset
from ...systems.protocol import AnySystem
from ...systems.registry import load_system
from ..config import RunConfig, check_titles
from ..cost.measure import measure_cost
from ..inference.batching import Item
from ..rows import read_shard
from ..scoring.cache import ScoreCache, default_cache_dir, system_identity
from ..scoring.pool import FilePool
from .dataset_run import DatasetRun, OpenSet, Target
from .evaluation import CHUNK_TRIALS, Evaluation
from .new_record import dataset_record, finished, new_record, resumed, system_record
from .open_datasets import OpenOptions, check_rank_by, check_recipes, open_sets, open_sources
from .open_systems import load_systems
from .record import CostFacts, RunRecord, read_record, write_record

BASELINE = "mixture"
PERFECT = "oracle_target"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is carried out; nothing here changes a value.

    Attributes:
        out: run folder.
        device: "auto", "cpu", "cuda", ...
        jobs: processes for metrics of one file, and threads that build datasets.
        fresh: empty the run folder first, and do not read scores from the cache.
        chunk_trials: trials of a shard; a run that goes on must keep it to find its shards.
        corpus_dirs: folders of corpora by name, beside those of the user file.
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
class RunResult:
    """What a run came to: its record, and trials for which a system gave nothing usable."""

    out: Path
    record: RunRecord
    trials: int
    failed_trials: int


def run(config: RunConfig, options: RunOptions) -> RunResult:
    """Carry out a run, or what is missing of it.

    Raises:
        ConfigError: something in the config does not exist or does not fit.
        OutputError: the folder holds another run, or cannot be written.
        AudioError: a recording of a dataset is missing or damaged; finished shards stay.
    """
    check_titles(config, where=config.name)
    sources = list(open_sources(config))
    check_rank_by(config, sources)
    _check_folder(config, options)
    device = resolve_device(options.device)
    corpus_dirs = user_corpus_dirs(options.corpus_dirs)
    systems = load_systems(
        config,
        folder=options.out / "adapted",
        device=device,
        corpus_dirs=corpus_dirs,
        reuse=not options.fresh,
        progress=options.progress,
    )
    opening = OpenOptions(
        folder=options.out / "datasets",
        corpus_dirs=corpus_dirs,
        device=device,
        jobs=options.jobs,
        progress=options.progress,
    )
    if options.fresh:
        check_recipes(sources, opening)
    before = _prepare(config, options)
    sets = list(open_sets(config, sources, opening, systems))
    costs = measure_costs(sets, systems, device, before) if config.measure_cost else {}
    record = resumed(record_of(config, sets, systems, costs, device), before)
    write_record(options.out, record)
    cache = ScoreCache(options.cache or default_cache_dir(), read=not options.fresh)
    estimates = options.out / "estimates" if config.keep_estimates else None
    target = Target(
        out=options.out,
        estimates=estimates,
        run_id=record.run_id,
        device=device,
        batch_size=config.batch_size,
        progress=options.progress,
    )
    with FilePool(options.jobs) as pool:
        work = [
            DatasetRun(
                each, _evaluation(each, options, device=device, pool=pool, cache=cache), target, systems
            )
            for each in sets
        ]
        shards = [path for each in work for path in each.shards]
        _remove_others(options.out / "rows", shards)
        for each in work:
            each.run(
                baseline=load_system(BASELINE, device=device), perfect=load_system(PERFECT, device=device)
            )
    give_back_freed_memory()
    trials = sum(len(each.dataset) * len(each.systems) for each in sets)
    failed = sum(_failed_trials(path) for path in shards)
    record = finished(record, trials=trials, failed_trials=failed)
    write_record(options.out, record)
    return RunResult(out=options.out, record=record, trials=trials, failed_trials=failed)


def _evaluation(
    each: OpenSet, options: RunOptions, *, device: str, pool: FilePool, cache: ScoreCache
) -> Evaluation:
    return Evaluation(
        each.dataset, each.plan, device=device, pool=pool, cache=cache, chunk_trials=options.chunk_trials
    )


def _prepare(config: RunConfig, options: RunOptions) -> RunRecord | None:
    """Make the run folder; the record of the run so far."""
    if options.fresh and (options.out / "run.json").is_file():
        _empty(options.out)
    before = _check_folder(config, options)
    make_folder(options.out / "rows")
    return before


def _check_folder(config: RunConfig, options: RunOptions) -> RunRecord | None:
    """Refuse a folder that holds another run; the record of the run so far."""
    before = None if options.fresh else read_record(options.out)
    if before is not None and before.name != config.name:
        raise OutputError(
            f"folder {str(options.out)!r} holds run {before.name!r}, not {config.name!r}; "
            "choose another with --out, or empty it with --fresh"
        )
    return before


def _empty(folder: Path) -> None:
    try:
        for name in ("rows", "datasets", "estimates", "report"):
            if (folder / name).exists():
                shutil.rmtree(folder / name)
        (folder / "run.json").unlink()
    except OSError as error:
        raise OutputError(
            f"cannot empty {str(error.filename)!r}: {error.strerror}; choose another with --out"
        ) from None


def _remove_others(folder: Path, shards: Sequence[Path]) -> None:
    """Remove shards of an earlier state of the config, or of weights that have changed.

    This comes first, so that the folder never holds rows of two states, however the run ends.
    """
    wanted = set(shards)
    drafts = folder.glob(".part-*.part")
    for path in [*folder.glob("part-*.parquet"), *drafts]:
        if path not in wanted:
            path.unlink(missing_ok=True)


def _failed_trials(shard: Path) -> int:
    """Trials of which no metric has a value, and at least one failed."""
    statuses = read_shard(shard).groupby("trial_id")["status"].agg(set)
    return sum(1 for found in statuses if "failed" in found and "ok" not in found)


def measure_costs(
    sets: Sequence[OpenSet], systems: Mapping[str, AnySystem], device: str, before: RunRecord | None
) -> dict[str, CostFacts]:
    """Costs by title, each measured on the first set that the system runs on.

    What was measured before on the same device stays.
    """
    costs: dict[str, CostFacts] = {}
    for title, system in systems.items():
        known = before.systems.get(title) if before else None
        if known and known.cost and (known.identity, known.cost.device) == (system_identity(system), device):
            costs[title] = known.cost
            continue
        dataset = next((each.dataset for each in sets if title in each.systems), None)
        if dataset is not None:
            video = dataset.trials[0].clue.video is not None
            costs[title] = measure_cost(
                system,
                sample_rate_hz=dataset.card.sample_rate_hz,
                device=device,
                # A video is hard to make up; other clues are, so that sets can be compared.
                example=_item(dataset) if video else None,
            )
    return costs


def _item(dataset: Dataset) -> Item:
    query, truth = dataset[0]
    return Item(index=0, query=query, truth=truth)


def record_of(
    config: RunConfig,
    sets: Sequence[OpenSet],
    systems: Mapping[str, AnySystem],
    costs: Mapping[str, CostFacts],
    device: str,
) -> RunRecord:
    """The record of a run on these sets."""
    return new_record(
        name=config.name,
        config=config,
        systems={
            title: system_record(
                system.card,
                identity=system_identity(system),
                resampled_from_hz=_resampled_from_hz(title, system, sets),
                cost=costs.get(title),
            )
            for title, system in systems.items()
        },
        datasets={
            s.dataset.card.name: dataset_record(
                s.dataset,
                systems={title: systems[title].card for title in s.systems},
                skipped=s.skipped,
                role=s.role,
            )
            for s in sets
        },
        metrics=[info for s in sets for info in s.plan.infos],
        device=device,
        seed=config.seed,
    )


def _resampled_from_hz(title: str, system: AnySystem, sets: Sequence[OpenSet]) -> tuple[int, ...]:
    """Rates of the sets that a system runs on, other than its own."""
    own = system.card.sample_rate_hz
    rates = {each.dataset.card.sample_rate_hz for each in sets if title in each.systems}
    return () if own is None else tuple(sorted(rates - {own}))
