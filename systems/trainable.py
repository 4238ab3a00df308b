"""What the training engine must know of a system: how to build its network, and its loss.

A system that can be trained registers a `Task` under its own name, in its own module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..core.progress import ProgressFactory
from ..core.registry import Registry
from ..core.validation import StrictModel
from .protocol import QueryBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainBatch:
    """Queries with their answers.

    Attributes:
        target: [B, T], zeros where the target is absent and past the lengths.
        present: [B] bool, whether the mixture holds the target.
        active_classes: labels of the sounds of each mixture, target or not.
        target_labels: labels of the sounds of each target.
        interferers: [S_b, T_b] of each mixture, where they are; only for a task with
            `needs_sources = True`, else empty.
    """

    queries: QueryBatch
    target: Tensor
    present: Tensor
    active_classes: tuple[tuple[str, ...], ...] = ()
    target_labels: tuple[tuple[str, ...], ...] = ()
    interferers: tuple[Tensor, ...] = ()

    def to(self, device: torch.device, non_blocking: bool = False) -> TrainBatch:
        """The same on another device, as Lightning asks for it."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=non_blocking)

        clues = tuple(
            replace(clue, enrollments=tuple(moved(signal) for signal in clue.enrollments))
            for clue in self.queries.clues
        )
        queries = replace(
            self.queries,
            mixture=moved(self.queries.mixture),
            lengths=moved(self.queries.lengths),
            clues=clues,
        )
        return replace(
            self,
            queries=queries,
            target=moved(self.target),
            present=moved(self.present),
            interferers=tuple(moved(signals) for signals in self.interferers),
        )


class ExtractionLoss(Protocol):
    """A loss of estimates, one value for each item."""

    def __call__(self, *, estimate: Tensor, reference: Tensor, mixture: Tensor, present: Tensor) -> Tensor:
        """Signals [B, T] and `present` [B] to losses [B]."""
        ...


class Task(Protocol):
    """One kind of network, as the engine sees it.

    A class attribute `needs_sources = True` asks for the interferers of each mixture besides.
    """

    net_config: type[StrictModel]

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights, drawn from torch's global generator."""
        ...

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]; `criterion` is the configured loss of estimates."""
        ...


FirstItems = Callable[[int], Iterable[TrainBatch]]
"""Batches of the first n items of training, the same at each call."""


@runtime_checkable
class PreparingTask(Task, Protocol):
    """A task that fits a part of the network to the training data before the first step."""

    def prepare(
        self, net: nn.Module, first_items: FirstItems, *, seed: int, progress: ProgressFactory
    ) -> str:
        """Fit that part, the same for the same data and seed.

        Args:
            net: with fresh weights, on the CPU; is changed.
            first_items: the training data; asked as often as they are gone through.
            seed: of what is drawn.
            progress: of the work.

        Returns:
            What was fitted to what, for the checkpoint's card; "" if this network has no such part.
        """
        ...


TASKS: Registry[Task] = Registry("trainable system", package="tsebench.systems", group="tsebench.tasks")
