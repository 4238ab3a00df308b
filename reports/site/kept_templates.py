"""Compiled templates of pages, kept for later reports.

They are code that runs as it is. Several people may share the folder of cached scores, so a folder in it is used only
if it belongs to this user and nobody else may read it or write into it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from ...bench.scoring.cache import default_cache_dir
from ...core.errors import OutputError
from ...core.files import write_atomic


class KeptTemplates(BytecodeCache):
    """Compiled templates in the cache of the user; without a folder that can be used, they are compiled each time."""

    def __init__(self) -> None:
        # Hidden: what is left in the folder of a program is no part of it, see `core.content_hash`.
        self._folder = default_cache_dir() / ".templates"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Look the code of a template up."""
        with suppress(OSError):
            if _is_private(self._folder):
                bucket.bytecode_from_string(self._file(bucket).read_bytes())

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store the code of a template."""
        with suppress(OSError, OutputError):
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if _is_private(self._folder):
                write_atomic(self._file(bucket), bucket.bytecode_to_string(), flush=False)

    def _file(self, bucket: Bucket) -> Path:
        return self._folder / f"{bucket.key}.code"


def _is_private(folder: Path) -> bool:
    """Whether it is a folder, and no link to one, of this user alone."""
    found = os.lstat(folder)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
