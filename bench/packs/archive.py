"""Zip files of strangers: names, kinds and sizes of all members are checked before anything is read.

Nothing is written outside of the folder given, nothing is executed, and what is read is bounded by the sizes that the
zip file states, which its reader never exceeds.
"""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import ConfigError, OutputError, shortened
from ...core.files import read_limited

MOST_FILES = 1_000_000
MOST_BYTES = 1 << 36
"""64 GiB unpacked: 298 hours of mono 32-bit float audio at 16 kHz."""
MOST_OF_ONE = 1 << 31
_SMALL = 1 << 28  # unpacked; below it the ratio does not matter
_MOST_RATIO = 250  # silence packs 1000:1, speech 1.1:1
_BLOCK = 1 << 20
_NOT_ZIP = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, ValueError)

_NAME = re.compile(r"(?:[A-Za-z0-9_.+-]{1,200}/){0,6}[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,250}")
_DOTS = re.compile(r"(^|/)\.{1,2}(/|$)")


@dataclass(frozen=True, slots=True)
class Archive:
    """An open zip file whose members are files with plain names, by name."""

    path: Path
    zip: zipfile.ZipFile
    members: Mapping[str, zipfile.ZipInfo]

    def read(self, name: str, limit: int) -> bytes:
        """Content of a member of at most `limit` bytes.

        Raises:
            ConfigError: it is missing, longer, or damaged.
        """
        entry = self.members.get(name)
        if entry is None:
            raise ConfigError(f"{str(self.path)!r} holds no {name}; it is no pack of `tsebench pack`")
        if entry.file_size > limit:
            raise ConfigError(f"{str(self.path)!r}: {name} has {entry.file_size} bytes, more than the {limit} read")
        with self._damage(name):
            return self.zip.read(entry)

    def unpack(self, name: str, target: Path) -> None:
        """Write a member to a file that this program names; raises as `read`, or OutputError."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._damage(name), self.zip.open(self.members[name]) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file, _BLOCK)
        except OSError as error:
            raise OutputError(f"cannot write {str(target)!r}: {error.strerror}; free the disk") from None

    @contextmanager
    def _damage(self, name: str) -> Iterator[None]:
        """Errors of the zip format as one line."""
        try:
            yield
        except (*_NOT_ZIP, EOFError, RuntimeError, zlib.error) as error:
            reason = shortened(str(error), 80)
            raise ConfigError(f"{str(self.path)!r}: {name} is damaged ({reason}); ask for it again") from None


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip file and check its members.

    Raises:
        ConfigError: it is no zip file, or holds a name that leaves a folder, a link, an encrypted file, a name twice,
            or more than could be a pack.
    """
    try:
        if not path.is_file():
            read_limited(path, 0)  # says why; a pipe would block
        opened = zipfile.ZipFile(path)
    except OSError as error:
        raise ConfigError(f"cannot read pack {str(path)!r}: {error.strerror}; correct the path") from None
    except _NOT_ZIP as error:
        raise ConfigError(f"{str(path)!r} is no zip file ({shortened(str(error), 80)}); ask for it again") from None
    with opened:
        entries = opened.infolist()
        if problem := _problem(entries, path.stat().st_size):
            raise ConfigError(f"pack {str(path)!r} is refused: {problem}")
        yield Archive(path, opened, {entry.filename: entry for entry in entries})


def _problem(entries: list[zipfile.ZipInfo], size: int) -> str:
    """Why a zip file is not read; "" if it is."""
    if len(entries) > MOST_FILES:
        return f"it holds {len(entries)} files, more than {MOST_FILES}"
    seen: set[str] = set()
    for entry in entries:
        if problem := _fault_of(entry):
            return f"{shortened(entry.filename, 80)!r} {problem}"
        if entry.filename.casefold() in seen:
            return f"it holds {shortened(entry.filename, 80)!r} twice, or names that differ in case alone"
        seen.add(entry.filename.casefold())
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        return f"it would unpack to {total} bytes, more than {MOST_BYTES}"
    if total > max(_SMALL, _MOST_RATIO * size):
        return f"its {size} bytes would unpack to {total}, more than {_MOST_RATIO} times as many"
    return ""


def _fault_of(entry: zipfile.ZipInfo) -> str:
    name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    if entry.orig_filename != name or _DOTS.search(name) or not _NAME.fullmatch(name):
        return "is no plain relative path of letters, digits and _ . + -"
    if kind not in {0, stat.S_IFREG}:
        return "is a link or a device, not a file"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return "is compressed in a way that is not read; only deflate is"
    return f"has {entry.file_size} bytes, more than {MOST_OF_ONE}" if entry.file_size > MOST_OF_ONE else ""
