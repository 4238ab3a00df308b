"""Reentry: synchrony of speech and lips, and a voice that enters again (Pan, Tao, Xu and Li, TASLP 2022)."""

from __future__ import annotations

from .nets.audio_visual.reentry import ReentryConfig, ReentryNet
from .registry import register_system
from .shared.audio_visual import AvSystem, AvTask
from .trainable import TASKS

NAME = "reentry"


class ReentryTask(AvTask[ReentryConfig, ReentryNet]):
    """Losses of the estimates and of the speakers."""

    net_config = ReentryConfig
    net_class = ReentryNet

    def speaker_weight(self, net: ReentryNet) -> float:
        """Weight of the losses of the speakers."""
        return net.config.speaker_loss


@register_system(NAME)
class Reentry(AvSystem):
    """Reentry (Pan et al., 2022): synchrony of speech and lips, and the voice extracted so far."""

    name = NAME
    description = "Synchrony of speech and lips, and the voice extracted so far (Pan et al., 2022)"
    task = ReentryTask()


TASKS.register(NAME)(Reentry.task)
