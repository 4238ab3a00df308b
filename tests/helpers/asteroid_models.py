"""Models of asteroid with random weights, saved as asteroid itself does."""

from __future__ import annotations

from pathlib import Path

import torch

from tsebench.systems.shared import asteroid_models

RATE_HZ = 8000
FILTERS = {"n_filters": 16, "kernel_size": 16, "stride": 8, "sample_rate": RATE_HZ}
MODELS = {
    "ConvTasNet": {
        "n_src": 2, "n_blocks": 2, "n_repeats": 2, "bn_chan": 8, "hid_chan": 12, "skip_chan": 8,
        **FILTERS,
    },
    "DPRNNTasNet": {
        "n_src": 3, "bn_chan": 8, "hid_size": 6, "chunk_size": 10, "n_repeats": 1, **FILTERS,
    },
    "DPTNet": {
        "n_src": 2, "n_heads": 2, "ff_hid": 8, "chunk_size": 10, "n_repeats": 1, **FILTERS,
    },
    "SuDORMRFNet": {
        "n_src": 2, "bn_chan": 8, "num_blocks": 2, "upsampling_depth": 2, **FILTERS,
    },
    "LSTMTasNet": {
        "n_src": 2, "rnn_type": "lstm", "n_layers": 2, "hid_size": 8, **FILTERS,
    },
}  # fmt: skip


def models() -> object:
    return asteroid_models._models()


def peer(name: str) -> torch.nn.Module:
    """Asteroid's own model with random weights."""
    torch.manual_seed(1)
    return getattr(models(), name)(**MODELS[name]).eval()


def saved(name: str, folder: Path) -> str:
    """File as asteroid itself writes it."""
    content = peer(name).serialize()
    content["infos"]["dataset"] = "Libri2Mix"
    torch.save(content, folder / "model.pth")
    return str(folder / "model.pth")
