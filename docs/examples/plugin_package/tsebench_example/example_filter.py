"""A trainable system: a network, the task that trains it, and the system that uses its checkpoints."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from tsebench.core.validation import StrictModel
from tsebench.systems.registry import register_system
from tsebench.systems.shared.enrolled import EnrolledSystem, enrollments_of
from tsebench.systems.trainable import TASKS, ExtractionLoss, TrainBatch


class ExampleFilterConfig(StrictModel):
    """Hyper-parameters: number of filter taps, odd."""

    taps: int = Field(default=33, gt=0)


class ExampleFilterNet(nn.Module):
    """One linear filter, scaled by a gain that depends on the power of the enrollment."""

    def __init__(self, config: ExampleFilterConfig) -> None:
        super().__init__()
        self.filter = nn.Conv1d(1, 1, config.taps, padding="same", bias=False)
        self.gain = nn.Linear(1, 1)

    def forward(self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor) -> Tensor:
        """Mixtures [B, T] and enrollments [B, T'], zero beyond their lengths [B], to estimates [B, T]."""
        del lengths  # zeros beyond the end do not change a linear filter's output before it
        power = enrollment.square().sum(dim=1) / enrollment_lengths.clamp(min=1)
        gain = self.gain(power[:, None]).exp()
        filtered: Tensor = self.filter(mixture[:, None])[:, 0]
        return gain * filtered


class ExampleFilterTask:
    """Training of the example network."""

    net_config = ExampleFilterConfig

    def build(self, net: ExampleFilterConfig, *, classes: tuple[str, ...]) -> ExampleFilterNet:
        """A network with random weights; it has no sound classes."""
        del classes
        return ExampleFilterNet(net)

    def loss(self, net: ExampleFilterNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates."""
        mixture = batch.queries.mixture[:, 0]
        estimate = net(mixture, batch.queries.lengths, *enrollments_of(batch))
        return criterion(estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present)


@register_system("example_filter")
class ExampleFilter(EnrolledSystem):
    """A linear filter with a gain by the enrollment; see `EnrolledSystem` for the options."""

    name = "example_filter"
    description = "a linear filter with a gain by the enrollment"
    task = ExampleFilterTask()


TASKS.register("example_filter")(ExampleFilter.task)
