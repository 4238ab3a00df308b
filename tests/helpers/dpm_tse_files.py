"""Files as the public DPM-TSE repository writes them, with random weights in small sizes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from tsebench.systems.nets.dpm_tse import DpmTseConfig, DpmTseNet
from tsebench.systems.shared.fsdkaggle2018 import CLASSES

SIZES = {"channels": 32, "channels_most": 64, "levels": 4, "attention_levels": 1, "blocks": 1}


def network() -> DpmTseNet:
    torch.manual_seed(6)
    return DpmTseNet(DpmTseConfig(**SIZES), classes=CLASSES).eval()


def public_state(*, old: bool = False) -> dict[str, Tensor]:
    """Weights under the public names; `old` as diffusers before 0.12 named those of attention."""
    state = {name.removeprefix("net."): value for name, value in network().state_dict().items()}
    if old:
        for new, name in (
            (".to_q.", ".query."),
            (".to_k.", ".key."),
            (".to_v.", ".value."),
            (".to_out.0.", ".proj_attn."),
        ):
            state = {key.replace(new, name): value for key, value in state.items()}
    return state


def saved(folder: Path, *, state: dict[str, Tensor] | None = None) -> str:
    torch.save({"model": state or public_state(), "epoch": 99}, folder / "base_v_1000.pt")
    return str(folder / "base_v_1000.pt")
