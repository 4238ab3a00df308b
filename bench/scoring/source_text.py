"""Facts read from the source of a module: imports, files that it names, and ways in which it finds further ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import resolve_name
from pathlib import Path

from .named_paths import paths_in

_SEARCHES = {
    **dict.fromkeys(("environ", "getenv", "expanduser", "expandvars", "home"), "reads the user's environment"),
    **dict.fromkeys(
        ("from_pretrained", "hf_hub_download", "snapshot_download", "load_state_dict_from_url", "hub"),
        "loads weights by name",
    ),
    **dict.fromkeys(
        ("import_module", "__import__", "spec_from_file_location", "exec_module", "runpy", "pkgutil", "entry_points"),
        "imports modules by name",
    ),
    **dict.fromkeys(("sys.path", "addsitedir"), "changes where modules come from"),
    **dict.fromkeys(("importlib.resources", "resources"), "reads files of packages by name"),
    **dict.fromkeys(
        ("urlopen", "urlretrieve", "requests", "httpx", "aiohttp", "socket", "boto3", "fsspec", "gdown", "wget",
         "subprocess", "Popen", "popen", "os.system", "create_subprocess_exec", "create_subprocess_shell"),
        "uses other programs or the network",
    ),
}  # fmt: skip
"""Names in code that finds what its answers depend on by itself."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Facts of a module: absolute names of what it imports, and constants that may be paths, or patterns of paths."""

    imports: tuple[str, ...]
    texts: tuple[str, ...]


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
        else:
            texts += paths_in(node)
    return SourceFacts(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(texts)))


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
            for used in _used(node):
                if used in _SEARCHES:
                    yield f"{_SEARCHES[used]} ({used})"


def _used(node: ast.AST) -> Iterator[str]:
    """Names that a node uses: `a`, the last of `a.b.c`, `a.b`, and what an import takes or gives another name."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
        if isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        names = [node.module, *(alias.name for alias in node.names)]
        yield from [*names, *(f"{node.module}.{alias.name}" for alias in node.names), node.module.partition(".")[0]]
        yield from node.module.split(".")[1:]
    elif isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield from [alias.name, *alias.name.split(".")]


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
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
