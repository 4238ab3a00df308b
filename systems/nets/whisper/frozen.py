"""A frozen part of a network whose weights stay in a checkpoint of their own."""

from __future__ import annotations

from typing import Generic, TypeVar

import torch
from torch import nn

Held = TypeVar("Held", bound=nn.Module)


class Frozen(Generic[Held]):
    """Holds a network outside of the parameters and of the state of the one that uses it.

    Attributes:
        net: the network, in evaluation mode and without gradients of its weights.
    """

    def __init__(self, net: Held) -> None:
        self.net = net.requires_grad_(False).eval()

    def on(self, device: torch.device) -> Held:
        """The network, moved to a device."""
        return self.net.to(device)
