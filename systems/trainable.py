"""Interface between the training engine and a system that can be trained: batch, loss and task.

A trainable system registers a `Task` under its own name, in its own module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from ..core.entry_checks import face_problem
from ..core.progress import ProgressFactory
from ..core.registry import Registry
from ..core.validation import StrictModel
from .checkpoints.checkpoint import Checkpoint, Initial
from .protocol import QueryBatch

Config = TypeVar("Config", bound=StrictModel)
Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainBatch:
    """Queries with their truth.

    Attributes:
        transcripts: words of each target; None where they are not known, as of a target that was cut.
        interferers: [S_b, T_b] of each mixture; only for a task with `needs_sources = True`, else empty.
        parts: [T_b] of each source of each target by its id, see `Truth`; only for such a task, too.
    """

    queries: QueryBatch
    target: Tensor  # [B, T], zeros where the target is absent and past the lengths
    present: Tensor  # [B] bool, whether the mixture holds the target
    active_classes: tuple[tuple[str, ...], ...] = ()  # labels of the sounds of each mixture, target or not
    target_labels: tuple[tuple[str, ...], ...] = ()  # labels of the sounds of each target
    transcripts: tuple[str | None, ...] = ()
    interferers: tuple[Tensor, ...] = ()
    parts: tuple[Mapping[str, Tensor], ...] = ()

    @property
    def mixture(self) -> Tensor:
        """First channel [B, T] of the mixtures."""
        return self.queries.mixture[:, 0]

    def to(self, device: torch.device, non_blocking: bool = False) -> TrainBatch:
        """Copy to a device; Lightning calls this."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=non_blocking)

        queries = replace(
            self.queries,
            mixture=moved(self.queries.mixture),
            lengths=moved(self.queries.lengths),
            clues=tuple(
                replace(
                    clue,
                    enrollments=tuple(moved(signal) for signal in clue.enrollments),
                    video=None if clue.video is None else moved(clue.video),
                )
                for clue in self.queries.clues
            ),
        )
        return replace(
            self,
            queries=queries,
            target=moved(self.target),
            present=moved(self.present),
            interferers=tuple(moved(signals) for signals in self.interferers),
            parts=tuple({name: moved(signal) for name, signal in parts.items()} for parts in self.parts),
        )


class ExtractionLoss(Protocol):
    """Loss of estimates, one value for each item."""

    def __call__(self, *, estimate: Tensor, reference: Tensor, mixture: Tensor, present: Tensor) -> Tensor:
        """Signals [B, T] and `present` [B] to losses [B]."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LossFacts:
    """Name and unit of a loss, for messages, logs and the card.

    Attributes:
        unit: "dB", or "" for a plain number.
        of_estimates: whether the loss of estimates that a config names (`loss`) is a part of it.
    """

    name: str
    unit: str = ""
    of_estimates: bool = False

    def text(self, value: float, *, unit: bool = True) -> str:
        """A value as text, with its unit."""
        number = f"{value:.2f}" if self.unit == "dB" else f"{value:.4g}"
        return f"{number} {self.unit}" if unit and self.unit else number


class Task(Protocol[Config, Net]):
    """Config, network and loss of one architecture.

    `needs_sources = True` requests batches with interferers. A task with a loss of its own gives its name and unit in
    `own_loss: LossFacts`. A loss may draw random numbers from torch's global generators, which are seeded for each step
    of training, and for each batch of validation in the same way in every epoch.
    """

    net_config: type[Config]

    def build(self, config: Config, *, classes: tuple[str, ...]) -> Net:
        """Network with fresh weights from torch's global generator."""
        ...

    def loss(self, net: Net, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]; `criterion` is the configured loss of estimates."""
        ...


AnyTask = Task[Any, Any]
"""Task of a registry, whose config and network types are not known statically."""

FirstItems = Callable[[int], Iterable[TrainBatch]]
"""Batches of the first n items of training, the same at each call."""


@runtime_checkable
class PreparingTask(Task[Config, Net], Protocol[Config, Net]):
    """Task that fits a part of the network to the training data before the first step."""

    def prepare(self, net: Net, first_items: FirstItems, *, seed: int, progress: ProgressFactory) -> str:
        """Fit that part; the result depends on data and seed alone.

        Args:
            net: network with fresh weights on the CPU; changed in place.
            first_items: training data; may be iterated several times.

        Returns:
            Line for the checkpoint's card on what was fitted to which data; "" without such a part.
        """
        ...


@runtime_checkable
class InitialTask(Task[Config, Net], Protocol[Config, Net]):
    """Task of a network that may improve the estimates of a frozen one, whose weights stay in a checkpoint."""

    def attach(self, net: Net, *, sample_rate_hz: int) -> tuple[Initial, Checkpoint] | None:
        """Give a network its frozen one, outside of its weights.

        Returns:
            The record for the card and the opened checkpoint; None if the network has no frozen one.

        Raises:
            CheckpointError: the checkpoint cannot be opened.
            ConfigError: it does not fit the data.
        """
        ...


def _problem(_: str, task: AnyTask) -> str:
    """Why an object cannot be a task."""
    if isinstance(task, type):
        return f"{task.__qualname__} is a class; register an object of it, {task.__qualname__}()"
    return face_problem(task, Task)


TASKS: Registry[AnyTask] = Registry(
    "trainable system", package="tsebench.systems", group="tsebench.tasks", check=_problem
)
