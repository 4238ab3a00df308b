"""Train a system's network from a config, resume where an earlier part stopped, export the best."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from ...core.errors import ConfigError, DatasetError
from ...core.folder_lock import folder_lock
from ...core.progress import Notify, on_console, quiet
from ...core.validation import StrictModel, parse
from ...datasets.dynamic import TrialStream, open_stream
from ..trainable import TASKS, InitialTask, LossFacts, PreparingTask, TrainBatch
from .augment import augmented
from .callbacks import RunFiles, reporting
from .card import built_on, card_of, taught_by
from .config import TrainConfig
from .data import EpochBatches, TrainingStream
from .distillation import Teacher
from .first_weights import start_with
from .lightning_module import ExtractionModule
from .losses import loss_facts
from .state import EpochLog, Progress, TrainingState, check_length, length_of, load_state, run_identity, save_state
from .tracking import TrainingFacts, tracked_training
from .trainer import fit, using_threads


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """Result of a training run, over all its resumed parts."""

    loss: LossFacts
    best_loss: float  # lowest validation loss, in the unit of the loss
    best: EpochLog  # epoch with that loss
    epochs: int  # completed ones
    steps: int
    seconds: float  # of training
    checkpoint: Path  # folder that `load_system(..., checkpoint=...)` opens


def train(
    config: TrainConfig,
    *,
    out: Path,
    device: str = "auto",
    corpus_dirs: Mapping[str, Path] | None = None,
    streams: tuple[TrainingStream, TrainingStream] | None = None,
    tracking_uri: str | None = None,
    console: Console | None = None,
) -> TrainResult:
    """Train on mixtures drawn from a dataset's recipe; a run in `out` is resumed.

    Args:
        out: folder for `model.pt`, `card.json`, `train.log.jsonl` and `last.ckpt`.
        streams: of training and validation, instead of those of the config's dataset.
        tracking_uri: of an MLflow server or store, if the run is to be logged there.
        console: for a line per epoch, and a progress bar if it is a terminal.

    Raises:
        ConfigError: an option is wrong, or `out` holds a run of another config, or of another length where the learning
            rate depends on it.
        DatasetError: the training data cannot be opened.
        OutputError: another process trains into `out`, or it cannot be written.
        TsebenchError: training diverged.
    """
    if config.tracking.register_as is not None and tracking_uri is None:
        raise ConfigError(
            f"train config {config.name!r}: tracking.register = {config.tracking.register_as!r} needs MLflow; give a "
            "store with --tracking-uri, or leave the key out"
        )
    if streams is None:
        data, folders = config.data, corpus_dirs or {}
        open_split = partial(
            open_stream,
            data.dataset,
            seed=config.seed,
            corpus_dirs=folders,
            overrides=data.overrides,
            absent_share=data.absent_share,
        )
        streams = open_split(split=data.train_split), open_split(split=data.valid_split)
    train_stream = augmented(streams[0], config.data, training=True)
    valid_stream = augmented(streams[1], config.data, training=False)
    task = TASKS.get(config.system)
    loss = loss_facts(task, config.loss)
    if config.teacher is not None and not loss.of_estimates:
        raise ConfigError(
            f"train config {config.name!r}: system {config.system!r} has a loss of its own, {loss.name!r}, "
            "and a teacher's estimates are learned by the loss of estimates; leave `teacher` out"
        )
    net_config = parse(
        task.net_config, config.net, where=f"train config {config.name!r}, net", topic=f"train {config.system}"
    )
    _check_streams(config, train_stream, valid_stream)
    teacher = None
    if config.teacher is not None:
        teacher = Teacher(config.teacher, sample_rate_hz=train_stream.sample_rate_hz, device=device)
    with folder_lock(out):
        identity = run_identity(config, fingerprints=(train_stream.fingerprint, valid_stream.fingerprint))
        state = load_state(out, identity=identity)
        if state is not None:
            check_length(state, config, out=out)
        facts = _facts(config, out, identity, state, streams, loss=loss)
        with tracked_training(facts, uri=tracking_uri, say=_notices_to(console)) as tracker:
            net, state = _net_and_state(config, net_config, train_stream, state, console=console)
            if state.prepared and not state.progress.epochs:
                # Saved before the first step, so that a run killed in the first epoch need not repeat it.
                save_state(out, state, identity=identity)
            module = ExtractionModule(
                net,
                task,
                config,
                progress=state.progress,
                optimiser_state=state.optimiser or None,
                average=state.average,
                teacher=teacher,
            )
            batches = (
                _epoch_batches(config, train_stream, per_epoch=config.data.per_epoch, epoch=lambda: module.epoch),
                _epoch_batches(config, valid_stream, per_epoch=config.data.valid, cache=True),
            )
            card = taught_by(card_of(config, net_config, train_stream, streams[0], state.prepared, loss=loss), teacher)
            if isinstance(task, InitialTask):
                card = built_on(card, task.attach(net, sample_rate_hz=train_stream.sample_rate_hz))
            files = RunFiles(out=out, card=card, identity=identity, best=dict(state.best))
            total = len(batches[0]) * config.optimiser.epochs
            with reporting(module, total=total, console=console) as reports:
                _say(_beginning(module), console)
                if not _finished(module):
                    fit(module, batches, callbacks=[files, *reports, *tracker.callbacks()], device=device)
                files.export(module)
    p = module.progress
    return TrainResult(
        loss=loss,
        best_loss=p.best_loss,
        best=p.history[p.best_epoch],
        epochs=p.epochs,
        steps=p.steps,
        seconds=p.seconds,
        checkpoint=out,
    )


def _beginning(module: ExtractionModule) -> str:
    """Where a resumed training goes on, or why it does not; "" for a new one."""
    limits, done = module.config.optimiser, module.progress.epochs
    if not done:
        return ""
    if _finished(module):
        return f"trained before: {done} of {limits.epochs} epochs; optimiser.epochs, max_minutes or patience ends it"
    best = module.loss.text(module.progress.best_loss)
    return f"goes on after {done} of {limits.epochs} epochs; best validation loss {best}"


def _say(line: str, console: Console | None) -> None:
    if line and console is not None:
        console.print(line, highlight=False)


def _facts(
    config: TrainConfig,
    out: Path,
    identity: str,
    state: TrainingState | None,
    streams: tuple[TrainingStream, TrainingStream],
    *,
    loss: LossFacts,
) -> TrainingFacts:
    """Facts for MLflow; streams that are given instead of a dataset's are named after it and the split."""
    splits = (("training", config.data.train_split), ("validation", config.data.valid_split))
    data = {}
    for (context, split), stream in zip(splits, streams, strict=True):
        title = stream.title if isinstance(stream, TrialStream) else f"{config.data.dataset}:{split}"
        data[context] = {title: stream.fingerprint}
    history = () if state is None else tuple(state.progress.history)
    return TrainingFacts(
        config=config, loss=loss, out=out, identity=identity, data=data, history=history, begun=state is not None
    )


