"""On-screen and selected off-screen speech at once (Yoshinaga, Tanaka and Morishima, 2023)."""

from __future__ import annotations

from .nets.audio_visual.av_onoff import AvOnOffConfig, AvOnOffNet
from .registry import register_system
from .shared.audio_visual import AvSystem, AvTask
from .trainable import TASKS

NAME = "av_onoff"


class AvOnOffTask(AvTask[AvOnOffConfig, AvOnOffNet]):
    """Losses of the estimates and of the off-screen speaker's activity."""

    net_config = AvOnOffConfig
    net_class = AvOnOffNet

    uses_enrollment = True
    needs_sources = True

    def activity_weight(self, net: AvOnOffNet) -> float:
        """Weight λ of the losses of the activity."""
        return net.config.activity_loss


@register_system(NAME)
class AvOnOff(AvSystem):
    """Speech of the speaker in the picture plus that of an enrolled one who is not (Yoshinaga et al., 2023)."""

    name = NAME
    description = "On-screen speech by lips plus off-screen speech by an enrollment (Yoshinaga et al., 2023)"
    task = AvOnOffTask()
    clues = frozenset({"video", "enrollment"})


TASKS.register(NAME)(AvOnOff.task)
