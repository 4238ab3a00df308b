"""Names of what a torch file holds: whose checkpoint it is, by its outline; nothing is made or run."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from .outline import Call, Name

_REBUILD = ("torch._utils._rebuild", "torch._tensor._rebuild", "torch.nn.parameter.Parameter")
_TABLES = {"collections.OrderedDict", "collections.defaultdict", "collections.Counter"}
_LIGHTNING = {"pytorch-lightning_version", "hyper_parameters", "callbacks", "loops", "training_config"}
# Keys that tell the origin of a table; the first line whose keys are all there counts.
_ORIGINS: tuple[tuple[set[str], str], ...] = (
    ({"dims", "model_state_dict"}, "a model of openai-whisper"),
    ({"N", "L", "B", "H", "P", "X", "R", "C", "state_dict"}, "a package of kaituoxu's Conv-TasNet"),
    ({"identity", "progress", "net", "best", "optimiser"}, "a training state of tsebench, from which training goes on"),
    ({"model_state_dict", "optimizer_state_dict"}, "a training checkpoint"),
    ({"state_dict", "optimizer"}, "a training checkpoint"),
    ({"model", "optimizer"}, "a training checkpoint"),
    ({"generator"}, "a generator of a vocoder, as HiFi-GAN and BigVGAN write it"),
)
DATA_PARALLEL = "module."
COMPILED = "_orig_mod."
"""Starts of all names in the weights of a model in torch's DataParallel, and of one that torch.compile made."""


def describe(root: object) -> str:
    """Content of a torch file, as a noun with an article, such as "a checkpoint of PyTorch Lightning"."""
    table = as_table(root)
    if table is not None:
        return _table(table)
    if is_tensor(root):
        return "a single tensor"
    if isinstance(root, Call):
        name = root.function.path if isinstance(root.function, Name) else "?"
        return f"a pickled object of class {name[-80:]!r}, whole and not as weights"
    return f"a {type(root).__name__.lower()} and no table of weights"


def as_table(value: object) -> Mapping[Any, object] | None:
    """A table of an outline, whether a dict or an ordered one; None for everything else."""
    if isinstance(value, Call) and isinstance(value.function, Name) and value.function.path in _TABLES:
        return value.items
    return value if isinstance(value, dict) else None


def is_tensor(value: object) -> bool:
    """Whether a value of an outline is a tensor or a parameter."""
    return isinstance(value, Call) and isinstance(value.function, Name) and value.function.path.startswith(_REBUILD)


def is_lightning(table: Mapping[Any, object]) -> bool:
    """Whether a table is laid out as PyTorch Lightning's checkpoints are."""
    return "state_dict" in table and not _LIGHTNING.isdisjoint(table)


def _table(table: Mapping[Any, object]) -> str:
    keys = {key for key in table if isinstance(key, str)}
    if not table:
        return "an empty table"
    if {"model_name", "model_args", "state_dict"} <= keys:
        return f"a model file as asteroid and SpeakerBeam write it ({reprlib.repr(table['model_name'])})"
    if is_lightning(table):
        return f"a checkpoint of PyTorch Lightning{_of_sgmse(table)}"
    origin = next((origin for wanted, origin in _ORIGINS if wanted <= keys), None)
    return origin or _other_table(table)


def _of_sgmse(table: Mapping[Any, object]) -> str:
    """The maker, if the names of the weights tell it."""
    names = [name for name in as_table(table["state_dict"]) or {} if isinstance(name, str)]
    return " (SGMSE)" if "ema" in table and any(name.startswith("dnn.all_modules.") for name in names) else ""


def _other_table(table: Mapping[Any, object]) -> str:
    if all(is_tensor(value) for value in table.values()):
        for prefix, kind in ((DATA_PARALLEL, "a DataParallel"), (COMPILED, "a compiled")):
            if all(isinstance(key, str) and key.startswith(prefix) for key in table):
                return f"the weights of {kind} model alone (names begin with {prefix!r})"
        return f"weights alone (a state dict, first {reprlib.repr(next(iter(table)))})"
    shown = ", ".join(reprlib.repr(key) for key in [*table][:6])
    return f"a table with the keys {shown}{', ...' if len(table) > 6 else ''}"
