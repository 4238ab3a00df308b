"""Distillation: the loss on the estimates of a trained network, the teacher, is added to that on the targets."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.provenance import resolve_device
from ..checkpoints.checkpoint import CheckpointCard, read_checkpoint_card
from ..protocol import System
from ..registry import load_system
from ..trainable import ExtractionLoss, TrainBatch
from .config import TeacherConfig


class Teacher:
    """A frozen network whose estimates a student learns, too.

    Source: Wakayama et al., "Online target sound extraction with knowledge distillation from partially non-causal
        teacher", ICASSP 2024. The weight of its loss and the blocks that look ahead there are not known here.

    Raises:
        CheckpointError: its checkpoint cannot be opened.
        ConfigError: it works at another sample rate than the training data, or draws its answers at random.
    """

    def __init__(self, config: TeacherConfig, *, sample_rate_hz: int, device: str) -> None:
        self.config = config
        self.card: CheckpointCard = read_checkpoint_card(config.checkpoint)
        where = f"teacher.checkpoint {config.checkpoint!r}"
        if self.card.sample_rate_hz != sample_rate_hz:
            raise ConfigError(
                f"{where} works at {self.card.sample_rate_hz} Hz, and the training data are at {sample_rate_hz} Hz; "
                "choose a teacher of that rate"
            )
        name = self.card.architecture
        system = load_system(name, checkpoint=config.checkpoint, device=resolve_device(device))
        if not isinstance(system, System) or system.card.stochastic:
            raise ConfigError(f"{where} is of system {name!r}, which gives no one estimate to a query; choose another")
        self._system = system

    def criterion(self, batch: TrainBatch, criterion: ExtractionLoss) -> DistillationLoss:
        """The loss of a batch, with that on the teacher's estimates added."""
        return DistillationLoss(criterion, target=batch.target, taught=self.estimates(batch), weight=self.config.weight)

    def estimates(self, batch: TrainBatch) -> Tensor:
        """Estimates [B, T] of a batch; a ConfigError if the teacher cannot answer one of its queries."""
        with torch.inference_mode(), torch.autocast(batch.mixture.device.type, enabled=False):
            extraction = self._system.extract(batch.queries)
        for query_id, reason in extraction.failures.items():
            raise ConfigError(
                f"teacher.checkpoint {self.config.checkpoint!r} cannot answer trial {query_id!r} of the training data: "
                f"{reason}"
            )
        if not isinstance(extraction.estimate, Tensor):
            raise ConfigError(f"teacher.checkpoint {self.config.checkpoint!r} gives no batch of estimates")
        # A copy outside of the inference mode, which a gradient may use.
        return extraction.estimate.clone().to(batch.mixture.device)


class DistillationLoss:
    """Loss of estimates and targets, plus `weight` times the loss of the same estimates and those of a teacher.

    Args:
        target: [B, T] of the batch, as the task gives it as the reference, once or several times.
        taught: [B, T], estimates of the teacher.
    """

    def __init__(self, criterion: ExtractionLoss, *, target: Tensor, taught: Tensor, weight: float) -> None:
        self._criterion, self._weight = criterion, weight
        self._target, self._taught = target, taught

    def __call__(self, *, estimate: Tensor, reference: Tensor, mixture: Tensor, present: Tensor) -> Tensor:
        """Signals [n·B, T] and `present` [n·B] to losses [n·B].

        Raises:
            ConfigError: the references are not the targets of the batch, as in a blind separation.
        """
        copies, left = divmod(len(reference), len(self._target))
        if left or not torch.equal(reference, self._target.repeat(copies, 1)):
            raise ConfigError(
                "teacher: this system's loss is not one of an estimate and its target, so that a teacher's estimate "
                "cannot take the place of the target; leave `teacher` out"
            )
        losses = self._criterion(estimate=estimate, reference=reference, mixture=mixture, present=present)
        taught = self._criterion(
            estimate=estimate, reference=self._taught.repeat(copies, 1), mixture=mixture, present=present
        )
        return losses + self._weight * taught
