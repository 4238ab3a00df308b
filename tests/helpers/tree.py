"""The tree of the package: its floors, modules and imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from helpers.paths import ROOT

FLOORS = {"core": 0, "datasets": 1, "systems": 2, "bench": 3, "reports": 4, "doctor": 4, "reference": 4, "cli": 5}
"""Package folders of the tree from the ground up; two rooms of one floor share a number."""


@cache
def modules() -> dict[str, Path]:
    """Dotted name below tsebench -> file, for all that is shipped."""
    found = {}
    for folder in FLOORS:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


@cache
def imports(module: str, path: Path, *, lazy: bool) -> set[str]:
    """Modules of tsebench that a module imports; `lazy` counts imports inside functions too."""
    known = modules()
    package = [*module.split(".")] if path.name == "__init__.py" else module.split(".")[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if lazy else _at_import_time(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            start = [*base, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                names = [".".join([*start, alias.name]), ".".join(start)]
                found.update([name for name in names if name in known][:1])
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            absolute = [name for name in names if name.split(".")[0] == "tsebench"]
            assert not absolute, f"{module}: write relative imports, not {absolute}"
    return found - {module}


def _at_import_time(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run when the module is imported; not functions, nor TYPE_CHECKING blocks."""
    found: list[ast.stmt] = []
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        node = todo.pop()
        found.append(node)
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            todo += [*node.body, *node.orelse]
        elif isinstance(node, ast.Try | ast.With | ast.ClassDef):
            todo += node.body
    return found
