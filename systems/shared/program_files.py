"""The files that a command line tells of: program, scripts, every path among its arguments, and the script's folder."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from ...core.content_hash import ContentHash, content_hash, exists

_SCRIPTS = {".py", ".sh", ".bash", ".pl", ".rb", ".r", ".jl", ".js", ".mjs", ".lua", ".m", ".exe", ".jar", ".ps1"}
_SYSTEM = re.compile(r"/(usr/|usr/local/|opt/[^/]+/)?s?bin")
_PLACEHOLDER = re.compile(r"\{[a-z]*\}")


def program_hash(argv: Sequence[str], depends: Sequence[Path]) -> ContentHash:
    """Hash of all that is known to determine what a program answers.

    Covered are the program (links resolved), every file and folder among the arguments (`--key=path` and the words of
    `sh -c "..."` included), a module after `-m` in the working directory, the folders of the scripts among them, the
    packages of the virtual environment that the program belongs to, and `depends`. A folder that is too large (see
    `core.content_hash`) is not read; those of `depends` always are.

    Raises:
        OSError: a file cannot be read.
    """
    named = list(dict.fromkeys(_named(argv)))
    folders = list(dict.fromkeys(folder for path in named if (folder := _own_folder(path)) is not None))
    known = content_hash([*named, *folders])
    vouched = content_hash(depends, bounded=False)
    text = "\n".join([known.digest, vouched.digest, *_environment(Path(argv[0]))])
    return ContentHash(hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest(), known.beyond)


def _named(argv: Sequence[str]) -> Iterator[Path]:
    """Files and folders that the arguments name, in order; arguments may hold placeholders."""
    yield Path(argv[0])
    for before, argument in pairwise(argv):
        if before == "-m" and not argument.startswith("-"):
            yield from _modules(argument)
        for text in _candidates(argument):
            if exists(text):
                yield Path(text)
            elif "/" not in text and (found := shutil.which(text)):  # `env python`, `nice mynet`
                yield Path(found)


def _candidates(argument: str) -> Iterator[str]:
    """Pieces of an argument that may be paths: whole, after `=`, between commas or colons, words of a shell's line."""
    try:
        words = shlex.split(argument)
    except ValueError:
        words = argument.split()
    for text in dict.fromkeys([argument, *words]):
        after_letter = text[2:] if text.startswith("-") else ""  # -mweights.pt
        pieces = [text, *(part for part in re.split(r"[=,:;]", text) if part != text), after_letter]
        for piece in dict.fromkeys(pieces):
            if piece and not piece.startswith("-") and not _PLACEHOLDER.search(piece):
                yield os.path.expandvars(os.path.expanduser(piece))  # noqa: PTH111 - an unknown user is no error


def _modules(name: str) -> Iterator[Path]:
    """The package or module that `python -m` takes from the working directory or PYTHONPATH."""
    top = name.partition(".")[0]
    for folder in ("", *os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        for path in (Path(folder, top), Path(folder, f"{top}.py")):
            if exists(str(path)):
                yield path
                return


def _own_folder(path: Path) -> Path | None:
    """Folder of a script or program; None for data, and for what is installed in the system or an environment."""
    if not path.is_file():
        return None
    real = path.resolve()
    is_program = path.suffix.lower() in _SCRIPTS or os.access(real, os.X_OK) or _has_shebang(real)
    installed = _SYSTEM.fullmatch(str(real.parent)) or _prefix(path) is not None or _prefix(real) is not None
    return None if not is_program or installed else real.parent


def _has_shebang(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _prefix(program: Path) -> Path | None:
    """Root of the virtual or conda environment whose `bin` holds a program."""
    above = program.absolute().parent.parent
    marks = ("pyvenv.cfg", "conda-meta")
    return above if any((above / mark).exists() for mark in marks) else None


def _environment(program: Path) -> list[str]:
    """Names and versions of the packages of the program's environment, as far as it has one of its own."""
    prefix = _prefix(program)
    places = prefix.glob("lib/python*/site-packages/*.dist-info") if prefix else ()
    return sorted(path.name for path in places)
