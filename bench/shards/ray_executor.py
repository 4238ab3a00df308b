"""Runs on a Ray cluster: tasks over the files of rows that a run lacks.

The calling process plans the run, builds its sets and writes every file; a task is given chunks of trials and gives
whole files back (see `chunk_task`). So a task whose worker or node is lost is started again by Ray, and a run that is
stopped goes on with what is missing, on any cluster or without one. There are no actors.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError, OutputError, one_line
from ...core.files import make_folder, write_atomic
from ..config import RunConfig
from ..run.prepare import Elsewhere, MissingShard, PlannedRun
from ..score_row import ROWS
from ..scoring.cache import default_cache_dir
from .chunk_task import SharedInput, TaskInput, TaskOutput, carry_out
from .packed import Packed, pack
from .shard import Chosen

_MANIFEST = ("card.json", "mixtures.jsonl", "trials.jsonl", "files.jsonl")
_TASKS_OF_WORKER = 4
"""Tasks for each worker: few enough that loading the systems is little of the work, enough to balance and to lose."""
_RETRIES = 5
_SENT_CACHE_BYTES = 2**26


@dataclass(frozen=True, slots=True, kw_only=True)
class RayExecutor:
    """Makes the rows of a run by Ray tasks.

    Args:
        address: of the cluster, `auto`, or a Ray client's; None: `RAY_ADDRESS`, or a cluster on this machine alone.
        tasks: number of tasks; None: four for each worker that the cluster has room for.
        send: send corpora of at most 1 GiB each, and a small score cache, to the workers, which need not see the disk.
    """

    address: str | None = None
    tasks: int | None = None
    send: bool = False

    def write_rows(self, planned: PlannedRun, missing: Sequence[MissingShard], *, costs: bool) -> Elsewhere:
        """Write the files that are missing; see `Executor`.

        Raises:
            ConfigError: there is no cluster, it has no room for a worker or no GPU for --device, or workers do not see
                what the run needs.
            OutputError: tasks were lost again and again; what they gave before is there.
        """
        if not missing:
            return Elsewhere()
        if planned.options.given.systems:
            raise ConfigError("systems that are objects of this process cannot be sent; name them")
        with _cluster(self.address) as ray:
            room = _room(ray, planned)
            shared = ray.put(_shared(planned, room.gpus, send=self.send))
            tasks = list(_tasks(missing, self.tasks or _TASKS_OF_WORKER * room.workers, costs=costs))
            remote = ray.remote(carry_out).options(num_cpus=room.cpus, num_gpus=room.gpus, max_retries=_RETRIES)
            pending = {remote.remote(shared, task): task for task in tasks}
            trials = {shard.path.name: shard.trials for shard in missing}
            try:
                with planned.options.progress(f"ray: {len(tasks)} tasks", sum(trials.values())) as advance:
                    found = list(_collected(ray, pending, planned, trials, advance))
            finally:
                for task in pending:
                    ray.cancel(task, force=True)
        return Elsewhere(
            costs={title: cost for each in found for title, cost in each.costs.items()},
            devices=tuple(dict.fromkeys(each.device for each in found)),
        )


@dataclass(frozen=True, slots=True)
class _Room:
    """CPUs and GPUs of a worker, and the number of workers that the cluster has room for."""

    cpus: int
    gpus: float
    workers: int


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """The package ray, connected; a connection that is there already stays."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError("--executor ray needs the package ray: pip install 'tsebench[ray]'") from None
    if ray.is_initialized():
        yield ray
        return
    try:
        with _signals_kept():
            ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"at {address!r}" if address else "on this machine"
        raise ConfigError(f"no Ray cluster can be reached {where}: {one_line(str(error))[:200]}") from None
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Put back the handler of SIGTERM, by which the command line ends a run cleanly; a new Ray node takes it."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _room(ray: Any, planned: PlannedRun) -> _Room:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = planned.config.gpus_per_worker
    if wanted is None:
        has_gpus = any(node.get("GPU", 0) for node in nodes)
        wanted = float(planned.options.device != "cpu" and has_gpus)
    if not wanted and planned.options.device not in ("auto", "cpu"):
        raise ConfigError(
            f"--device {planned.options.device}, and workers have no GPUs; leave out --device, or start Ray on nodes "
            "with GPUs and give gpus_per_worker by --set"
        )
    cpus = max(1, planned.options.jobs)
    workers = sum(
        int(min(node.get("CPU", 0) / cpus, node.get("GPU", 0) / wanted if wanted else float("inf"))) for node in nodes
    )
    if not workers:
        need = f"{cpus} CPUs" + (f" and {wanted:g} GPUs" if wanted else "")
        most = max((f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes), default="none")
        raise ConfigError(
            f"no node of the Ray cluster has {need} for a worker, the largest has {most}; give fewer --jobs, or "
            "another gpus_per_worker by --set"
        )
    return _Room(cpus=cpus, gpus=wanted, workers=workers)


