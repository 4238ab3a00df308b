"""The Lightning module: any trainable network, its loss, its optimiser and its learning rate."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn

from ...core.errors import TsebenchError
from ...datasets.seeding import digest
from ..trainable import AnyTask, ExtractionLoss, TrainBatch
from .average import WeightAverage
from .config import OptimiserConfig, TrainConfig
from .distillation import Teacher
from .losses import build_loss, loss_facts
from .state import Progress
from .valid_ratio import WatchedLoss


class ExtractionModule(lightning.LightningModule):
    """One training run, after earlier parts with their progress and the states of optimiser and average, if any."""

    def __init__(
        self,
        net: nn.Module,
        task: AnyTask,
        config: TrainConfig,
        *,
        progress: Progress,
        optimiser_state: Mapping[str, Any] | None,
        average: Mapping[str, Tensor] | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        self.loss = loss_facts(task, config.loss)
        self.net = net
        self.config = config
        self.progress = progress
        self.steps = progress.steps
        self.train_loss = Mean()
        self.valid_loss = Mean()
        self.valid_ratio = Mean()
        self.mixture_ratio = Mean()
        self._task = task
        self._criterion = build_loss(config.loss)
        self._optimiser_state = optimiser_state
        self._earlier_average = average
        self._teacher = teacher
        self._average: WeightAverage | None = None
        self._first_epoch = progress.epochs
        self._before_s = progress.seconds
        self._started_s: float | None = None

    @property
    def epoch(self) -> int:
        """Epochs done, over all parts of the run."""
        return self._first_epoch + self.current_epoch

    @property
    def seconds(self) -> float:
        """Seconds of training, over all parts of the run."""
        this_part = 0.0 if self._started_s is None else time.monotonic() - self._started_s
        return self._before_s + this_part

    @property
    def out_of_time(self) -> bool:
        """Whether the limit of minutes is reached."""
        limit = self.config.optimiser.max_minutes
        return limit is not None and self.seconds >= 60.0 * limit

    @property
    def lr(self) -> float:
        """Learning rate of the next step."""
        optimiser = self.config.optimiser
        per_epoch = math.ceil(self.config.data.per_epoch / optimiser.batch_size)
        done = self.steps / (per_epoch * optimiser.epochs)
        if optimiser.max_minutes is not None:
            done = max(done, self.seconds / (60.0 * optimiser.max_minutes))
        factor = lr_factor(optimiser, step=self.steps, progress=done, reductions=self.progress.reductions)
        return optimiser.lr * factor

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, in the state that an earlier part of the run left."""
        optimiser = self.config.optimiser
        adam = torch.optim.AdamW(self.net.parameters(), lr=optimiser.lr, weight_decay=optimiser.weight_decay)
        if self._optimiser_state is not None:
            adam.load_state_dict(dict(self._optimiser_state))
        return adam

    def on_fit_start(self) -> None:
        """Start the clock."""
        self._started_s = time.monotonic()

    def on_train_start(self) -> None:
        """Begin the average of the weights, or go on with it; the network is on its device."""
        decay = self.config.optimiser.ema
        if decay is not None:
            self._average = WeightAverage(self.net, decay, earlier=self._earlier_average)

    def averaged(self) -> Mapping[str, Tensor]:
        """The average of the weights; empty if there is none."""
        return {} if self._average is None else self._average.state()

    def on_train_epoch_start(self) -> None:
        """Reset the mean losses and ratios."""
        self.train_loss, self.valid_loss = Mean(), Mean()
        self.valid_ratio, self.mixture_ratio = Mean(), Mean()

    def on_train_batch_start(self, *_: object) -> None:
        """Set the learning rate."""
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = self.lr

    def training_step(self, batch: TrainBatch) -> Tensor:
        """Mean loss of a batch; a TsebenchError if a loss is not finite."""
        criterion = self._criterion if self._teacher is None else self._teacher.criterion(batch, self._criterion)
        with _seeded("train", self.config.seed, self.steps, device=self.device):
            losses = self._losses(batch, criterion)
        self.train_loss.add(losses)
        self.steps += 1
        return losses.mean()

    def on_train_batch_end(self, *_: object) -> None:
        """Take the new weights into the average."""
        if self._average is not None:
            self._average.update(self.steps)

    def on_validation_epoch_start(self) -> None:
        """Validate the average of the weights."""
        if self._average is not None:
            self._average.swap()

    def on_validation_epoch_end(self) -> None:
        """Go on with the weights themselves."""
        if self._average is not None:
            self._average.swap()

    def validation_step(self, batch: TrainBatch, index: int) -> None:
        """Add the losses of a validation batch, and the ratios of its estimates and mixtures."""
        watched = WatchedLoss(self._criterion, self.config.loss)
        with _seeded("valid", self.config.seed, index, device=self.device):
            self.valid_loss.add(self._losses(batch, watched))
        for mean, ratios in zip((self.valid_ratio, self.mixture_ratio), watched.ratios(), strict=True):
            mean.add(ratios)

    def _losses(self, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        losses = self._task.loss(self.net, batch, criterion)
        if not bool(torch.isfinite(losses).all()):
            raise TsebenchError(
                f"training diverged: a loss is not finite at epoch {self.epoch}, step {self.steps} (mixtures "
                f"{', '.join(batch.queries.ids)}); set a lower optimiser.lr or optimiser.gradient_clip"
            )
        return losses


@contextmanager
def _seeded(*parts: str | int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators by names, and restore them: a resumed training draws what the whole one does."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(digest(*parts), 16) % 2**63)
        yield


class Mean:
    """Running mean of losses."""

    def __init__(self) -> None:
        self._total = 0.0
        self._count = 0

    def add(self, losses: Tensor) -> None:
        """Add losses [B]."""
        self._total += float(losses.detach().double().sum())
        self._count += len(losses)

    @property
    def value(self) -> float:
        """The mean; NaN of no losses."""
        return self._total / self._count if self._count else math.nan


def lr_factor(config: OptimiserConfig, *, step: int, progress: float, reductions: int) -> float:
    """Fraction of `config.lr` after `step` steps and `reductions` plateaus, at a progress of 0..1 by epochs or time."""
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.schedule == "cosine":
        return warmup * 0.5 * (1.0 + math.cos(math.pi * min(1.0, max(0.0, progress))))
    if config.schedule == "warmup_cosine" and step > config.warmup_steps:
        done = min(1.0, progress)
        begun = done * config.warmup_steps / step  # progress at the end of the warm-up
        return 0.5 * (1.0 + math.cos(math.pi * (done - begun) / (1.0 - begun)))
    if config.schedule == "plateau":
        return warmup * config.plateau_factor**reductions
    return warmup
