"""Compiled templates of pages, kept for later reports.

They are code that runs as it is. Several people may share the folder of cached scores, so a folder in it is used only
if it belongs to this user and nobody else may read it or write into it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

from ...bench.scoring.cache import default_cache_dir


class KeptTemplates(FileSystemBytecodeCache):
    """Compiled templates in the cache of the user; without a folder that can be used, they are compiled each time."""

    def __init__(self) -> None:
        # Hidden: what is left in the folder of a program is no part of it, see `core.content_hash`.
        super().__init__(str(default_cache_dir() / ".templates"))

    def load_bytecode(self, bucket: Bucket) -> None:
        """Look the code of a template up."""
        with suppress(OSError):
            if _is_private(self.directory):
                super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store the code of a template."""
        with suppress(OSError):
            folder = Path(self.directory)
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            if _is_private(folder):
                super().dump_bytecode(bucket)


def _is_private(folder: str | Path) -> bool:
    """Whether it is a folder, and no link to one, of this user alone."""
    found = os.lstat(folder)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
