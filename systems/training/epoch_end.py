"""After each epoch: the log, the state to resume from, the best weights, and when to stop."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytorch_lightning as lightning
from torch import Tensor

from ...core.files import write_atomic
from ..checkpoints.checkpoint import CheckpointCard, save_checkpoint
from .lightning_module import ExtractionModule
from .snapshot import EpochLog, Snapshot, save_snapshot
from .watchers import Watcher

LOG = "train.log.jsonl"


class Keeper(lightning.Callback):
    """Writes what a run leaves behind.

    Args:
        out: folder of the run.
        card: of the checkpoint, but for the counts of epochs and the best loss.
        identity: what makes a run the same run.
        best: best weights of the earlier parts, or None.
        watchers: told of every epoch.
    """

    def __init__(
        self,
        *,
        out: Path,
        card: CheckpointCard,
        identity: str,
        best: dict[str, Tensor] | None,
        watchers: tuple[Watcher, ...],
    ) -> None:
        self._out = out
        self._card = card
        self._identity = identity
        self._best = best or {}
        self._watchers = watchers

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: object
    ) -> None:
        """Stop in time."""
        module = _checked(module)
        trainer.should_stop = trainer.should_stop or module.out_of_time
        for watcher in self._watchers:
            watcher.step(loss=module.train_loss.value)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Count the epoch and write everything down; Lightning has validated before."""
        module = _checked(module)
        log = EpochLog(
            epoch=module.epoch,
            steps=module.steps,
            train_loss=module.train_loss.value,
            valid_loss=module.valid_loss.value,
            lr=module.lr,
            seconds=module.seconds,
        )
        optimiser = module.config.optimiser
        if module.progress.add(log, plateau_patience=optimiser.plateau_patience):
            self._best = _copied(module)
        self._write(trainer, module)
        for watcher in self._watchers:
            watcher.epoch(log, best_loss=module.progress.best_loss)
        if optimiser.patience is not None and module.progress.stale >= optimiser.patience:
            trainer.should_stop = True

    def _write(self, trainer: lightning.Trainer, module: ExtractionModule) -> None:
        progress = module.progress
        snapshot = Snapshot(
            progress=progress,
            net=_copied(module),
            best=self._best,
            optimiser=trainer.optimizers[0].state_dict(),
            prepared=self._card.prepared,
        )
        save_snapshot(self._out, snapshot, identity=self._identity)
        if progress.best_epoch == progress.epochs - 1:
            self.export(module)
        lines = [json.dumps(asdict(log)) + "\n" for log in progress.history]
        write_atomic(self._out / LOG, "".join(lines))

    def export(self, module: ExtractionModule) -> Path:
        """Write the best weights and their card."""
        progress = module.progress
        best = progress.history[progress.best_epoch]
        card = self._card.model_copy(
            update={"epochs": best.epoch + 1, "steps": best.steps, "best_valid_loss": best.valid_loss}
        )
        return save_checkpoint(self._out, state=self._best, card=card)


def _checked(module: lightning.LightningModule) -> ExtractionModule:
    if not isinstance(module, ExtractionModule):
        raise TypeError(f"Keeper keeps an ExtractionModule, not a {type(module).__name__}")
    return module


def _copied(module: ExtractionModule) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in module.net.state_dict().items()}
