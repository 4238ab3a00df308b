"""Facts read from the source of a module: imports, files that it names, and ways in which it finds further ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
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


def parsed(path: Path) -> ast.AST:
    """Syntax tree of a module; empty for text that this Python does not take."""
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # a template, or a module for another Python: nothing that was imported
        return ast.Module(body=[], type_ignores=[])


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Absolute names of what is imported; relative ones of a whole package stay inside it (`package` is "")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level and package.count(".") + 1 >= node.level and package:
                module = resolve_name("." * node.level + module, package)
            elif node.level:
                continue
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def named_files(tree: ast.AST) -> Iterator[str]:
    """Existing files whose paths stand in the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 500:
            text = node.value
            if ("/" in text or "." in text) and "\n" not in text and exists(text) and Path(text).is_file():
                yield text


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
