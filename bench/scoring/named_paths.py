"""Files and folders that the source of a module names: constants, and patterns such as f"exp/{name}.pt"."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ...core.content_hash import MAX_FILES, exists

_LONGEST = 500
_PATH_CALLS = {
    "Path", "PurePath", "open", "glob", "iglob", "rglob", "iterdir", "listdir", "scandir", "walk", "join", "joinpath",
    "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "read", "read_csv", "read_json", "read_parquet", "loadmat",
    "load_file", "CDLL", "load_library", "connect", "InferenceSession",
}  # fmt: skip


def paths_in(node: ast.AST) -> Iterator[str]:
    """Constants of one node of a syntax tree that may be paths; a formatted part of one is `*`.

    A name without a dot or a slash is one only where it is used as one: `open("weights")`, `folder / "weights"`.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search("[./]", node.value):
        yield from _plain(node.value)
    elif isinstance(node, ast.JoinedStr):
        yield from _pattern(node)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield from _words([node.left, node.right])
    elif isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if name in _PATH_CALLS:
            yield from _words([*node.args, *(keyword.value for keyword in node.keywords)])


def named_files(texts: Iterable[str], module: Path, root: Path, *, above: int) -> Iterator[Path]:
    """Existing files and folders outside `root` that texts of a module may mean, each once.

    Relative ones are looked for below the working directory, the folders from the module's up to the root, and some
    above it.

    Args:
        module: file of the module.
        root: folder of its package, whose files count anyway; of a single module its own.
        above: number of folders above the root: 2 for a checkout with `src/package` and `weights`.
    """
    seen: set[Path] = set()
    for text in texts:
        for place in [Path(), *_inner(module, root), *list(root.parents)[:above]]:
            for path in _found(place, text):
                real = path.resolve()
                # A folder that holds the package, such as the parent of a checkout, is not its data.
                if real not in seen and not real.is_relative_to(root) and not root.is_relative_to(real):
                    seen.add(real)
                    yield real


def _words(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _plain(node.value)


def _plain(text: str) -> Iterator[str]:
    if 0 < len(text) < _LONGEST and "\n" not in text and text.strip("./ ") != "":
        yield text


def _pattern(node: ast.JoinedStr) -> Iterator[str]:
    """A pattern of at least three fixed letters or digits, a dot or a slash among its fixed parts."""
    parts = [part.value if isinstance(part, ast.Constant) else "*" for part in node.values]
    text = re.sub(r"\*+", "*", "".join(str(part) for part in parts))
    if re.search("[./]", text) and len(re.findall(r"\w", text)) >= 3:
        yield from _plain(text)


def _inner(module: Path, root: Path) -> Iterator[Path]:
    yield from (folder for folder in module.parents if folder.is_relative_to(root))


def _found(place: Path, text: str) -> Iterator[Path]:
    with suppress(OSError, ValueError, NotImplementedError):  # no path, or a pattern that is none
        if "*" not in text:
            if exists(str(place / text)) and _is_readable(place / text):
                yield place / text
        elif not Path(text).is_absolute():
            yield from sorted(islice((path for path in place.glob(text) if path.is_file()), MAX_FILES))


def _is_readable(path: Path) -> bool:
    """Whether a path holds data: not what the system makes up as it is read, nor what this user may not read."""
    return not path.resolve().is_relative_to("/proc") and not path.is_relative_to("/sys") and os.access(path, os.R_OK)
