"""Model files of asteroid and related toolkits: one dictionary with a name, arguments and weights.

Beyond tensors and plain values they may hold torch's version, which `serialize()` adds, and NumPy scalars in `infos`.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import Tensor
from torch.torch_version import TorchVersion

from ...core.errors import CheckpointError
from ..checkpoints.archive import load_archive, outline_of
from ..checkpoints.checkpoint import read_weights
from ..checkpoints.foreign import as_table, describe, is_lightning, is_tensor
from ..checkpoints.inert import inert_constructors
from ..checkpoints.weights import weights_of
from .asteroid_recipes import recipe_package

_KEYS = ("model_name", "model_args", "state_dict")
_WANTED = "give the file that `serialize()` and torch.save made, with model_name, model_args, state_dict"


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
    """Read a model file safely: of `serialize()`, of Lightning, or weights alone with the recipe's conf.yml.

    Raises:
        CheckpointError: it is missing, damaged, unsafe, not such a dictionary, or not finite.
    """
    where = f"model file {str(path)!r}"
    content = read_weights(path)
    found = outline_of(content, where=where, wanted=_WANTED)
    constructors = [*_plain_values(), *inert_constructors(found.names)]
    loaded = load_archive(content, where=where, wanted=_WANTED, constructors=constructors)
    kind, table = describe(found.root), as_table(found.root)
    if not isinstance(loaded, Mapping) or table is None:
        raise CheckpointError(f"{where} is {kind}; {_WANTED}")
    digest = hashlib.sha256(content)
    if missing := [key for key in _KEYS if key not in loaded]:
        if not is_lightning(table) and not all(is_tensor(value) for value in table.values()):
            raise CheckpointError(f"{where} is {kind}, and lacks {', '.join(map(repr, missing))}; {_WANTED}")
        loaded = recipe_package(loaded, path=path, where=where, kind=kind)
        # The arguments may come from another file, and determine the answer too.
        digest.update(repr(sorted(loaded["model_args"].items())).encode())
    return _package(loaded, where=where, sha256=digest.hexdigest())


def _package(loaded: Mapping[Any, Any], *, where: str, sha256: str) -> Package:
    name, args, state = (loaded[key] for key in _KEYS)
    if not isinstance(name, str) or not isinstance(args, Mapping) or not isinstance(state, Mapping):
        kinds = ", ".join(type(part).__name__ for part in (name, args, state))
        raise CheckpointError(f"{where}: {', '.join(_KEYS)} are {kinds}, not a name and two tables")
    if not all(isinstance(key, str) for key in args):
        raise CheckpointError(f"{where}: model_args has a key that is no name of an argument")
    weights = weights_of(state, where=where, wanted=_WANTED) if state else {}
    infos = loaded.get("infos")
    return Package(
        name=name,
        args=dict(args),
        state=weights,
        infos=infos if isinstance(infos, Mapping) else {},
        sha256=sha256,
        where=where,
    )


def _plain_values() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Constructors of NumPy scalars and of torch's version: plain values only."""
    scalar = cast(Callable[..., Any], np.float64(0).__reduce__()[0])
    kinds = {type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}
    # Files of older versions of NumPy have the former name of the module.
    return [(scalar, "numpy.core.multiarray.scalar"), scalar, np.dtype, codecs.encode, TorchVersion, *kinds]
