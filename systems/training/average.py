"""Exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class WeightAverage:
    """θ̄ ← d θ̄ + (1 − d) θ after each step n, with d = min(decay, (1 + n)/(10 + n)).

    The warm-up forgets the first weights, as in the public code of score models. Buffers are copied.
    """

    def __init__(self, net: nn.Module, decay: float, *, earlier: Mapping[str, Tensor] | None = None) -> None:
        """`earlier` is the average of an earlier part of the training; without it, the weights as they are."""
        self._net = net
        self._decay = decay
        weights = net.state_dict()
        self._average = {name: tensor.detach().clone() for name, tensor in weights.items()}
        for name, tensor in (earlier or {}).items():
            self._average[name].copy_(tensor)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after step n = 1, 2, ... into the average."""
        share = 1.0 - min(self._decay, (1 + step) / (10 + step))
        learned = dict(self._net.named_parameters())
        for name, tensor in self._net.state_dict().items():
            if name in learned:
                self._average[name].lerp_(tensor, share)
            else:
                self._average[name].copy_(tensor)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the network's weights and their average."""
        for name, tensor in self._net.state_dict().items():
            weights = tensor.clone()
            tensor.copy_(self._average[name])
            self._average[name].copy_(weights)

    def state(self) -> Mapping[str, Tensor]:
        """The average, by the names of the network's state."""
        return self._average
