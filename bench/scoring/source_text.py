"""Facts read from the source of a module: imports, files that it names, and ways in which it finds further ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import resolve_name
from pathlib import Path

from ...core.content_hash import exists

_SEARCHES = {
    **dict.fromkeys(("environ", "getenv", "expanduser", "expandvars", "home"), "reads the user's environment"),
    **dict.fromkeys(
        ("from_pretrained", "hf_hub_download", "snapshot_download", "load_state_dict_from_url", "hub"),
        "loads weights by name",
    ),
    **dict.fromkeys(("import_module", "__import__"), "imports modules by name"),
    **dict.fromkeys(("urlopen", "urlretrieve", "requests", "subprocess"), "uses other programs or the network"),
}
"""Names in code that finds what its answers depend on by itself."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Facts of a module: absolute names of what it imports, and constants that may be paths."""

    imports: tuple[str, ...]
    texts: tuple[str, ...]

    def named_files(self) -> Iterator[str]:
        """Existing files whose paths stand in the code."""
        yield from (text for text in self.texts if exists(text) and Path(text).is_file())


def source_facts(path: Path, package: str) -> SourceFacts:
    """Facts of a module; relative imports of a whole package stay inside it (`package` is "")."""
    return _facts(path.read_bytes(), package)


def parsed(path: Path) -> ast.AST:
    """Syntax tree of a module; empty for text that this Python does not take."""
    return _parsed(path.read_bytes())


def _parsed(source: bytes) -> ast.AST:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):  # a template, or a module for another Python: nothing that was imported
        return ast.Module(body=[], type_ignores=[])


@lru_cache(maxsize=4096)
def _facts(source: bytes, package: str) -> SourceFacts:
    names: list[str] = []
    texts: list[str] = []
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += _imported(node, package)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _may_be_a_path(node.value):
            texts.append(node.value)
    return SourceFacts(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(texts)))


def _may_be_a_path(text: str) -> bool:
    return len(text) < 500 and ("/" in text or "." in text) and "\n" not in text


def _imported(node: ast.ImportFrom, package: str) -> list[str]:
    """Absolute names of `from X import Y`: the module, and Y, which may be one, too."""
    module = node.module or ""
    if node.level and package.count(".") + 1 >= node.level and package:
        module = resolve_name("." * node.level + module, package)
    elif node.level:
        return []
    return [module, *(f"{module}.{alias.name}" for alias in node.names)]


def searches(tree: ast.AST, name: str | None) -> Iterator[str]:
    """Ways in which code finds by itself what its answers depend on.

    Args:
        name: the class or function that counts, with all that it uses of its module; None: the whole module.
    """
    for outer in [tree] if name is None else _reached(tree, name):
        for node in ast.walk(outer):
            used = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if used in _SEARCHES:
                yield f"{_SEARCHES[used]} ({used})"


def _reached(tree: ast.AST, name: str) -> Iterator[ast.AST]:
    """Top-level statements of a module that define `name`, and all names that these use in turn.

    A script that also trains or plots reads other files than its model does.
    """
    statements: list[ast.stmt] = tree.body if isinstance(tree, ast.Module) else []
    defined: dict[str, list[ast.stmt]] = {}
    for statement in statements:
        for found in _defined(statement):
            defined.setdefault(found, []).append(statement)
    waiting, seen = [name], {name}
    while waiting:
        for statement in defined.get(waiting.pop(), ()):
            yield statement
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - seen
            seen |= used
            waiting += used


def _defined(statement: ast.AST) -> Iterator[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
