"""The registry: lazy, with plug-ins from entry points, strict about names."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tsebench.core import registry as registry_module
from tsebench.core.errors import ConfigError, DuplicateNameError, TsebenchError, UnknownNameError
from tsebench.core.registry import Registry

MODULES = {
    "alpha": "from toys_registry import TOYS\nTOYS.register('alpha')('entry alpha')\n",
    "beta": "from toys_registry import TOYS\nTOYS.register('second')('entry second')\n",
}


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry of package `toys` with the modules above, without plug-ins."""
    package = tmp_path / "toys"
    (package / "deeper").mkdir(parents=True)
    for name, text in {**MODULES, "__init__": "", "deeper/__init__": "raise RuntimeError"}.items():
        (package / f"{name}.py").write_text(text)
    (tmp_path / "plug.py").write_text(
        "from toys_registry import TOYS\nTOYS.register('plugged')('entry plugged')\nthing = 'thing'\n"
    )
    registry: Registry[str] = Registry("toy", package="toys", group="tsebench.toys")
    shared: Any = ModuleType("toys_registry")
    shared.TOYS = registry
    monkeypatch.setitem(sys.modules, "toys_registry", shared)
    monkeypatch.syspath_prepend(str(tmp_path))
    _plug_in(monkeypatch)
    yield registry
    for name in [n for n in sys.modules if n.split(".")[0] in {"toys", "plug"}]:
        del sys.modules[name]


def _plug_in(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[str]:
    asked: list[str] = []

    def entry_points(*, group: str) -> list[EntryPoint]:
        asked.append(group)
        return [EntryPoint(name, value, group) for name, value in values.items()]

    monkeypatch.setattr(registry_module, "entry_points", entry_points)
    return asked


def _imported() -> set[str]:
    return {name for name in sys.modules if name.split(".")[0] in {"toys", "plug"}}


def test_only_the_module_of_the_name_is_imported(toys: Any) -> None:
    assert _imported() == set()
    assert toys.get("alpha") == "entry alpha"
    assert _imported() == {"toys", "toys.alpha"}


def test_a_name_that_its_module_does_not_carry_is_found_by_a_scan(toys: Any) -> None:
    assert toys.get("second") == "entry second"
    assert toys.names() == ["alpha", "second"] == list(toys)
    assert "second" in toys
    assert "beta" not in toys


def test_plug_ins_are_loaded_when_they_are_needed(toys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _plug_in(monkeypatch, direct="plug:thing", module="plug")
    assert toys.get("alpha") == "entry alpha"
    assert asked == []
    assert toys.get("direct") == "thing"
    assert toys.get("plugged") == "entry plugged"
    assert toys.names() == ["alpha", "direct", "plugged", "second"]
    assert asked == ["tsebench.toys"]


def test_a_plug_in_with_a_taken_name_is_an_error_but_built_ins_still_work(
    toys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plug_in(monkeypatch, alpha="plug:thing")
    for _ in range(2):
        with pytest.raises(DuplicateNameError, match="toy 'alpha' is registered twice: 'entry alp"):
            toys.names()
    assert toys.get("alpha") == "entry alpha"


@pytest.mark.parametrize("value", ["no_such_package:thing", "plug:no_such_name"])
def test_a_broken_plug_in_is_named(toys: Any, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    _plug_in(monkeypatch, broken=value)
    with pytest.raises(ConfigError, match=rf"toy plug-in 'broken' \({value}\) .* cannot be loaded"):
        toys.names()
    assert toys.get("alpha") == "entry alpha"


@pytest.mark.parametrize(("name", "hint"), [("alfa", "did you mean 'alpha'"), ("seconds", "did you mean 'second'")])
def test_an_unknown_name_suggests_the_nearest(toys: Any, name: str, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"^unknown toy '{name}'; {hint}\? \(known: alpha,"):
        toys.get(name)


@pytest.mark.parametrize("name", ["", "deeper", "alpha.py", "../alpha", "toys.alpha", "zzzz"])
def test_other_names_are_unknown(toys: Any, name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        toys.get(name)
    assert caught.value.kind == "toy"
    assert caught.value.known == ["alpha", "second"]
    assert isinstance(caught.value, TsebenchError)


def test_registering_twice() -> None:
    registry: Registry[object] = Registry("toy", package="toys", group="none")
    entry = object()
    assert registry.register("a")(entry) is entry
    assert registry.register("a")(entry) is entry
    with pytest.raises(DuplicateNameError, match="rename one of them"):
        registry.register("a")(object())


def test_our_registries_import_nothing_before_they_are_asked() -> None:
    program = """
import sys
from tsebench.bench.metrics.registry import METRICS
from tsebench.datasets.protocols.builder import BUILDERS
from tsebench.datasets.protocols.corpus import CORPORA
from tsebench.systems.registry import SYSTEMS
early = set(sys.modules)
for registry in (METRICS, BUILDERS, CORPORA, SYSTEMS):
    assert registry.names()
    eager = {f"{registry._package}.{name}" for name in registry.names()} & early
    assert not eager, eager
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
