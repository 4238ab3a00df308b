"""Rooms of the tree: each has a face, a class name stands once, and no fragments lie about."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.tree import FLOORS, imports, modules

ROOMS = sorted({path.parent for folder in FLOORS for path in (ROOT / folder).rglob("*.py")})


@cache
def defined(path: Path) -> frozenset[str]:
    """Names at the top level of a module."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return frozenset(names)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_has_a_face_whose_names_exist(room: Path) -> None:
    """The docstring of `__init__` describes the room; identifiers that it names are defined there."""
    text = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
    assert text, f"{room / '__init__.py'} has no docstring"
    known = {path.stem for path in room.rglob("*.py")} | {path.name for path in room.rglob("*") if path.is_dir()}
    known |= {name for path in room.rglob("*.py") for name in defined(path)}
    named = set(re.findall(r"`([A-Za-z_]\w+)`", text))
    assert named <= known, f"{room}: no such names: {sorted(named - known)}"


def test_a_public_class_name_stands_once() -> None:
    places = defaultdict(list)
    for module, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_no_fragments() -> None:
    """A module under 40 lines with a single importer belongs into it, unless it is a registry's entry."""
    importers = Counter(name for module, path in modules().items() for name in imports(module, path, lazy=True))
    small = [
        module
        for module, path in modules().items()
        if path.name != "__init__.py"
        and not module.startswith("cli.")  # a command is an entry, too
        and importers[module] == 1
        and len(path.read_text(encoding="utf-8").splitlines()) < 40
        and ".register(" not in path.read_text(encoding="utf-8")
    ]
    assert not small
