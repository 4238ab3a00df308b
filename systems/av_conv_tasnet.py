"""AV-ConvTasNet: a Conv-TasNet that looks at lips (Wu et al., ASRU 2019)."""

from __future__ import annotations

from .nets.audio_visual.av_conv_tasnet import AvConvTasNetConfig, AvConvTasNetNet
from .registry import register_system
from .shared.audio_visual import AvSystem, AvTask
from .trainable import TASKS

NAME = "av_conv_tasnet"


class AvConvTasNetTask(AvTask[AvConvTasNetConfig, AvConvTasNetNet]):
    """Loss of the estimates."""

    net_config = AvConvTasNetConfig
    net_class = AvConvTasNetNet


@register_system(NAME)
class AvConvTasNet(AvSystem):
    """AV-ConvTasNet (Wu et al., 2019): a Conv-TasNet conditioned on a video of the lips."""

    name = NAME
    description = "Conv-TasNet conditioned on a video of the lips (Wu et al., 2019)"
    task = AvConvTasNetTask()


TASKS.register(NAME)(AvConvTasNet.task)
