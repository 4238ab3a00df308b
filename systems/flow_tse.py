"""Flow matching of target speech in one or few steps (after FlowAVSE, 2024, and AD-FlowTSE, 2025)."""

from __future__ import annotations

from .nets.flow_tse import FlowTseConfig, FlowTseNet
from .registry import register_system
from .shared.generated_speech import GeneratedSpeechSystem, GeneratedSpeechTask
from .trainable import TASKS

NAME = "flow_tse"


class FlowTseTask(GeneratedSpeechTask[FlowTseConfig, FlowTseNet]):
    """Conditional flow matching along straight paths."""

    net_config = FlowTseConfig
    net_class = FlowTseNet


@register_system(NAME)
class FlowTse(GeneratedSpeechSystem):
    """Flow matching from the mixture, an estimate or noise to the target, in few steps."""

    name = NAME
    description = "flow matching from the mixture or an estimate to the target, in few steps"
    task = FlowTseTask()


TASKS.register(NAME)(FlowTse.task)
