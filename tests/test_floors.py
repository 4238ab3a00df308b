"""The tree is the architecture: imports only go down, and there is no import cycle."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from helpers.paths import ROOT

FLOORS = {"core": 0, "datasets": 1, "systems": 2, "bench": 3, "reports": 4, "doctor": 4, "cli": 5}
"""Package folders of the tree from the ground up; two rooms of one floor share a number."""
AT_ROOT = {"__init__.py", "__main__.py"}


def modules() -> dict[str, Path]:
    """Dotted name below tsebench -> file, for all that is shipped."""
    found = {}
    for folder in FLOORS:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


def floor(module: str) -> int:
    return FLOORS[module.partition(".")[0]]


def test_every_package_folder_is_a_floor() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert folders == set(FLOORS)
    assert {path.name for path in ROOT.glob("*.py")} == AT_ROOT


def test_no_module_name_begins_with_an_underscore() -> None:
    names = [part for name in modules() for part in name.split(".")]
    assert not [name for name in names if name.startswith("_")]


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


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_only_go_down(module: str) -> None:
    above = [name for name in imports(module, modules()[module], lazy=True) if floor(name) > floor(module)]
    assert not above, f"{module} imports from a floor above: {above}"


def test_no_import_cycle() -> None:
    graph = {name: imports(name, path, lazy=False) for name, path in modules().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def test_only_the_audio_module_touches_files_and_rates() -> None:
    for module, path in modules().items():
        if module != "datasets.signals.audio":
            text = path.read_text(encoding="utf-8")
            assert "import soundfile" not in text, module
            assert "import soxr" not in text, module


def test_a_module_has_one_responsibility() -> None:
    long = {
        name: lines
        for name, path in modules().items()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 350
    }
    assert not long, f"split these modules: {long}"
