"""TD-SpeakerBeam: target speech extraction in the time domain (Delcroix et al., ICASSP 2020)."""

from __future__ import annotations

from .nets.td_speakerbeam import TdSpeakerBeamConfig, TdSpeakerBeamNet
from .registry import register_system
from .shared.enrolled import EnrolledSystem, EnrolledTask
from .trainable import TASKS

NAME = "td_speakerbeam"


class TdSpeakerBeamTask(EnrolledTask[TdSpeakerBeamConfig, TdSpeakerBeamNet]):
    """Loss of the estimates and of the speakers."""

    net_config = TdSpeakerBeamConfig
    net_class = TdSpeakerBeamNet


@register_system(NAME)
class TdSpeakerBeam(EnrolledSystem):
    """Time-domain SpeakerBeam (Delcroix et al., 2020): a Conv-TasNet conditioned on an enrollment."""

    name = NAME
    description = "Conv-TasNet adapted to an enrollment of the speaker (Delcroix et al., 2020)"
    task = TdSpeakerBeamTask()


TASKS.register(NAME)(TdSpeakerBeam.task)
