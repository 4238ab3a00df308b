"""Diffusion model of target speech (Kamo et al., Interspeech 2023)."""

from __future__ import annotations

from .nets.diffusion_tse import DiffusionTseConfig, DiffusionTseNet
from .registry import register_system
from .shared.generated_speech import GeneratedSpeechSystem, GeneratedSpeechTask
from .trainable import TASKS

NAME = "diffusion_tse"


class DiffusionTseTask(GeneratedSpeechTask[DiffusionTseConfig, DiffusionTseNet]):
    """Denoising score matching along the OU-VE process."""

    net_config = DiffusionTseConfig
    net_class = DiffusionTseNet


@register_system(NAME)
class DiffusionTse(GeneratedSpeechSystem):
    """Conditional diffusion model of the complex spectrum (Kamo et al., 2023), from noise, mixture or an estimate."""

    name = architecture = NAME
    description = "conditional diffusion model of the complex spectrum (Kamo et al., 2023)"
    task = DiffusionTseTask()


TASKS.register(NAME)(DiffusionTse.task)
