"""Weights as safetensors: a list of names, types, shapes and places, and the bytes; nothing in such a file can run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from torch import Tensor

from ...core.errors import CheckpointError

TENSORS = "model.safetensors"
_SUFFIX = ".safetensors"


def is_tensor_file(path: Path) -> bool:
    """Whether a file's name says that it is of safetensors."""
    return path.suffix == _SUFFIX


def load_tensors(content: bytes, *, where: str) -> dict[str, Tensor]:
    """Tensors of a safetensors file by name.

    Args:
        where: the file, as the start of an error's line.

    Raises:
        CheckpointError: it is damaged or no such file, or the package is missing.
    """
    package = _package()
    try:
        tensors: dict[str, Tensor] = package.torch.load(content)
    except (package.SafetensorError, ValueError, TypeError, KeyError, RuntimeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise CheckpointError(f"cannot load {where}: it is no safetensors file, or damaged ({reason})") from None
    return tensors


def tensor_bytes(state: Mapping[str, Tensor]) -> bytes:
    """A safetensors file of tensors; equal content gives equal bytes.

    Raises:
        CheckpointError: the package is missing.
    """
    # Each with memory of its own: the format knows no tensors that share it.
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    found: bytes = _package().torch.save(own)
    return found


def _package() -> ModuleType:
    try:
        import safetensors.torch  # noqa: PLC0415 - an extra
    except ImportError:
        raise CheckpointError("'safetensors' is not installed; pip install 'tsebench[hub]'") from None
    return safetensors
