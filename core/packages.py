"""Versions and files of installed packages, without importing them.

Versions are looked up once in a process: what is loaded does not change with the disk. Worker processes import this
module; `importlib.metadata` takes 15 ms, and few of them ask.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def installed_version(distribution: str) -> str | None:
    """Version of a distribution; None if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - see above

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


@cache
def packaged_file(name: str, path: str) -> Path | None:
    """File of an installed distribution, by its path in the wheel; None if either is missing."""
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415 - see above

    try:
        file = Path(str(distribution(name).locate_file(path)))
    except PackageNotFoundError:
        return None
    return file if file.is_file() else None
