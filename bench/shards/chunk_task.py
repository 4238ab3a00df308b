"""The work of one task of a cluster: rows of some chunks of trials, from its inputs alone.

A task writes into a temporary folder and gives whole files back, so that a task that is lost with its machine is done
again elsewhere, and nothing is there twice. No process keeps anything for the next task.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from ...core.errors import TsebenchError
from ...datasets.dataset import load_dataset
from ..config import RunConfig
from ..given import Given
from ..run.estimate_files import FOLDER
from ..run.prepare import RunOptions
from ..run.runner import run
from ..run.system_facts import CostFacts
from ..score_row import ROWS
from .packed import Packed, pack, unpack
from .shard import Chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedInput:
    """Inputs that all tasks of a run share.

    Attributes:
        config: of the run, as JSON.
        sets: manifests of the datasets by the `dataset` of the config, of which a collection has several.
        corpus_dirs: folders of corpora that the workers see.
        corpora: files of corpora that they do not see, by name.
        cache: folder of scores; a worker that does not see it, or None, gives new scores back.
        known: scores of it that are sent along.
        working_dir: of the calling process, for relative paths of options, if workers see it.
    """

    config: str
    device: str
    jobs: int
    chunk_trials: int
    fresh: bool
    sets: Mapping[str, tuple[Packed, ...]]
    corpus_dirs: Mapping[str, Path] = field(default_factory=dict)
    corpora: Mapping[str, Packed] = field(default_factory=dict)
    cache: Path | None = None
    known: Packed = field(default_factory=dict)
    working_dir: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInput:
    """Inputs of one task.

    Attributes:
        chosen: files of rows that it makes.
        costs: whether it also measures the costs of the systems.
    """

    chosen: Chosen
    costs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutput:
    """Results of a task.

    Attributes:
        files: rows and kept estimates, by path in the run folder.
        scores: new files of the cache, by path in it, if the worker does not see the cache.
        identities: of systems by title, as the worker found them.
        problem: why it could not be done, in one line; "" if it was.
    """

    files: Packed = field(default_factory=dict)
    scores: Packed = field(default_factory=dict)
    costs: Mapping[str, CostFacts] = field(default_factory=dict)
    identities: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    problem: str = ""


def carry_out(shared: SharedInput, task: TaskInput) -> TaskOutput:
    """Make the rows of a task; errors of the user become its `problem`."""
    before = Path.cwd()
    try:
        with TemporaryDirectory(prefix="tsebench-task-") as place:
            if shared.working_dir.is_dir():
                os.chdir(shared.working_dir)
            return _carried_out(shared, task, Path(place))
    except TsebenchError as error:
        return TaskOutput(problem=str(error))
    finally:
        os.chdir(before)


def _carried_out(shared: SharedInput, task: TaskInput, place: Path) -> TaskOutput:
    dirs = {**shared.corpus_dirs}
    dirs |= {name: unpack(files, place / "corpora" / name) for name, files in shared.corpora.items()}
    seen = shared.cache if shared.cache and shared.cache.is_dir() else None
    cache = seen or unpack(shared.known, place / "cache")
    config, given = _config(shared, task, place, dirs)
    options = RunOptions(
        out=place / "run",
        device=shared.device,
        jobs=shared.jobs,
        fresh=shared.fresh,
        chunk_trials=shared.chunk_trials,
        chosen=task.chosen,
        corpus_dirs=dirs,
        cache=cache,
        given=given,
        say=lambda _: None,  # the calling process says it once
    )
    record = run(config, options).record
    scores = {} if seen else pack(cache, what="cache")
    kept = pack(options.out / FOLDER, what="estimates") if (options.out / FOLDER).is_dir() else {}
    rows = pack(options.out / ROWS, what="rows")
    files = {f"{FOLDER}/{name}": data for name, data in kept.items()}
    return TaskOutput(
        files=files | {f"{ROWS}/{name}": data for name, data in rows.items()},
        scores={name: data for name, data in scores.items() if name not in shared.known},
        costs={title: facts.cost for title, facts in record.systems.items() if facts.cost},
        identities={title: facts.identity for title, facts in record.systems.items()},
        device=str(record.device),
    )


def _config(shared: SharedInput, task: TaskInput, place: Path, dirs: Mapping[str, Path]) -> tuple[RunConfig, Given]:
    """The config, with sets that are opened from the manifests given."""
    config = RunConfig.model_validate_json(shared.config)
    opened = {}
    for number, (name, manifests) in enumerate(shared.sets.items()):
        folders = [unpack(files, place / "sets" / f"{number}-{k}") for k, files in enumerate(manifests)]
        opened[name] = tuple(load_dataset(folder, corpus_dirs=dirs) for folder in folders)
    return config.model_copy(update={"measure_cost": task.costs}), Given(datasets=opened)
