"""Models of the public DPM-TSE repository, haidog-yaqub/DPMTSE, in our DPM-TSE.

Its files hold the weights of diffusers' `UNet2DModel` under "model"; the sizes are read from the weights, and the mel
spectra, the schedule and the 41 classes of FSDKaggle2018 are those of its code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..core.errors import CheckpointError, ConfigError
from ..core.validation import parse
from .checkpoints.checkpoint import Checkpoint, CheckpointCard
from .checkpoints.weights import load_strictly
from .dpm_tse import NAME as ARCHITECTURE
from .dpm_tse import PAPER_STEPS, DpmTse, Waveform
from .nets.dpm_tse import DpmTseConfig, DpmTseNet
from .registry import register_system
from .shared.fsdkaggle2018 import CLASSES
from .shared.public_weights import read_public_weights

NAME = "dpm_tse_repo"

_WANTED = "give base_v_1000.pt or another file of its v-prediction, with the weights of its U-Net under 'model'"
_HEAD_DIM = 32  # attention_head_dim of its configs
# Names of attention layers in files by diffusers before 0.12.
_OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


@register_system(NAME)
class DpmTseRepo(DpmTse):
    """Sound extraction by class with a model of the public DPM-TSE repository, at 16 kHz.

    Classes are the 41 of FSDKaggle2018. A query of several is answered class by class, and the magnitudes are added.

    Args:
        model: base_v_1000.pt, or another file of its v-prediction with zero terminal SNR.
        steps: steps of DDIM.
        eta: share of fresh noise of DDIM.
        waveform: "mask", "griffin_lim" or "vocoder", as for dpm_tse.
        vocoder: AudioLDM's HiFi-GAN at 16 kHz, for `waveform: vocoder`, as in the public code.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or of another network.
        ConfigError: one of `waveform: vocoder` and `vocoder` without the other.
    """

    name = NAME

    def __init__(
        self,
        *,
        model: str,
        steps: Annotated[int, Field(ge=1, le=1000)] = PAPER_STEPS,
        eta: Annotated[float, Field(ge=0, le=1)] = 1.0,
        waveform: Waveform = "mask",
        vocoder: str | None = None,
        device: str = "cpu",
    ) -> None:
        opened = read_dpm_tse(Path(model).expanduser())
        self._set_up(opened, reference=model, steps=steps, eta=eta, waveform=waveform, vocoder=vocoder, device=device)


def read_dpm_tse(path: Path) -> Checkpoint:
    """A public file as a checkpoint of our DPM-TSE.

    Raises:
        CheckpointError: it is missing, damaged, unsafe, not finite, or of another network.
    """
    where = f"model file {str(path)!r}"
    weights, sha256 = read_public_weights(
        path, known_by="unet.conv_in.weight", of="DPM-TSE", where=where, wanted=_WANTED
    )
    state = {f"net.{_new_name(name)}": tensor for name, tensor in weights.items()}
    config, classes = _config(state, where=where), CLASSES
    with torch.device("meta"):
        net = DpmTseNet(config, classes=classes)
    load_strictly(net, state, where=where, of="of the U-Net in the sizes of its own weights")
    card = CheckpointCard(
        architecture=ARCHITECTURE,
        net=config.model_dump(mode="json"),
        classes=classes,
        sample_rate_hz=config.sample_rate_hz,
        sha256=sha256,
        licence="as the model's makers say",
    )
    return Checkpoint(card=card, state=net.state_dict(), path=path)


def _new_name(name: str) -> str:
    """A name of a weight as newer versions of diffusers have it."""
    *stem, layer, leaf = name.split(".")
    layer = _OLD_NAMES.get(layer, layer) if "attentions" in stem else layer
    return ".".join((*stem, layer, leaf))


def _config(state: Mapping[str, Tensor], *, where: str) -> DpmTseConfig:
    """Sizes by the shapes of the weights; all else is the public code's and the default of ours."""
    levels = _count(state, r"net\.unet\.down_blocks\.(\d+)\.")
    widths = [_size(state, f"net.unet.down_blocks.{level}.resnets.0.conv1.weight", where) for level in range(levels)]
    attended = {level for level in range(levels) if f"net.unet.down_blocks.{level}.attentions.0.to_q.weight" in state}
    classes = _size(state, "net.unet.class_embedding.weight", where)
    doubled = [min(widths[0] << level, max(widths)) for level in range(levels)] if widths else []
    lowest = set(range(levels - len(attended), levels))
    if not widths or widths != doubled or attended != lowest or classes != len(CLASSES):
        raise CheckpointError(
            f"{where} has levels of {widths} channels, attention at {sorted(attended)} and {classes} classes; models "
            f"of DPM-TSE double their channels up to a limit, attend at the lowest levels and have {len(CLASSES)} "
            "classes"
        )
    content = {
        "channels": widths[0],
        "channels_most": max(widths),
        "levels": levels,
        "attention_levels": len(attended),
        "blocks": _count(state, r"net\.unet\.down_blocks\.0\.resnets\.(\d+)\."),
        "head_dim": _HEAD_DIM,
    }
    try:
        return parse(DpmTseConfig, content, where=where)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    """Number of different indices in the names."""
    return len({match[1] for name in state if (match := re.match(pattern, name))})


def _size(state: Mapping[str, Tensor], name: str, where: str) -> int:
    """First size of a weight."""
    if name not in state or not state[name].dim():
        raise CheckpointError(f"{where} has no weight {name.removeprefix('net.')!r} of DPM-TSE; {_WANTED}")
    return int(state[name].shape[0])
