"""A run: every system of a config on every dataset, into one folder that can be resumed.

The folder holds `run.json`, `rows/part-*.parquet`, `datasets/` (sets that the run built itself, and levels of sweeps),
`adapted/` (checkpoints that it adapted to new classes) and `estimates/` if the config keeps them. A shard's name says
which chunks of which (system, dataset, metrics) it holds, and a shard appears whole or not at all; so a run that was
killed goes on with the chunks that are missing, and its rows are those of an undisturbed run.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from ..rows import read_coded_table
from ..score_row import ROWS
from ..scoring.cache import ScoreCache, default_cache_dir
from ..scoring.pool import FilePool
from ..shards.shard import Shard, Share, Whole
from ..shards.shard_record import ShardRecord
from .dataset_run import DatasetRun
from .earlier import goes_on, lines
from .evaluation import Evaluation
from .new_record import record_of, with_costs
from .open_datasets import OpenSet, open_sets
from .prepare import PlannedRun, RunOptions, prepare
from .record import RunRecord, write_record
from .system_facts import CostFacts
from .trial_counts import OF_TRIAL_SETS, trials_by_system

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
    make_folder(options.out / ROWS)
    sets = open_sets(planned)
    record = options.begin(record_of(planned, sets))
    if config.measure_cost and (options.shard is None or options.shard.number == 1):
        record = with_costs(record, _measure_costs(planned, sets))
    with _evaluated(planned, sets, record.run_id) as work:
        record = record.model_copy(update={"shard": _shard_record(work, options.shard)})
        record = _write_rows(planned, work, record)
    give_back_freed_memory()
    trials = sum(sum(each.trials_by_title.values()) for each in work)
    found = (
        trials_by_system(read_coded_table(path).select(OF_TRIAL_SETS).to_pandas(), record.systems, record.metrics)
        for each in work
        for path in each.files()
    )
    failed = sum(each.failed for systems in found for each in systems.values())
    record = record.model_copy(update={"trials": trials, "failed_trials": failed})
    write_record(options.out, record)
    return RunResult(out=options.out, record=record, trials=trials, failed_trials=failed)


@contextmanager
def _evaluated(planned: PlannedRun, sets: Sequence[OpenSet], run_id: str) -> Iterator[list[DatasetRun]]:
    """The work on each set, with the pool of processes that it needs."""
    options, first = planned.options, 0
    share: Share = options.shard or options.chosen or Whole()
    cache = ScoreCache(options.cache or default_cache_dir(), read=not options.fresh, notify=options.say)
    with FilePool(options.jobs, notify=options.say) as pool:
        work = []
        for each in sets:
            evaluation = Evaluation(
                each.dataset,
                each.plan,
                device=planned.device,
                pool=pool,
                cache=cache,
                chunk_trials=options.chunk_trials,
            )
            count = len(evaluation.chunks)
            own = share.chunks(each.dataset.card.name, first=first, count=count)
            work.append(DatasetRun(each, evaluation, planned, run_id, own=own, first=first))
            first += count
        yield work


def _shard_record(work: Sequence[DatasetRun], shard: Shard | None) -> ShardRecord | None:
    if shard is None:
        return None
    parts = {stem: place for each in work for stem, place in each.places.items()}
    return ShardRecord(number=shard.number, count=shard.count, parts=parts)


def _write_rows(planned: PlannedRun, work: Sequence[DatasetRun], record: RunRecord) -> RunRecord:
    """Write run.json and the shards that are missing; the record with what is known after that."""
    options, device = planned.options, planned.device
    # Before any row is written: the folder never holds rows of two states of the run.
    _remove_others(options.out / ROWS, [path for each in work for path in each.files()])
    _take_over(planned, work, record.run_id)
    write_record(options.out, record)
    if options.executor is not None:
        missing = [shard for each in work for shard in each.missing()]
        costs = {title: facts.cost for title, facts in record.systems.items() if facts.cost}
        wanted = planned.config.measure_cost and len(costs) < len(record.systems)
        elsewhere = options.executor.write_rows(planned, missing, costs=wanted)
        device = "; ".join(elsewhere.devices) or record.device
        for dataset_run in work:
            dataset_run.join()
        return with_costs(record, {**elsewhere.costs, **costs}).model_copy(update={"device": device})
    # Dataset by dataset, so that the mixtures' scores of one set alone are in memory.
    for dataset_run in work:
        dataset_run.run(baseline=load_system(BASELINE, device=device), perfect=load_system(PERFECT, device=device))
    return record


def _take_over(planned: PlannedRun, work: Sequence[DatasetRun], run_id: str) -> None:
    """Settle what is reused of systems that may depend on unknown files, and say it."""
    taken: Counter[str] = Counter()
    trials: Counter[str] = Counter()
    for dataset_run in work:
        taken.update(dataset_run.take_over(goes_on=goes_on(planned.before, run_id)))
        trials.update(dataset_run.trials_by_title)
    for line in lines(planned.identities, before=planned.before, taken=taken, trials=trials):
        planned.options.say(line)


def _empty(folder: Path) -> None:
    try:
        for name in (ROWS, "datasets", "estimates", "report"):
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

    Costs of an earlier start of the run on the same device are taken over; another executor measures the others.
    """
    elsewhere = run.options.executor is not None
    costs: dict[str, CostFacts] = {}
    for title, system in run.systems.items():
        known = run.before.systems.get(title) if run.before else None
        own = known is not None and known.identity == run.identities[title].digest
        if known and known.cost and own and (elsewhere or known.cost.device == run.device):
            costs[title] = known.cost
        if title in costs or elsewhere:
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
