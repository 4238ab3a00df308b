"""Failures for want of room: not the system's own, and tried again when the run goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import NO_SPACE, AudioError, ExtractionError


@contextmanager
def naming_full_disk(folder: Path, *, needed_bytes: int) -> Iterator[None]:
    """Give a failure inside the reason `no_space` where the folder's disk has less room than the files need.

    Args:
        folder: of the files that are written inside.
        needed_bytes: size of the largest of them.

    Raises:
        ExtractionError: something failed, and there is no room; the message starts with `no_space:`. With enough room
            the failure stays as it is.
    """
    try:
        yield
    except (AudioError, ExtractionError, OSError) as error:
        free = shutil.disk_usage(folder).free
        if free >= needed_bytes:
            raise
        raise ExtractionError(
            f"{NO_SPACE}: {str(folder.parent)!r} has {free} bytes left, and {needed_bytes} are needed; make room, or "
            f"set TMPDIR to another folder ({error})"
        ) from None
