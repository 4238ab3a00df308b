"""A run: every system of a config on every dataset, into one folder that can be resumed.

The folder holds `run.json`, `rows/part-*.parquet`, `datasets/` (sets that the run built itself), `adapted/`
(checkpoints that it adapted to new classes) and `estimates/` if the config keeps them. A shard's name says which chunk
of which (system, dataset, metrics) it holds, and a shard appears whole or not at all; so a run that was killed goes on
with the shards that are missing, and its rows are those of an undisturbed run.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.allocator import give_back_freed_memory
from ...core.errors import OutputError
from ...core.files import make_folder
from ...core.folder_lock import folder_lock
from ...systems.registry import load_system
from ..config import RunConfig
from ..cost.measure import measure_cost
from ..inference.batching import Item
from ..inference.open_system import close_system
from ..rows import read_shard
from ..scoring.cache import ScoreCache, default_cache_dir
from ..scoring.pool import FilePool
from .dataset_run import DatasetRun
from .earlier import goes_on, lines
from .evaluation import Evaluation
from .new_record import record_of, with_costs
from .open_datasets import OpenSet, open_sets
from .prepare import PlannedRun, RunOptions, prepare
from .record import RunRecord, write_record
from .system_facts import CostFacts
from .trial_counts import trials_by_system

__all__ = ["RunOptions", "RunResult", "run"]

BASELINE = "mixture"
PERFECT = "oracle_target"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run, and the number of answers, one to each trial or several samples, that hold nothing usable."""

    out: Path
    record: RunRecord
    trials: int
    failed_trials: int


def run(config: RunConfig, options: RunOptions) -> RunResult:
    """Carry out a run, or what is missing of it.

    Raises:
        ConfigError: something in the config does not exist or does not fit.
        OutputError: the folder holds another run, another process runs in it, or it cannot be written.
        AudioError: a recording of a dataset is missing or damaged; finished shards stay.
    """
    planned = prepare(config, options)
    try:
        with folder_lock(options.out):
            return _carried_out(planned)
    finally:
        for system in planned.systems.values():
            close_system(system)


def _carried_out(planned: PlannedRun) -> RunResult:
    config, options = planned.config, planned.options
    if options.fresh and (options.out / "run.json").is_file():
        _empty(options.out)
    make_folder(options.out / "rows")
    sets = open_sets(planned)
    record = options.begin(record_of(planned, sets))
    if config.measure_cost:
        record = with_costs(record, _measure_costs(planned, sets))
    shards = _write_rows(planned, sets, record)
    give_back_freed_memory()
    trials = sum(len(each.dataset) * planned.samples[title] for each in sets for title in each.systems)
    found = (trials_by_system(read_shard(path), record.systems) for path in shards)
    failed = sum(each.failed for systems in found for each in systems.values())
    record = record.model_copy(update={"trials": trials, "failed_trials": failed})
    write_record(options.out, record)
    return RunResult(out=options.out, record=record, trials=trials, failed_trials=failed)


def _write_rows(planned: PlannedRun, sets: Sequence[OpenSet], record: RunRecord) -> list[Path]:
    """Write run.json and the shards that are missing; all shards of the run."""
    options, device = planned.options, planned.device
    cache = ScoreCache(options.cache or default_cache_dir(), read=not options.fresh, notify=options.say)
    with FilePool(options.jobs, notify=options.say) as pool:
        work = []
        for each in sets:
            evaluation = Evaluation(
                each.dataset, each.plan, device=device, pool=pool, cache=cache, chunk_trials=options.chunk_trials
            )
            work.append(DatasetRun(each, evaluation, planned, record.run_id))
        shards = [path for each in work for path in each.shards]
        # Before any row is written: the folder never holds rows of two states of the run.
        _remove_others(options.out / "rows", shards)
        _take_over(planned, work, sets, record.run_id)
        write_record(options.out, record)
        # Dataset by dataset, so that the mixtures' scores of one set alone are in memory.
        for dataset_run in work:
            dataset_run.run(baseline=load_system(BASELINE, device=device), perfect=load_system(PERFECT, device=device))
    return shards


def _take_over(planned: PlannedRun, work: Sequence[DatasetRun], sets: Sequence[OpenSet], run_id: str) -> None:
    """Settle what is reused of systems that may depend on unknown files, and say it."""
    taken: Counter[str] = Counter()
    for dataset_run in work:
        taken.update(dataset_run.take_over(goes_on=goes_on(planned.before, run_id)))
    trials: Counter[str] = Counter()
    for each in sets:
        trials.update({title: len(each.dataset) * planned.samples[title] for title in each.systems})
    for line in lines(planned.identities, before=planned.before, taken=taken, trials=trials):
        planned.options.say(line)


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
    """Remove shards of an earlier state of the config, or of weights that have changed."""
    drafts = folder.glob(".part-*.part")
    for path in {*folder.glob("part-*.parquet"), *drafts} - {*shards}:
        path.unlink(missing_ok=True)


def _measure_costs(run: PlannedRun, sets: Sequence[OpenSet]) -> dict[str, CostFacts]:
    """Costs by title, each measured on the first set that the system runs on.

    Costs of an earlier start of the run on the same device are taken over.
    """
    costs: dict[str, CostFacts] = {}
    for title, system in run.systems.items():
        known = run.before.systems.get(title) if run.before else None
        if known and known.cost and (known.identity, known.cost.device) == (run.identities[title].digest, run.device):
            costs[title] = known.cost
            continue
        dataset = next((each.dataset for each in sets if title in each.systems), None)
        if dataset is not None:
            example = None
            if dataset.trials[0].clue.video is not None:  # hard to make up; others are, so that sets can be compared
                query, truth = dataset[0]
                example = Item(index=0, query=query, truth=truth)
            rate_hz = dataset.card.sample_rate_hz
            costs[title] = measure_cost(system, sample_rate_hz=rate_hz, device=run.device, example=example)
    return costs
