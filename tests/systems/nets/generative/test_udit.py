"""UDiT equals a second implementation in NumPy, and has the names of the public weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.soloaudio_files import CLUE, network
from numpy.typing import NDArray

from tsebench.core.errors import ConfigError
from tsebench.core.validation import parse
from tsebench.systems.nets.generative.udit import Udit, UditConfig

Array = NDArray[np.float64]


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


def normal(x: Array, weight: Array | float = 1.0, bias: Array | float = 0.0, eps: float = 1e-6) -> Array:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * weight + bias


class Reference:
    """The network by its weights: DiT with rotary attention and long skips, one item at a time."""

    def __init__(self, net: Udit) -> None:
        self.state = {name: value.double().numpy() for name, value in net.state_dict().items()}
        self.heads, self.half = net.config.heads, net.config.depth // 2

    def linear(self, name: str, x: Array) -> Array:
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def turned(self, x: Array) -> Array:
        """Pairs (i, i + D/2) as complex numbers, times e^(i·place·frequency)."""
        half = x.shape[-1] // 2
        pairs = x[:, :half] + 1j * x[:, half:]
        frequencies = 10_000.0 ** (-np.arange(half) / half)
        turned = pairs * np.exp(1j * np.arange(len(x))[:, None] * frequencies)
        return np.concatenate([turned.real, turned.imag], axis=1)

    def normed(self, name: str, x: Array) -> Array:
        return normal(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], 1e-5)

    def attention(self, name: str, x: Array) -> Array:
        size = x.shape[1] // self.heads
        queries, keys, values = (self.linear(f"{name}.to_{part}", x) for part in "qkv")
        out = np.empty_like(x)
        for head in range(self.heads):
            part = slice(head * size, (head + 1) * size)
            q, k = (self.turned(self.normed(f"{name}.norm_{n}", y[:, part])) for n, y in (("q", queries), ("k", keys)))
            scores = np.exp(q @ k.T / np.sqrt(size))
            out[:, part] = scores / scores.sum(1, keepdims=True) @ values[:, part]
        return self.linear(f"{name}.proj", out)

    def block(self, name: str, x: Array, c: Array, skip: Array | None = None) -> Array:
        if skip is not None:
            x = self.linear(f"{name}.skip_linear", normal(np.concatenate([x, skip], axis=1)))
        b1, s1, g1, b2, s2, g2 = np.split(self.linear(f"{name}.adaLN_modulation.1", silu(c)), 6)
        x = x + g1 * self.attention(f"{name}.attn", normal(x) * (1 + s1) + b1)
        inner = self.linear(f"{name}.mlp.fc1", normal(x) * (1 + s2) + b2)
        gelu = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        return x + g2 * self.linear(f"{name}.mlp.fc2", gelu)

    def __call__(self, state: Array, step: float, mixture: Array, clue: Array) -> Array:
        angles = step * 10_000.0 ** (-np.arange(128) / 128)
        waves = np.concatenate([np.cos(angles), np.sin(angles)])
        c = self.linear("t_embedder.mlp.2", silu(self.linear("t_embedder.mlp.0", waves)))
        c = c + self.linear("timbre_proj", clue)
        x = self.linear("input_proj", np.concatenate([state, mixture]).T)
        skips = []
        for index in range(self.half):
            x = self.block(f"in_blocks.{index}", x, c)
            skips.append(x)
        x = self.block("mid_block", x, c)
        for index in range(self.half):
            x = self.block(f"out_blocks.{index}", x, c, skips.pop())
        shift, scale = np.split(self.linear("final_layer.adaLN_modulation.1", silu(c)), 2)
        return self.linear("final_layer.linear", normal(x) * (1 + scale) + shift).T


@torch.no_grad()
def test_equals_a_second_implementation() -> None:
    net = network(5)
    state, mixture = torch.randn(2, 5, 7), torch.randn(2, 5, 7)
    step, clue = torch.tensor([999.0, 19.0]), torch.randn(2, CLUE)
    found = net(state, step, mixture, clue)
    reference = Reference(net)
    for row in range(2):
        given = (state[row], float(step[row]), mixture[row], clue[row])
        expected = reference(*(x.double().numpy() if isinstance(x, torch.Tensor) else x for x in given))
        torch.testing.assert_close(found[row].double(), torch.from_numpy(expected), rtol=1e-4, atol=1e-4)


def test_names_and_size_of_the_public_network() -> None:
    """12 blocks of 768 channels and one in the middle (config/SoloAudio.yaml of its repository)."""
    with torch.device("meta"):
        net = Udit(UditConfig())
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    assert shapes["input_proj.weight"] == (768, 256)
    assert shapes["timbre_proj.weight"] == (768, 512)
    assert shapes["in_blocks.5.attn.norm_q.weight"] == (64,)
    assert shapes["in_blocks.0.attn.rotary.inv_freq"] == (32,)
    assert shapes["mid_block.mlp.fc1.weight"] == (3072, 768)
    assert shapes["out_blocks.5.skip_linear.weight"] == (768, 1536)
    assert shapes["out_blocks.0.adaLN_modulation.1.weight"] == (4608, 768)
    assert shapes["final_layer.linear.bias"] == (128,)
    assert "in_blocks.0.skip_linear.weight" not in shapes
    block = 4 * (768 * 768 + 768) + 4 * 64 + 2 * 768 * 3072 + 3072 + 768 + 4608 * 768 + 4608
    rest = 256 * 768 + 768 + 256 * 768 + 768 + 768 * 768 + 768 + 512 * 768 + 768 + 768 * 1536 + 1536 + 768 * 128 + 128
    assert sum(p.numel() for p in net.parameters()) == 13 * block + 6 * (1536 * 768 + 768) + rest


def test_heads_must_divide_the_channels() -> None:
    with pytest.raises(ConfigError, match="hidden 20 is no multiple of twice the heads, 16"):
        parse(UditConfig, {"hidden": 20, "heads": 8}, where="net")
