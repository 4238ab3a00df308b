"""Train a system's network from a config, go on where an earlier part stopped, export the best."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from ...core.errors import ConfigError, DatasetError
from ...core.files import make_folder
from ...core.progress import on_console, quiet
from ...core.provenance import git_commit
from ...core.validation import StrictModel, parse
from ...datasets.dynamic import TrialStream as RecipeStream
from ...datasets.dynamic import open_stream
from ..checkpoints.checkpoint import CheckpointCard
from ..trainable import TASKS, PreparingTask, TrainBatch
from .augment import prepared
from .config import TrainConfig
from .data import EpochBatches, TrialStream
from .epoch_end import Keeper
from .lightning_module import ExtractionModule
from .lightning_trainer import fit, using_threads
from .snapshot import Progress, Snapshot, identity, load_snapshot, save_snapshot
from .watchers import watchers


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """What a run came to.

    Attributes:
        best_loss: lowest validation loss, in dB.
        epochs: that were done, over all parts of the run.
        seconds: of training, over all parts of the run.
        checkpoint: folder that `load_system(..., checkpoint=...)` opens.
    """

    best_loss: float
    epochs: int
    steps: int
    seconds: float
    checkpoint: Path


def train(
    config: TrainConfig,
    *,
    out: Path,
    device: str = "auto",
    corpus_dirs: Mapping[str, Path],
    tracking_uri: str | None = None,
    console: Console | None = None,
) -> TrainResult:
    """Train on mixtures drawn from a dataset's recipe; a run in `out` is continued.

    Args:
        config: of the run.
        out: gets `model.pt`, `card.json`, `train.log.jsonl` and `last.ckpt`.
        device: "auto", "cpu" or "cuda".
        corpus_dirs: folders of the corpora that live on disk.
        tracking_uri: of an MLflow server or store, if the run is to be logged there.
        console: gets a line for each epoch, and a progress bar if it is a terminal.

    Raises:
        ConfigError: an option is wrong, or `out` holds a run of another config.
        DatasetError: the training data cannot be opened.
        TsebenchError: training diverged.
    """
    data = config.data
    streams = [
        open_stream(
            data.dataset, split=split, seed=config.seed, corpus_dirs=corpus_dirs, overrides=data.overrides
        )
        for split in (data.train_split, data.valid_split)
    ]
    return train_on(
        config,
        train_stream=streams[0],
        valid_stream=streams[1],
        out=out,
        device=device,
        tracking_uri=tracking_uri,
        console=console,
    )


def train_on(
    config: TrainConfig,
    *,
    train_stream: TrialStream,
    valid_stream: TrialStream,
    out: Path,
    device: str = "auto",
    tracking_uri: str | None = None,
    console: Console | None = None,
) -> TrainResult:
    """`train` on streams that are open already."""
    source = train_stream
    train_stream = prepared(source, config.data, training=True)
    valid_stream = prepared(valid_stream, config.data, training=False)
    task = TASKS.get(config.system)
    net_config = parse(task.net_config, config.net, where=f"train config {config.name!r}, net")
    _check_streams(config, train_stream, valid_stream)
    make_folder(out)
    fingerprints = (train_stream.fingerprint, valid_stream.fingerprint)
    same = identity(config, fingerprints=fingerprints)
    snapshot = load_snapshot(out, identity=same)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        net = task.build(net_config, classes=train_stream.classes)
    if snapshot is None:
        snapshot = _prepare(config, net, train_stream, console=console)
        if snapshot.prepared:
            # Before the first step, so that a run that is killed in the first epoch has it.
            save_snapshot(out, snapshot, identity=same)
    net.load_state_dict(dict(snapshot.net))
    module = ExtractionModule(
        net, task, config, progress=snapshot.progress, optimiser_state=snapshot.optimiser or None
    )
    batches = _batches(config, module, train_stream, valid_stream)
    total = len(batches[0]) * config.optimiser.epochs
    with watchers(
        config, total=total, done=module.steps, console=console, tracking_uri=tracking_uri
    ) as watching:
        keeper = Keeper(
            out=out,
            card=_card(config, net_config, train_stream, source, snapshot.prepared),
            identity=same,
            best=dict(snapshot.best),
            watchers=watching,
        )
        if not _finished(module):
            fit(module, keeper, batches, device=device)
        keeper.export(module)
    progress = module.progress
    return TrainResult(
        best_loss=progress.best_loss,
        epochs=progress.epochs,
        steps=progress.steps,
        seconds=progress.seconds,
        checkpoint=out,
    )


def _prepare(
    config: TrainConfig, net: nn.Module, stream: TrialStream, *, console: Console | None
) -> Snapshot:
    """The state before the first step, with what the task fits beforehand."""
    task, prepared_as = TASKS.get(config.system), ""

    def first_items(count: int) -> Iterable[TrainBatch]:
        if len(stream) < count:
            raise DatasetError(
                f"train config {config.name!r}: the training stream has {len(stream)} mixtures, "
                f"but system {config.system!r} is fitted to {count} before training; lower the "
                "number in net, or give it more data"
            )
        return _epoch_batches(config, stream, per_epoch=count, once=True)

    if isinstance(task, PreparingTask):
        progress = quiet if console is None else on_console(console)
        with using_threads(config.threads):
            prepared_as = task.prepare(net, first_items, seed=config.seed, progress=progress)
    return Snapshot(progress=Progress(), net=net.state_dict(), best={}, optimiser={}, prepared=prepared_as)


def _finished(module: ExtractionModule) -> bool:
    limits, progress = module.config.optimiser, module.progress
    if not progress.epochs:
        return False
    stale = limits.patience is not None and progress.stale >= limits.patience
    return stale or progress.epochs >= limits.epochs or module.out_of_time


def _check_streams(config: TrainConfig, train: TrialStream, valid: TrialStream) -> None:
    """Refuse streams that do not belong together or are too short.

    Raises:
        DatasetError: vocabulary or rate differ, or a stream is too short.
    """
    if (train.classes, train.sample_rate_hz) != (valid.classes, valid.sample_rate_hz):
        raise DatasetError(
            f"train config {config.name!r}: the training and validation streams differ in classes "
            f"or rate ({len(train.classes)} classes at {train.sample_rate_hz} Hz, "
            f"{len(valid.classes)} at {valid.sample_rate_hz} Hz)"
        )
    needed = config.data.per_epoch * config.optimiser.epochs
    for name, stream, count in (("training", train, needed), ("validation", valid, config.data.valid)):
        if len(stream) < count:
            raise DatasetError(
                f"train config {config.name!r}: the {name} stream has {len(stream)} mixtures, "
                f"but {count} are needed; lower data.per_epoch, data.valid or optimiser.epochs"
            )


def _batches(
    config: TrainConfig, module: ExtractionModule, train: TrialStream, valid: TrialStream
) -> tuple[EpochBatches, EpochBatches]:
    data = config.data
    return (
        _epoch_batches(config, train, per_epoch=data.per_epoch, epoch=lambda: module.epoch),
        _epoch_batches(config, valid, per_epoch=data.valid, keep=True),
    )


def _epoch_batches(
    config: TrainConfig,
    stream: TrialStream,
    *,
    per_epoch: int,
    epoch: Callable[[], int] = lambda: 0,
    keep: bool = False,
    once: bool = False,
) -> EpochBatches:
    return EpochBatches(
        stream,
        per_epoch=per_epoch,
        batch_size=config.optimiser.batch_size,
        threads=config.data.render_threads,
        processes=_processes(config),
        epoch=epoch,
        keep=keep,
        once=once,
        sources=bool(getattr(TASKS.get(config.system), "needs_sources", False)),
    )


def _processes(config: TrainConfig) -> int:
    """How many processes render.

    Raises:
        ConfigError: the platform cannot fork, so streams cannot be shared with other processes.
    """
    count = config.data.render_processes
    if count and "fork" not in multiprocessing.get_all_start_methods():
        raise ConfigError(
            f"train config {config.name!r}: data.render_processes = {count} needs a platform that "
            "can fork processes (Linux); set it to 0, and threads render"
        )
    return count


def _card(
    config: TrainConfig, net: StrictModel, stream: TrialStream, source: TrialStream, prepared_as: str
) -> CheckpointCard:
    title, contents = f"{config.data.dataset}:{config.data.train_split}", None
    if isinstance(source, RecipeStream):
        title, contents = source.title, source.contents()
    return CheckpointCard(
        architecture=config.system,
        net=net.model_dump(mode="json"),
        classes=tuple(stream.classes),
        sample_rate_hz=stream.sample_rate_hz,
        sha256="",
        training_data=(title, *(contents.parts if contents else ())),
        trained_on=contents,
        data_fingerprint=stream.fingerprint,
        loss=config.loss.name,
        prepared=prepared_as,
        seed=config.seed,
        git_commit=git_commit(),
        tsebench_version=version("tsebench"),
    )
