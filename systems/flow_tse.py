"""Flow matching of target speech in one or few steps (after FlowAVSE, 2024, and AD-FlowTSE, 2025)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..datasets.types import Truth
from .nets.flow_tse import FlowTseConfig, FlowTseNet
from .nets.speech_generator.given import LevelledSignals, SpeechConditions
from .registry import register_system
from .shared.background_flow import background_loss, begin_at, predicted_ratio
from .shared.generated_speech import Beginning, GeneratedSpeechSystem, GeneratedSpeechTask
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME = "flow_tse"


class FlowTseTask(GeneratedSpeechTask[FlowTseConfig, FlowTseNet]):
    """Conditional flow matching along straight paths."""

    net_config = FlowTseConfig
    net_class = FlowTseNet

    def loss(self, net: FlowTseNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]: squared errors of the predictions, and of the mixing ratio on paths from the background."""
        return super().loss(net, batch, criterion) if net.draws_noise else background_loss(net, batch)


@register_system(NAME)
class FlowTse(GeneratedSpeechSystem):
    """Flow matching from the mixture, an estimate, the background or noise to the target, in few steps."""

    name = architecture = NAME
    description = "flow matching from the mixture or an estimate to the target, in few steps"
    task = FlowTseTask()

    def _begin(self, signals: LevelledSignals, given: SpeechConditions, truths: Sequence[Truth] | None) -> Beginning:
        net: FlowTseNet = self._net
        if net.draws_noise:
            return super()._begin(signals, given, truths)
        return begin_at(predicted_ratio(net, signals), signals=signals, given=given)


TASKS.register(NAME)(FlowTse.task)
