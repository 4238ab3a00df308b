"""Folders of several samples of each estimate: `sample_0`, `sample_1`, ... below the folder of a system."""

from __future__ import annotations

import re
from pathlib import Path

from ...core.errors import ConfigError, listed
from .outputs import Paths

_NAME = re.compile(r"sample_(\d+)")


def sample_folders(estimates: Paths) -> list[Path]:
    """The folder of each sample, in order; none if the estimates are not laid out so.

    Raises:
        ConfigError: the numbers do not count from 0, or files lie beside the folders.
    """
    folder = estimates if isinstance(estimates, Path) else estimates[0] if len(estimates) == 1 else None
    if folder is None or not folder.is_dir():
        return []
    below = [path for path in folder.iterdir() if not path.name.startswith(".")]
    found = {int(match[1]): path for path in below if path.is_dir() and (match := _NAME.fullmatch(path.name))}
    if not found:
        return []
    if beside := sorted(path.name for path in below if path not in found.values()):
        raise ConfigError(
            f"{str(folder)!r} holds {listed(beside)} beside folders of samples; put the first samples into sample_0"
        )
    if sorted(found) != list(range(len(found))):
        numbers = ", ".join(map(str, sorted(found)))
        raise ConfigError(f"{str(folder)!r} has samples {numbers}; number them from 0: sample_0, sample_1, ...")
    return [found[number] for number in range(len(found))]
