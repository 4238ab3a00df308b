"""The tree is the architecture: imports only go down, and there is no import cycle."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest
from helpers.paths import ROOT
from helpers.tree import FLOORS, imports, modules

AT_ROOT = {"__init__.py", "__main__.py"}


def floor(module: str) -> int:
    return FLOORS[module.partition(".")[0]]


def test_every_package_folder_is_a_floor() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert folders == set(FLOORS)
    assert {path.name for path in ROOT.glob("*.py")} == AT_ROOT


def test_no_module_name_begins_with_an_underscore() -> None:
    names = [part for name in modules() for part in name.split(".")]
    assert not [name for name in names if name.startswith("_")]


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


def test_only_the_audio_modules_touch_files_and_rates() -> None:
    for module, path in modules().items():
        if module not in {"datasets.signals.audio", "datasets.signals.codecs"}:
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
