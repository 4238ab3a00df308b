"""Lightning callbacks: files written after each epoch, when to stop, log lines, progress bar."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import pytorch_lightning as lightning
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from ...core.files import write_atomic
from ..checkpoints.checkpoint import CheckpointCard, save_checkpoint
from .lightning_module import ExtractionModule
from .state import LOG, EpochLog, TrainingState, length_of, save_state
from .valid_ratio import ratio_name

_LOGGER = logging.getLogger("tsebench.train")


class RunFiles(lightning.Callback):
    """Count epochs, write the run's files after each, and stop by time and patience.

    It must be the first callback: the others read the progress that it updates. `card` is without the counts of epochs
    and the best loss; `best` are the weights of earlier parts of the run, if any.
    """

    def __init__(self, *, out: Path, card: CheckpointCard, identity: str, best: dict[str, Tensor]) -> None:
        self._out = out
        self._card = card
        self._identity = identity
        self._best = best

    def on_train_batch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: object) -> None:
        """Stop at the time limit."""
        trainer.should_stop = trainer.should_stop or _checked(module).out_of_time

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Count the epoch and write the state, the log and the best weights; validation is done."""
        module = _checked(module)
        optimiser, progress = module.config.optimiser, module.progress
        log = EpochLog(
            epoch=module.epoch,
            steps=module.steps,
            train_loss=module.train_loss.value,
            valid_loss=module.valid_loss.value,
            lr=module.lr,
            seconds=module.seconds,
            valid_ratio=_known(module.valid_ratio.value),
            mixture_ratio=_known(module.mixture_ratio.value),
            unit=module.loss.unit,
        )
        weights, average = _copied(module.net.state_dict()), _copied(module.averaged())
        is_best = progress.add(log, plateau_patience=optimiser.plateau_patience)
        if is_best:
            self._best = average or weights
        state = TrainingState(
            progress=progress,
            net=weights,
            best=self._best,
            optimiser=trainer.optimizers[0].state_dict(),
            average=average,
            prepared=self._card.prepared,
            length=length_of(module.config),
        )
        save_state(self._out, state, identity=self._identity)
        if is_best:
            self.export(module)
        lines = [json.dumps(asdict(line)) + "\n" for line in progress.history]
        write_atomic(self._out / LOG, "".join(lines))
        if optimiser.patience is not None and progress.stale >= optimiser.patience:
            trainer.should_stop = True

    def export(self, module: ExtractionModule) -> Path:
        """Write the best weights and their card."""
        progress = module.progress
        best = progress.history[progress.best_epoch]
        card = self._card.model_copy(
            update={"epochs": best.epoch + 1, "steps": best.steps, "best_valid_loss": best.valid_loss}
        )
        return save_checkpoint(self._out, state=self._best, card=card)


class EpochLines(lightning.Callback):
    """One line for each epoch, to the logger `tsebench.train` and to a console if there is one."""

    def __init__(self, console: Console | None) -> None:
        self._console = console

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Write the loss, the ratio in dB, the learning rate and the time."""
        del trainer
        module = _checked(module)
        progress, loss = module.progress, module.loss
        log = progress.history[-1]
        ratio = ""
        if log.valid_ratio is not None and log.mixture_ratio is not None:
            name = ratio_name(module.config.loss)
            ratio = f"; valid {name} {log.valid_ratio:.2f} dB (mixture {log.mixture_ratio:.2f} dB)"
        line = (
            f"epoch {log.epoch}: loss {loss.name} (lower is better) train {loss.text(log.train_loss, unit=False)}, "
            f"valid {loss.text(log.valid_loss, unit=False)}, best {loss.text(progress.best_loss)}{ratio}; "
            f"lr {log.lr:.2g}, {log.seconds:.0f} s"
        )
        _LOGGER.info("%s", line)
        if self._console is not None:
            self._console.print(line, highlight=False)


class StepBar(lightning.Callback):
    """A progress bar over the steps of all parts of the run, for a terminal."""

    def __init__(self, progress: Progress, *, total: int, done: int) -> None:
        self._progress = progress
        self._task = progress.add_task("training", total=total, completed=done, loss="")

    def on_train_batch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: object) -> None:
        """Advance the bar; it shows the mean loss of the epoch so far."""
        del trainer
        module = _checked(module)
        loss = f"loss {module.loss.name} {module.loss.text(module.train_loss.value)}"
        self._progress.update(self._task, advance=1, loss=loss)


@contextmanager
def reporting(module: ExtractionModule, *, total: int, console: Console | None) -> Iterator[list[lightning.Callback]]:
    """Callbacks that report a run of `total` steps: log lines, and a bar if the console is a terminal."""
    with ExitStack() as stack:
        callbacks: list[lightning.Callback] = [EpochLines(console)]
        if console is not None and console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[loss]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            progress = stack.enter_context(Progress(*columns, console=console))
            callbacks.append(StepBar(progress, total=total, done=module.steps))
        yield callbacks


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}


def _known(value: float) -> float | None:
    """None for NaN, the mean of nothing."""
    return None if math.isnan(value) else value


def _checked(module: lightning.LightningModule) -> ExtractionModule:
    if not isinstance(module, ExtractionModule):
        raise TypeError(f"this callback needs an ExtractionModule, not a {type(module).__name__}")
    return module
