"""tsebench: benchmark and evaluate target speech and sound extraction systems."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "evaluate": ".bench.api",
    "find_runs": ".bench.tracking.search",
    "leaderboard": ".reports.leaderboard.assemble",
    "load_dataset": ".datasets.dataset",
    "load_system": ".systems.registry",
    "read_rows": ".bench.rows",
    "register_system": ".systems.registry",
    "score": ".bench.api",
}

__all__ = ["__version__", *sorted(_PUBLIC)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that `import tsebench` stays cheap."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tsebench' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name], __name__), name)
