"""Inert stand-ins for classes that files of PyTorch Lightning name: they keep content, and run nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_STUBBED = ("pytorch_lightning.", "lightning.", "lightning_fabric.", "omegaconf.", "argparse.Namespace", "pathlib.")


class InertTable(dict[Any, Any]):
    """Stands for a class of Lightning's in a file: keeps its content, runs nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        if isinstance(state, Mapping):
            self.update(state)


class InertDict:
    """Stands for a subclass of dict in a file: torch fills plain ones alone."""

    def __new__(cls, *_: object) -> dict[Any, Any]:  # type: ignore[misc]
        """A plain table, whatever the arguments."""
        return {}


def inert_constructors(names: Iterable[str], *, also: Iterable[str] = ()) -> list[tuple[type, str]]:
    """Stand-ins for those classes of Lightning and its configs that a file names, and for those of `also`.

    Args:
        names: classes and functions in the file's outline.
        also: full names of further classes that a file of its kind holds.
    """
    extra = set(also)
    known = [name for name in names if name.startswith(_STUBBED) or name in extra]
    return [(InertDict if name.endswith("Dict") else InertTable, name) for name in known]