def _notices_to(console: Console | None) -> Notify:
    """Prints a line for the user: on the console, or without one to the log."""
    if console is None:
        return logging.getLogger("tsebench.train").warning
    return lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)


def _net_and_state(
    config: TrainConfig,
    net_config: StrictModel,
    stream: TrainingStream,
    state: TrainingState | None,
    *,
    console: Console | None,
) -> tuple[nn.Module, TrainingState]:
    """The network with the weights of an earlier part of the run, or before the first step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        net = TASKS.get(config.system).build(net_config, classes=stream.classes)
    state = state or _initial_state(config, net, stream, console=console)
    net.load_state_dict(dict(state.net))
    return net, state


def _initial_state(
    config: TrainConfig, net: nn.Module, stream: TrainingStream, *, console: Console | None
) -> TrainingState:
    """State before the first step, after `PreparingTask.prepare`."""
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
    if config.start_from is not None:
        prepared_as = "; ".join(part for part in (prepared_as, start_with(net, config.start_from)) if part)
    return TrainingState(
        progress=Progress(), net=net.state_dict(), best={}, optimiser={}, prepared=prepared_as, length=length_of(config)
    )


def _finished(module: ExtractionModule) -> bool:
    limits, progress = module.config.optimiser, module.progress
    if not progress.epochs:
        return False
    stale = limits.patience is not None and progress.stale >= limits.patience
    return stale or progress.epochs >= limits.epochs or module.out_of_time


def _check_streams(config: TrainConfig, train: TrainingStream, valid: TrainingStream) -> None:
    """Raise a DatasetError if classes or sample rates of the streams differ, or if one is too short."""
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


def _epoch_batches(
    config: TrainConfig,
    stream: TrainingStream,
    *,
    per_epoch: int,
    epoch: Callable[[], int] = lambda: 0,
    cache: bool = False,
    once: bool = False,
) -> EpochBatches:
    return EpochBatches(
        stream,
        per_epoch=per_epoch,
        batch_size=config.optimiser.batch_size,
        threads=config.data.render_threads,
        processes=_processes(config),
        epoch=epoch,
        cache=cache,
        once=once,
        sources=bool(getattr(TASKS.get(config.system), "needs_sources", False)),
    )


def _processes(config: TrainConfig) -> int:
    """Number of rendering processes; a ConfigError if the platform cannot fork, so that they could share streams."""
    count = config.data.render_processes
    if count and "fork" not in multiprocessing.get_all_start_methods():
        raise ConfigError(
            f"train config {config.name!r}: data.render_processes = {count} needs a platform that "
            "can fork processes (Linux); set it to 0, and threads render"
        )
    return count
