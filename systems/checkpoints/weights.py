"""Weights of a network as a torch file holds them: plain tables of finite numbers, by name."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.errors import CheckpointError
from .foreign import COMPILED, DATA_PARALLEL

_KINDS = {
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool,
    torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8,
}  # fmt: skip


def weights_of(loaded: object, *, where: str, wanted: str) -> dict[str, Tensor]:
    """The state dict in a loaded value, without the prefixes of torch's DataParallel and of torch.compile.

    Args:
        where: start of an error's line.
        wanted: its end: what is opened here.

    Raises:
        CheckpointError: no state dict, or a weight is no plain tensor of finite real numbers.
    """
    if not isinstance(loaded, Mapping) or not loaded:
        raise CheckpointError(f"{where} holds no state dictionary of weights; {wanted}")
    for name, tensor in loaded.items():
        check_weight(name, tensor, where=where)
    return without_wrappers(dict(loaded))


def without_wrappers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a model that was wrapped by torch, once or several times."""
    inner = dict(state)
    while (bare := without_prefix(without_prefix(inner, DATA_PARALLEL), COMPILED)).keys() != inner.keys():
        inner = bare
    return inner


def without_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights without a prefix that all of their names have."""
    if not all(name.startswith(prefix) for name in state):
        return dict(state)
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def check_weight(name: object, tensor: object, *, where: str) -> None:
    """Raise a CheckpointError, starting with `where`, for an entry that is not a named, plain, finite tensor."""
    shown = reprlib.repr(name)
    if not isinstance(name, str) or not isinstance(tensor, Tensor):
        raise CheckpointError(
            f"{where}: entry {shown} is a {type(tensor).__name__}, not a tensor; save the state_dict alone"
        )
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    if not plain or tensor.dtype not in _KINDS:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise CheckpointError(
            f"{where}: weight {shown} is a {kind} tensor ({str(tensor.layout).removeprefix('torch.')}, "
            f"{tensor.device.type}), where real numbers in float16, bfloat16, float32 or float64 and integers are "
            "opened; convert it and save it again"
        )
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise CheckpointError(f"{where}: weight {shown} repeats its numbers; save a copy with .contiguous()")
    if not bool(torch.isfinite(tensor).all()):
        raise CheckpointError(f"{where}: weight {shown} holds NaN or inf; train it again")


def name_problem(expected: Mapping[str, Tensor], state: Mapping[str, Tensor], *, noun: str) -> str:
    """First missing or unknown name of a state and how many there are, after the name of a file; "" without any.

    Args:
        noun: what a message calls an entry.
    """
    missing, extra = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
    if not (missing or extra):
        return ""
    name, problem = (missing[0], "lacks") if missing else (extra[0], "has the unknown")
    return f"{problem} {noun} {name[:100]!r} ({len(missing)} missing, {len(extra)} unknown)"


def load_strictly(net: nn.Module, state: Mapping[str, Tensor], *, where: str, of: str, wanted: str = "") -> None:
    """Fill a network, which may be on the device "meta", with weights of another program, as float32.

    Args:
        where: start of an error's line.
        of: what tells the sizes of the network, such as "of the network of its hyper_parameters".
        wanted: end of the line: what is opened here.

    Raises:
        CheckpointError: a name is missing or unknown, a shape differs, or a weight is no finite tensor.
    """
    expected, end = net.state_dict(), f"; {wanted}" if wanted else ""
    if problem := name_problem(expected, state, noun="weight"):
        raise CheckpointError(f"{where} {problem} {of}{end}")
    for name, tensor in state.items():
        check_weight(name, tensor, where=where)
        if tensor.shape != expected[name].shape:
            raise CheckpointError(
                f"{where}: {name!r} has the shape {list(tensor.shape)}, but by the sizes {of} it is "
                f"{list(expected[name].shape)}{end}"
            )
    net.load_state_dict({name: tensor.float() for name, tensor in state.items()}, assign=True)
