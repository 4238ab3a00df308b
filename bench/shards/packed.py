"""Folders as bytes, to be sent to machines that do not see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ...core.errors import ConfigError

LIMIT_BYTES = 2**30

Packed = Mapping[str, bytes]
"""Contents of the files of a folder, by path below it."""


def pack(folder: Path, *, what: str, names: Iterable[str] | None = None) -> Packed:
    """The files of a folder.

    Args:
        what: the folder in words, for the error.
        names: paths below the folder; None: all files.

    Raises:
        ConfigError: they have more than `LIMIT_BYTES`, or one cannot be read.
    """
    paths = [path for path in folder.rglob("*") if path.is_file()] if names is None else [folder / n for n in names]
    try:
        size = sum(path.stat().st_size for path in paths)
        if size > LIMIT_BYTES:
            raise ConfigError(
                f"{what} in {str(folder)!r} has {size / 1e9:.1f} GB, and at most {LIMIT_BYTES / 1e9:.1f} GB are sent "
                "to workers; put it on a disk that all of them see, and leave out --ray-send"
            )
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}
    except OSError as error:
        raise ConfigError(f"{what}: cannot read {error.filename!r}: {error.strerror}") from None


def unpack(content: Packed, folder: Path) -> Path:
    """Write the files of a folder again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
