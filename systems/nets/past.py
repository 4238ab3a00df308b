"""Memory of a stream: what the layers of a causal network keep of the frames before."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Past:
    """Frames and running sums of one stream, by the layer that keeps them.

    A network computes a signal part by part, with one `Past` for all parts, as it does in one piece without one: a
    layer without a past starts from zeros.
    """

    def __init__(self) -> None:
        self._kept: dict[nn.Module, Tensor] = {}

    def take(self, layer: nn.Module, *, fresh: Tensor) -> Tensor:
        """Tensor that a layer kept of the part before; `fresh` at the beginning of the stream."""
        return self._kept.get(layer, fresh)

    def keep(self, layer: nn.Module, tensor: Tensor) -> None:
        """Keep a tensor of a layer for the next part."""
        self._kept[layer] = tensor


def after_past(features: Tensor, *, frames: int, layer: nn.Module, past: Past | None, dim: int = -1) -> Tensor:
    """Features with K frames along `dim` after the F = `frames` before them, zeros at the beginning of a signal: F + K.

    The last F frames are kept for the next part.
    """
    shape = [*features.shape]
    shape[dim] = frames
    fresh = features.new_zeros(shape)
    joined = torch.cat([fresh if past is None else past.take(layer, fresh=fresh), features], dim=dim)
    if past is not None:
        past.keep(layer, joined.narrow(dim, features.shape[dim], frames))
    return joined
