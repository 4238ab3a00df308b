"""Files for the system audiosep: random weights in small sizes under the public names, and embeddings."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from tsebench.systems.nets.res_unet import ResUnet, ResUnetConfig

CLUE = 5
TEXTS = ("a dog barking", "rain", "the sound of a bell")
SIZES = ResUnetConfig(bins=64, widths=(2, 3, 3, 4, 4, 5, 4), clue=CLUE)


def network() -> ResUnet:
    torch.manual_seed(3)
    return ResUnet(SIZES).eval()


def public_state() -> dict[str, torch.Tensor]:
    """Weights as the Lightning module has them, with those of its text encoder and of the transforms."""
    others = {
        "query_encoder.model.text_projection.0.weight": torch.zeros(2, 2),
        "ss_model.base.stft.conv_real.weight": torch.zeros(65, 1, 128),
        "ss_model.base.istft.ola_window": torch.ones(128),
    }
    return {**{f"ss_model.{name}": weight for name, weight in network().state_dict().items()}, **others}


def embeddings(folder: Path) -> str:
    generator = torch.Generator().manual_seed(8)
    table = {text: torch.randn(CLUE, generator=generator).tolist() for text in TEXTS}
    (folder / "embeddings.json").write_text(json.dumps(table))
    return str(folder / "embeddings.json")


def files(folder: Path) -> dict[str, str]:
    """Options of the system."""
    content = {"state_dict": public_state(), "epoch": 1, "pytorch-lightning_version": "2.0.0", "optimizer_states": []}
    torch.save(content, folder / "audiosep.ckpt")
    return {"model": str(folder / "audiosep.ckpt"), "embeddings": embeddings(folder)}
