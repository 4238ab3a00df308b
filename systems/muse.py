"""MuSE: lips, and the voice that they single out (Pan, Tao, Xu and Li, ICASSP 2021)."""

from __future__ import annotations

from .nets.audio_visual.muse import MuseConfig, MuseNet
from .registry import register_system
from .shared.audio_visual import AvSystem, AvTask
from .trainable import TASKS

NAME = "muse"


class MuseTask(AvTask[MuseConfig, MuseNet]):
    """Losses of the estimates and of the speakers."""

    net_config = MuseConfig
    net_class = MuseNet

    def speaker_weight(self, net: MuseNet) -> float:
        """Weight of the losses of the speakers."""
        return net.config.speaker_loss


@register_system(NAME)
class Muse(AvSystem):
    """MuSE (Pan et al., 2021): lips, and the voice that they single out in the mixture."""

    name = NAME
    description = "Lips, and the voice that they single out in the mixture (Pan et al., 2021)"
    task = MuseTask()


TASKS.register(NAME)(Muse.task)
