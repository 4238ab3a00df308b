"""Model files of asteroid and related toolkits: one dictionary with a name, arguments and weights.

Beyond tensors and plain values they may hold torch's version, which `serialize()` adds, and NumPy scalars in `infos`.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.torch_version import TorchVersion

from ...core.errors import CheckpointError
from ..checkpoints.checkpoint import UNREADABLE, check_finite

_KEYS = ("model_name", "model_args", "state_dict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Content of a model file."""

    name: str  # of the model's class
    args: Mapping[str, Any]  # of its constructor
    state: Mapping[str, Tensor]  # weights on the CPU
    infos: Mapping[str, Any]  # metadata of its authors
    sha256: str  # of the file
    where: str  # start of an error's line


def read_package(path: Path) -> Package:
    """Read a model file safely.

    Raises:
        CheckpointError: it is missing, damaged, unsafe, not such a dictionary, or not finite.
    """
    where = f"model file {str(path)!r}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {where}: {error.strerror or error}") from None
    loaded = _loaded(content, where)
    missing = [key for key in _KEYS if not isinstance(loaded, dict) or key not in loaded]
    if missing:
        raise CheckpointError(
            f"{where} lacks {', '.join(map(repr, missing))}; give the file that `serialize()` and "
            f"torch.save made, with {', '.join(_KEYS)}"
        )
    name, args, state = (loaded[key] for key in _KEYS)
    if not isinstance(name, str) or not isinstance(args, Mapping) or not isinstance(state, Mapping):
        kinds = ", ".join(type(part).__name__ for part in (name, args, state))
        raise CheckpointError(f"{where}: {', '.join(_KEYS)} are {kinds}, not a name and two tables")
    for key, tensor in state.items():
        check_finite(key, tensor, where=where)
    infos = loaded.get("infos")
    return Package(
        name=name,
        args=dict(args),
        state=dict(state),
        infos=infos if isinstance(infos, Mapping) else {},
        sha256=hashlib.sha256(content).hexdigest(),
        where=where,
    )


def _loaded(content: bytes, where: str) -> Any:
    """Content of a torch file that is neither damaged nor unsafe."""
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_plain_values()):
            # torch warns about TorchScript archives and raises an error too.
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = _line(error)
    except UNREADABLE as error:
        reason = f"it is damaged or cut short ({type(error).__name__})"
    raise CheckpointError(f"cannot load {where}: {reason}; nothing in it was run")


def _plain_values() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Constructors of NumPy scalars and of torch's version: plain values only."""
    scalar = cast(Callable[..., Any], np.float64(0).__reduce__()[0])
    kinds = {type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}
    # Files of older versions of NumPy have the former name of the module.
    return [(scalar, "numpy.core.multiarray.scalar"), scalar, np.dtype, codecs.encode, TorchVersion, *kinds]


def _line(error: Exception) -> str:
    """Reason of a refusal, from torch's message."""
    named = re.search(r"GLOBAL (\S+)", str(error))
    if named is None:
        return "it is damaged or holds more than tensors and plain values"
    return f"it needs {named[1]!r} to be opened, where tensors and plain values are allowed"
