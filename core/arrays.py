"""Arrays of NumPy and tensors of torch alike: formulas are written once over the functions that both have.

`namespace` is NumPy or torch. Of their common functions those count that take the same arguments: `axis`, `keepdims`,
`out`, `device`. What they call differently is here. Without a tensor nothing imports torch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""An array of NumPy, or a tensor of torch on any device."""


def namespace(array: Array) -> Any:
    """The module whose functions take the array."""
    return np if isinstance(array, np.ndarray | np.generic) else import_module("torch")


def is_tensor(array: Array) -> bool:
    """Whether it is a tensor of torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def on_cpu(array: Array) -> bool:
    """Whether it lies in the memory of the CPU."""
    return namespace(array) is np or array.device.type == "cpu"


def as_array(signal: Array) -> Array:
    """A tensor as an array of NumPy, with the memory of one on the CPU; anything else as it is."""
    if not is_tensor(signal):
        return signal
    try:
        return signal.numpy(force=True)
    except TypeError:  # a type that NumPy has not, such as bfloat16
        return signal.float().numpy(force=True)


def as_tensor(signal: Array) -> Array:
    """An array of NumPy as a tensor with its memory, a tensor without its gradients; anything else as it is."""
    if isinstance(signal, np.ndarray):
        return import_module("torch").from_numpy(signal)
    return signal.detach() if is_tensor(signal) else signal


def placed(array: Array, device: Any) -> Array:
    """An array of NumPy on the device of others: as it is for those of NumPy, whose device is "cpu"; else a tensor."""
    return array if isinstance(device, str) else as_tensor(array).to(device)


def float64(array: Array) -> Array:
    """The array in float64; itself if it is."""
    return array.astype(np.float64, copy=False) if namespace(array) is np else array.double()


def zeros(like: Array, *shape: int) -> Array:
    """Zeros of the dtype and on the device of an array."""
    return namespace(like).zeros(shape, dtype=like.dtype, device=like.device)


def empty(like: Array, *shape: int) -> Array:
    """Room of the dtype and on the device of an array."""
    return namespace(like).empty(shape, dtype=like.dtype, device=like.device)


def ended(signal: Array, length: int) -> Array:
    """A signal [..., T] cut, or filled up with zeros, at its end."""
    frames = signal.shape[-1]
    if frames >= length:
        return signal[..., :length]
    filled = zeros(signal, *signal.shape[:-1], length)
    filled[..., :frames] = signal
    return filled


def windows(array: Array, shape: Sequence[int], steps: Sequence[int]) -> Array:
    """A view from the first value on: so many values along each axis, and so many values in memory between them."""
    if namespace(array) is np:
        size = array.itemsize
        return np.lib.stride_tricks.as_strided(array, tuple(shape), [size * step for step in steps])
    return array.as_strided(tuple(shape), tuple(steps))


def stretches(array: Array, size: int) -> Array:
    """Each value [..., T] with those after it, as columns [..., size, T − size + 1] of a view."""
    count = array.shape[-1] - size + 1
    if namespace(array) is np:
        shape, steps = (*array.shape[:-1], size, count), (*array.strides, array.strides[-1])
        return np.lib.stride_tricks.as_strided(array, shape, steps)
    return array.unfold(-1, count, 1)


def real_parts(spectra: Array) -> Array:
    """Real and imaginary parts [..., 2 N] of contiguous complex values [..., N], one after the other; a view."""
    if namespace(spectra) is np:
        return spectra.view(spectra.real.dtype)
    return namespace(spectra).view_as_real(spectra).flatten(-2)


def memory_errors() -> tuple[type[BaseException], ...]:
    """Errors of a device that runs out of memory; none before torch is imported."""
    torch = sys.modules.get("torch")
    return () if torch is None else (torch.OutOfMemoryError,)


@contextmanager
def without_gradients() -> Iterator[None]:
    """No gradients of what is computed meanwhile, if torch is there."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
    else:
        with torch.no_grad():
            yield
