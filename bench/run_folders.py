"""Run folders as callers name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..core.errors import ConfigError


def run_folders(run_dirs: str | Path | Sequence[str | Path]) -> list[Path]:
    """One run folder or several, as a list.

    Raises:
        ConfigError: there is none, or one is no path.
    """
    given: object = run_dirs
    several = list(given) if isinstance(given, Iterable) and not isinstance(given, str | Path) else [given]
    for folder in several:
        if not isinstance(folder, str | Path):
            raise ConfigError(
                f"a run folder is a path, not {type(folder).__name__}; write for example 'runs/quickstart'"
            )
    if not several:
        raise ConfigError("no run folder given; name at least one")
    return [Path(folder).expanduser() for folder in several if isinstance(folder, str | Path)]