def _tasks(missing: Sequence[MissingShard], count: int, *, costs: bool) -> Iterator[TaskInput]:
    """The files dealt to tasks by chunk, one by one, as they are to shards; the first one measures costs."""
    chunks: dict[tuple[str, int], list[MissingShard]] = {}
    for shard in missing:
        chunks.setdefault((shard.dataset, shard.chunk), []).append(shard)
    places = list(chunks)
    for number in range(min(count, len(places))):
        own = places[number::count]
        by_set: dict[str, list[int]] = {}
        for name, chunk in own:
            by_set.setdefault(name, []).append(chunk)
        names = frozenset(shard.path.name for place in own for shard in chunks[place])
        yield TaskInput(chosen=Chosen(by_set=by_set, names=names), costs=costs and number == 0)


def _collected(
    ray: Any, pending: dict[Any, TaskInput], planned: PlannedRun, trials: Mapping[str, int], advance: Any
) -> Iterator[TaskOutput]:
    """Results as they come, after their files were written."""
    while pending:
        (ready, *_), _ = ray.wait(list(pending), num_returns=1)
        task = pending[ready]
        try:
            result: TaskOutput = ray.get(ready)
        except ray.exceptions.RayError as error:
            raise OutputError(
                f"a task of {len(task.chosen.names)} files of rows was lost {_RETRIES + 1} times or failed: "
                f"{one_line(str(error))[-200:]}; what is done stays, start the same command again to go on"
            ) from None
        del pending[ready]
        _write(result, task, planned)
        advance(sum(trials[name] for name in task.chosen.names))
        yield result


def _write(result: TaskOutput, task: TaskInput, planned: PlannedRun) -> None:
    """Write the files of a task, rows last.

    Raises:
        ConfigError: the worker could not make them, or found other systems or sets than this process.
    """
    if result.problem:
        raise ConfigError(f"on a worker: {result.problem}; workers need the same files, see --ray-send")
    lacking = task.chosen.names - {Path(name).name for name in result.files}
    if lacking:
        known = planned.identities
        unlike = [title for title, found in result.identities.items() if known[title].digest != found]
        what = f"system {unlike[0]!r}" if unlike else "metrics"
        raise ConfigError(
            f"a worker found {what} with other code, weights or package versions than "
            "this process; install the same on all nodes"
        )
    out, cache = planned.options.out, planned.options.cache or default_cache_dir()
    for name, data in result.scores.items():
        _put(cache / name, data)
    for name, data in sorted(result.files.items(), key=lambda item: item[0].startswith(f"{ROWS}/")):
        _put(out / name, data)


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data)


def _shared(planned: PlannedRun, gpus: float, *, send: bool) -> SharedInput:
    """The inputs of all tasks."""
    options, cache = planned.options, planned.options.cache or default_cache_dir()
    wanted = {name for each in planned.sets for name in each.corpora}
    dirs = {name: folder for name, folder in planned.corpus_dirs.items() if name in wanted}
    sets: dict[str, list[Packed]] = {}
    for each in planned.sets:
        of_run = each.recipe is not None or each.opened is not None
        folder = options.out / "datasets" / each.name if of_run else Path(each.spec.dataset).absolute()
        sets.setdefault(each.spec.dataset, []).append(pack(folder, what=f"dataset {each.name!r}", names=_MANIFEST))
    return SharedInput(
        config=_without_adapting(planned).model_dump_json(),
        device="cuda" if gpus else "cpu",
        jobs=options.jobs,
        chunk_trials=options.chunk_trials,
        fresh=options.fresh,
        sets={name: tuple(folders) for name, folders in sets.items()},
        corpus_dirs={} if send else dirs,
        corpora={name: pack(folder, what=f"corpus {name!r}") for name, folder in dirs.items()} if send else {},
        cache=None if send else make_folder(cache),
        known=_small_cache(cache) if send and not options.fresh else {},
        working_dir=Path.cwd(),
    )


def _without_adapting(planned: PlannedRun) -> RunConfig:
    """The config with the checkpoints that this process has adapted in place of their adaptation."""
    systems = []
    for spec in planned.config.systems:
        if spec.adapt is not None:
            options = {**spec.options, "checkpoint": str(planned.options.out / "adapted" / spec.title)}
            systems.append(spec.model_copy(update={"adapt": None, "options": options}))
        else:
            systems.append(spec)
    return planned.config.model_copy(update={"systems": tuple(systems)})


def _small_cache(folder: Path) -> Packed:
    """The scores that are known, if they are few."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return pack(folder, what="score cache") if folder.is_dir() and size <= _SENT_CACHE_BYTES else {}
