"""Checkpoints as the public SpeakerBeam repository writes them, with random weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

N, L, STRIDE, B, H, P, X, R = 12, 16, 8, 6, 10, 3, 2, 3
State = dict[str, Tensor]


def arguments(**changes: object) -> dict[str, object]:
    """Result of `get_model_args()` of the public class."""
    return {
        "fb_name": "FreeFB", "n_filters": N, "kernel_size": L, "stride": STRIDE,
        "sample_rate": 8000, "in_chan": N, "out_chan": N, "bn_chan": B, "hid_chan": H,
        "skip_chan": B, "conv_kernel_size": P, "n_blocks": X, "n_repeats": R, "n_src": 1,
        "norm_type": "gLN", "mask_act": "relu", "causal": False, "i_adapt_layer": X - 1,
        "adapt_layer_type": "mul", "adapt_enroll_dim": B, "encoder_activation": None, **changes,
    }  # fmt: skip


def shapes(args: dict[str, object]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of its weights."""
    skip, dim = args["skip_chan"], args["adapt_enroll_dim"]
    paths = 2 if skip else 1
    found: dict[str, tuple[int, ...]] = {
        f"{bank}.filterbank._filters": (N, 1, L) for bank in ("encoder", "decoder", "auxiliary.1")
    }
    for part, repeats, out in (("masker", R, N), ("auxiliary.2", 1, paths * dim)):
        found |= {f"{part}.bottleneck.0.{leaf}": (N,) for leaf in ("gamma", "beta")}
        found |= {f"{part}.bottleneck.1.weight": (B, N, 1), f"{part}.bottleneck.1.bias": (B,)}
        for index in range(repeats * X):
            block = f"{part}.TCN.{index}"
            shared = f"{block}.shared_block"
            found |= {f"{shared}.0.weight": (H, B, 1), f"{shared}.0.bias": (H,)}
            found |= {f"{shared}.{place}.weight": (1,) for place in (1, 4)}
            found |= {f"{shared}.{p}.{leaf}": (H,) for p in (2, 5) for leaf in ("gamma", "beta")}
            found |= {f"{shared}.3.weight": (H, 1, P), f"{shared}.3.bias": (H,)}
            found |= {f"{block}.res_conv.weight": (B, H, 1), f"{block}.res_conv.bias": (B,)}
            if skip:
                found |= {f"{block}.skip_conv.weight": (skip, H, 1)}
                found |= {f"{block}.skip_conv.bias": (skip,)}
        found |= {f"{part}.mask_net.0.weight": (1,)}
        found |= {f"{part}.mask_net.1.weight": (out, skip or B, 1)}
        found |= {f"{part}.mask_net.1.bias": (out,)}
    if args["adapt_layer_type"] == "concat":
        for path in range(paths):
            layer = f"masker.adapt_layer.transform.{path}"
            found |= {f"{layer}.weight": (B, B + dim), f"{layer}.bias": (B,)}
    return found


def weights(args: dict[str, object]) -> State:
    generator = torch.Generator().manual_seed(3)
    return {
        name: 0.3 * torch.randn(shape, generator=generator) + (0.2 if len(shape) == 1 else 0.0)
        for name, shape in shapes(args).items()
    }


def saved(folder: Path, state: State | None = None, **changes: object) -> str:
    args = arguments(**changes)
    content = {
        "model_name": "TimeDomainSpeakerBeam",
        "model_args": args,
        "state_dict": state or weights(args),
        "infos": {"software_versions": {"torch_version": torch.__version__}},
    }
    torch.save(content, folder / "model.pth")
    return str(folder / "model.pth")
