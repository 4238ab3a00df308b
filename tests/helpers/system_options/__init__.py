"""Options for systems that cannot be built without, for the contract tests: `NAME.py` with `options(folder)`.

Systems whose only required option is a checkpoint of our own need no file.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

Options = Mapping[str, object]


def find_options(system: str) -> Callable[[Path], Options] | None:
    """The function `options` of a system's file here, if it has one."""
    if importlib.util.find_spec(f"{__name__}.{system}") is None:
        return None
    return importlib.import_module(f"{__name__}.{system}").options
