"""Tensors of real numbers, which estimates must be to be read."""

from __future__ import annotations

import torch
from torch import Tensor


def plain(estimate: object) -> Tensor:
    """The estimate itself.

    Raises:
        TypeError: no tensor, or one that is complex, sparse, quantised or without numbers (on the device "meta").
    """
    if not isinstance(estimate, Tensor):
        raise TypeError(f"estimate is of type {type(estimate).__name__}, not a tensor")
    if estimate.is_complex():
        raise TypeError(f"estimate is {estimate.dtype}, not real")
    if estimate.is_quantized:
        raise TypeError(f"estimate is quantised ({estimate.dtype}); give its numbers, as .dequantize() makes them")
    if estimate.layout != torch.strided:
        raise TypeError(f"estimate is a sparse tensor ({estimate.layout}); give a dense one, as .to_dense() makes it")
    if estimate.is_meta:
        raise TypeError("estimate is on the device 'meta' and holds no numbers")
    return estimate


def to_cpu(estimate: object) -> Tensor:
    """A plain tensor as float32 on its way to the CPU; from a GPU the copy may still be under way."""
    tensor = plain(estimate)
    return tensor.detach().float().to("cpu", non_blocking=tensor.is_cuda)
