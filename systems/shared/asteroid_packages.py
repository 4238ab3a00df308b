"""Model files of asteroid and of its relatives: one dictionary with a name, arguments and weights.

They are read with `weights_only=True`; beyond tensors and plain values they may hold the version of
torch, which `serialize()` notes, and NumPy scalars, as which figures in `infos` were often saved.
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
    """Content of a model file.

    Attributes:
        name: of the model's class.
        args: of its constructor.
        state: weights on the CPU.
        infos: what its makers say of it.
        sha256: of the file.
        where: start of an error's line.
    """

    name: str
    args: Mapping[str, Any]
    state: Mapping[str, Tensor]
    infos: Mapping[str, Any]
    sha256: str
    where: str


def read_package(path: Path) -> Package:
    """Read a model file safely.

    Raises:
        CheckpointError: it is missing, damaged, unsafe, no such dictionary, or not finite.
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
    """What a torch file holds.

    Raises:
        CheckpointError: it is damaged or unsafe.
    """
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_plain_values()):
            # TorchScript archives are told of twice, the second time by an error.
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = _line(error)
    except UNREADABLE as error:
        reason = f"it is damaged or cut short ({type(error).__name__})"
    raise CheckpointError(f"cannot load {where}: {reason}; nothing in it was run")


def _plain_values() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """What NumPy's numbers and torch's own version are made by: values, and nothing else."""
    scalar = cast(Callable[..., Any], np.float64(0).__reduce__()[0])
    kinds = {type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}
    # Files of older versions of NumPy know the module by its former name.
    return [(scalar, "numpy.core.multiarray.scalar"), scalar, np.dtype, codecs.encode, TorchVersion, *kinds]


def _line(error: Exception) -> str:
    """What an unpickler refused, by torch's message."""
    named = re.search(r"GLOBAL (\S+)", str(error))
    if named is None:
        return "it is damaged or holds more than tensors and plain values"
    return f"it needs {named[1]!r} to be opened, where tensors and plain values are allowed"
