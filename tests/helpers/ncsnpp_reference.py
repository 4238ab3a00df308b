"""NCSN++ a second time: NumPy in float64 on a table of weights, written from the paper's figures and layer by layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import upfirdn
from torch import Tensor

Array = NDArray[np.float64]
_TAPS = np.array([1.0, 3.0, 3.0, 1.0]) / 8.0


def silu(x: Array) -> Array:
    return x / (1.0 + np.exp(-x))


def filtered(x: Array, axis: int) -> Array:
    """Full convolution with the taps along an axis, without the three samples of its start and end."""
    full = upfirdn(_TAPS, x, axis=axis)
    return np.take(full, range(3, full.shape[axis] - 3), axis=axis)


def down(x: Array) -> Array:
    for axis in (2, 3):
        padded = np.pad(x, [(1, 1) if a == axis else (0, 0) for a in range(4)])
        full = filtered(padded, axis)
        x = np.take(full, range(0, full.shape[axis], 2), axis=axis)
    return x


def up(x: Array) -> Array:
    for axis in (2, 3):
        shape = list(x.shape)
        shape[axis] *= 2
        sparse = np.zeros(shape)
        index = [slice(None)] * 4
        index[axis] = slice(0, None, 2)
        sparse[tuple(index)] = 2.0 * x
        padded = np.pad(sparse, [(2, 1) if a == axis else (0, 0) for a in range(4)])
        x = filtered(padded, axis)
    return x


class Reference:
    """Output of the network whose weights have the names of the public code."""

    def __init__(self, state: dict[str, Tensor], *, widths: tuple[int, ...], blocks: int) -> None:
        self.state = {name: tensor.double().numpy() for name, tensor in state.items()}
        self.widths, self.blocks = widths, blocks
        self.at = 0

    def take(self) -> str:
        self.at += 1
        return f"all_modules.{self.at - 1}"

    def conv(self, name: str, x: Array) -> Array:
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        size = weight.shape[-1]
        edge = size // 2
        padded = np.pad(x, [(0, 0), (0, 0), (edge, edge), (edge, edge)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))
        return np.einsum("bchwij,ocij->bohw", windows, weight) + bias[None, :, None, None]

    def linear(self, name: str, x: Array) -> Array:
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def norm(self, name: str, x: Array) -> Array:
        batch, channels = x.shape[:2]
        groups = min(channels // 4, 32)
        split = x.reshape(batch, groups, -1)
        split = (split - split.mean(-1, keepdims=True)) / np.sqrt(split.var(-1, keepdims=True) + 1e-6)
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return split.reshape(x.shape) * weight[None, :, None, None] + bias[None, :, None, None]

    def residual(self, x: Array, embedding: Array, resample: str = "") -> Array:
        name = self.take()
        hidden = silu(self.norm(f"{name}.GroupNorm_0", x))
        if resample:
            change = {"up": up, "down": down}[resample]
            hidden, x = change(hidden), change(x)
        hidden = self.conv(f"{name}.Conv_0", hidden)
        hidden = hidden + self.linear(f"{name}.Dense_0", silu(embedding))[:, :, None, None]
        hidden = self.conv(f"{name}.Conv_1", silu(self.norm(f"{name}.GroupNorm_1", hidden)))
        if f"{name}.Conv_2.weight" in self.state:
            x = self.conv(f"{name}.Conv_2", x)
        return (x + hidden) / np.sqrt(2.0)

    def attention(self, x: Array) -> Array:
        name = self.take()
        hidden = self.norm(f"{name}.GroupNorm_0", x)

        def nin(part: str, y: Array) -> Array:
            return np.einsum("bchw,cd->bdhw", y, self.state[f"{part}.W"]) + self.state[f"{part}.b"][None, :, None, None]

        queries, keys, values = (nin(f"{name}.NIN_{index}", hidden) for index in range(3))
        scores = np.einsum("bchw,bcij->bhwij", queries, keys) / np.sqrt(x.shape[1])
        weights = np.exp(scores - scores.max(axis=(-2, -1), keepdims=True))
        weights /= weights.sum(axis=(-2, -1), keepdims=True)
        return (x + nin(f"{name}.NIN_3", np.einsum("bhwij,bcij->bchw", weights, values))) / np.sqrt(2.0)

    def next_is(self, leaf: str) -> bool:
        return f"all_modules.{self.at}.{leaf}" in self.state

    def __call__(self, spectra: Tensor, time: Tensor, *, division: str = "none") -> NDArray[np.complex128]:
        values = spectra.numpy().astype(np.complex128)
        image = np.stack([values.real, values.imag], axis=2).reshape(len(values), -1, *values.shape[2:])
        times = time.double().numpy()
        phase = 2 * np.pi * np.log(times)[:, None] * self.state[f"{self.take()}.W"]
        embedding = self.linear(self.take(), np.concatenate([np.sin(phase), np.cos(phase)], axis=1))
        embedding = self.linear(self.take(), silu(embedding))
        skips = self.way_down(image, embedding)
        features = self.residual(skips[-1], embedding)
        features = self.residual(self.attention(features), embedding)
        output = self.way_up(features, skips, embedding)
        assert not skips
        assert f"all_modules.{self.at}" not in {".".join(name.split(".")[:2]) for name in self.state}
        if division == "inside":
            output = output / times[:, None, None, None]
        parts = self.conv("output_layer", output)
        result = parts[:, 0] + 1j * parts[:, 1]
        return result / times[:, None, None] if division == "outside" else result

    def way_down(self, image: Array, embedding: Array) -> list[Array]:
        skips = [self.conv(self.take(), image)]
        for level in range(len(self.widths)):
            for _ in range(self.blocks):
                features = self.residual(skips[-1], embedding)
                skips.append(self.attention(features) if self.next_is("NIN_0.W") else features)
            if level < len(self.widths) - 1:
                features = self.residual(skips[-1], embedding, "down")
                if self.next_is("Conv_0.weight") and not self.next_is("Dense_0.weight"):
                    image = down(image)
                    features = self.conv(f"{self.take()}.Conv_0", image) + features
                skips.append(features)
        return skips

    def way_up(self, features: Array, skips: list[Array], embedding: Array) -> Array:
        output = np.zeros(())
        for level in reversed(range(len(self.widths))):
            for _ in range(self.blocks + 1):
                features = self.residual(np.concatenate([features, skips.pop()], axis=1), embedding)
            if self.next_is("NIN_0.W"):
                features = self.attention(features)
            if self.next_is("weight"):  # a GroupNorm and a convolution
                part = self.conv(f"all_modules.{self.at + 1}", silu(self.norm(f"all_modules.{self.at}", features)))
                self.at += 2
                output = up(output) + part if output.ndim else part
            if level:
                features = self.residual(features, embedding, "up")
        return output
