"""Checkpoints as the public Waveformer writes them, with random weights, and a second implementation of its network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

PARAMS = {
    "label_len": 41, "L": 8, "enc_dim": 32, "num_enc_layers": 3, "dec_dim": 16, "num_dec_layers": 2,
    "dec_buf_len": 5, "dec_chunk_size": 4, "out_buf_len": 2,
}  # fmt: skip
HEADS, POSITIONS, HIDDEN = 8, 200, 512
State = dict[str, Tensor]


def shapes(p: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of its class Net."""
    e, d, frame = p["enc_dim"], p["dec_dim"], p["L"]
    found: dict[str, tuple[int, ...]] = {"in_conv.0.weight": (e, 1, 3 * frame)}
    for index, (out, inner) in ((0, (HIDDEN, p["label_len"])), (3, (e, HIDDEN))):
        found |= {f"label_embedding.{index}.weight": (out, inner), f"label_embedding.{index}.bias": (out,)}
        found |= {f"label_embedding.{index + 1}.{leaf}": (out,) for leaf in ("weight", "bias")}
    for i in range(p["num_enc_layers"]):
        layers = f"mask_gen.encoder.dcc_layers.dcc_{i}.layers"
        found |= {f"{layers}.0.weight": (e, 1, 3), f"{layers}.3.weight": (e, e, 1)}
        found |= {f"{layers}.{index}.bias": (e,) for index in (0, 1, 3, 4)}
        found |= {f"{layers}.{index}.weight": (e,) for index in (1, 4)}
    for name, out, inner in (("e2d_e", d, e // d), ("e2d_l", d, e // d), ("d2e", e, 1)):
        found |= {f"mask_gen.proj_{name}.0.weight": (out, inner, 1), f"mask_gen.proj_{name}.0.bias": (out,)}
    found["mask_gen.decoder.pos_enc.pe"] = (1, POSITIONS, d)
    for i in range(p["num_dec_layers"]):
        layer = f"mask_gen.decoder.tf_dec_layers.{i}"
        for attention in ("self_attn", "multihead_attn"):
            found |= {f"{layer}.{attention}.in_proj_weight": (3 * d, d), f"{layer}.{attention}.in_proj_bias": (3 * d,)}
            found |= {f"{layer}.{attention}.out_proj.weight": (d, d), f"{layer}.{attention}.out_proj.bias": (d,)}
        found |= {f"{layer}.linear1.weight": (2 * d, d), f"{layer}.linear1.bias": (2 * d,)}
        found |= {f"{layer}.linear2.weight": (d, 2 * d), f"{layer}.linear2.bias": (d,)}
        found |= {f"{layer}.norm{n}.{leaf}": (d,) for n in (1, 2, 3) for leaf in ("weight", "bias")}
    found["out_conv.0.weight"] = (e, 1, (p["out_buf_len"] + 1) * frame)
    return found


def weights(p: dict[str, int]) -> State:
    """Random weights of these names, and the sines and cosines of positions."""
    generator = torch.Generator().manual_seed(5)
    state = {
        name: (1.0 if len(shape) == 1 and "weight" in name else 0.0) + 0.3 * torch.randn(shape, generator=generator)
        for name, shape in shapes(p).items()
    }
    d = p["dec_dim"]
    table = [
        [np.sin(k / 10_000 ** (j / d)) if j % 2 == 0 else np.cos(k / 10_000 ** ((j - 1) / d)) for j in range(d)]
        for k in range(POSITIONS)
    ]
    state["mask_gen.decoder.pos_enc.pe"] = torch.tensor(table, dtype=torch.float32)[None]
    return state


def saved(folder: Path, state: State | None = None, **changes: object) -> str:
    """Path of a checkpoint, with its config next to it."""
    params = {**PARAMS, **changes}
    content = {
        "epoch": 3,
        "model_state_dict": state or weights(PARAMS),
        "optim_state_dict": {"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": [{"lr": 5e-4, "params": [0]}]},
        "lr_sched_state_dict": {"best": np.float64(8.5), "mode": "max", "mode_worse": -float("inf")},
        "train_metrics": {"loss": [np.float64(-7.5)]},  # as np.mean gives them
        "val_metrics": {"scale_invariant_signal_noise_ratio": [np.float64(8.5)]},
    }
    torch.save(content, folder / "default_ckpt.pt")
    config = {"model": "src.training.dcc_tf", "model_params": params, "train_data": {"sr": 44100}}
    (folder / "default_config.json").write_text(json.dumps(config))
    return str(folder / "default_ckpt.pt")


def reference(state: State, p: dict[str, int], mixture: Tensor, query: Tensor) -> Tensor:
    """Estimate [T] of a mixture [T], T a multiple of L, for a query [V]: chunk by chunk, head by head."""
    frame, d, chunk, context = p["L"], p["dec_dim"], p["dec_chunk_size"], p["dec_buf_len"]
    frames = F.pad(mixture, (frame, frame)).unfold(0, 3 * frame, frame)
    encoded = (frames @ state["in_conv.0.weight"][:, 0].T).relu()
    label = query
    for i in (0, 3):
        label = norm(state, f"label_embedding.{i + 1}", linear(state, f"label_embedding.{i}", label)).relu()
    features = encoded
    for i in range(p["num_enc_layers"]):
        layers = f"mask_gen.encoder.dcc_layers.dcc_{i}.layers"
        before = F.pad(features, (0, 0, 2 * 2**i, 0))
        taps = [before[t * 2**i :][: len(features)] * state[f"{layers}.0.weight"][:, 0, t] for t in range(3)]
        hidden = norm(state, f"{layers}.1", sum(taps) + state[f"{layers}.0.bias"]).relu()
        features = features + norm(state, f"{layers}.4", linear(state, f"{layers}.3", hidden)).relu()
    labelled = label * features
    memory, target = grouped(state, "e2d_e", features, d), grouped(state, "e2d_l", labelled, d)
    missing = -len(target) % chunk
    memory, target = F.pad(memory, (0, 0, context, missing)), F.pad(target, (0, 0, context, missing))
    positions = state["mask_gen.decoder.pos_enc.pe"][0, : context + chunk]
    for i in range(p["num_dec_layers"]):
        layer = f"mask_gen.decoder.tf_dec_layers.{i}"
        answers = []
        for start in range(0, len(target) - context, chunk):
            window = target[start : start + context + chunk] + (positions if i == 0 else 0.0)
            keys = memory[start : start + context + chunk] + positions
            now = window[-chunk:]
            now = norm(state, f"{layer}.norm1", now + attention(state, f"{layer}.self_attn", now, window))
            now = norm(state, f"{layer}.norm2", now + attention(state, f"{layer}.multihead_attn", now, keys))
            fed = linear(state, f"{layer}.linear2", linear(state, f"{layer}.linear1", now).relu())
            answers.append(norm(state, f"{layer}.norm3", now + fed))
        target = F.pad(torch.cat(answers), (0, 0, context, 0))
    decoded = target[context : context + len(features)]
    back = state["mask_gen.proj_d2e.0.weight"][:, 0, 0] * decoded.repeat_interleave(p["enc_dim"] // d, dim=1)
    masked = encoded * (labelled + (back + state["mask_gen.proj_d2e.0.bias"]).relu())
    basis = state["out_conv.0.weight"][:, 0]
    output = torch.zeros(len(mixture) + basis.shape[1])
    for k, gains in enumerate(masked):
        output[k * frame : k * frame + basis.shape[1]] += gains @ basis
    return output[: len(mixture)].tanh()


def linear(state: State, name: str, features: Tensor) -> Tensor:
    return features @ state[f"{name}.weight"].reshape(len(state[f"{name}.bias"]), -1).T + state[f"{name}.bias"]


def norm(state: State, name: str, features: Tensor) -> Tensor:
    centred = features - features.mean(-1, keepdim=True)
    return (
        centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * state[f"{name}.weight"]
        + state[f"{name}.bias"]
    )


def grouped(state: State, name: str, features: Tensor, groups: int) -> Tensor:
    weight, bias = state[f"mask_gen.proj_{name}.0.weight"], state[f"mask_gen.proj_{name}.0.bias"]
    return F.conv1d(features.T[None], weight, bias, groups=groups)[0].T.relu()


def attention(state: State, name: str, frames: Tensor, keys: Tensor) -> Tensor:
    d = frames.shape[-1]
    weight, bias = state[f"{name}.in_proj_weight"], state[f"{name}.in_proj_bias"]
    q, k, v = (x @ w.T + b for x, w, b in zip((frames, keys, keys), weight.split(d), bias.split(d), strict=True))
    heads = []
    for part in range(HEADS):
        span = slice(part * d // HEADS, (part + 1) * d // HEADS)
        heads.append((q[:, span] @ k[:, span].T / (d / HEADS) ** 0.5).softmax(-1) @ v[:, span])
    return linear(state, f"{name}.out_proj", torch.cat(heads, dim=-1))
