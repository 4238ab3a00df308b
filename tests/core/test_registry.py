"""The registry: lazy, with plug-ins from entry points, strict about names."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

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

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
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


def test_a_plug_in_with_a_taken_name_costs_itself_alone(toys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _plug_in(monkeypatch, alpha="plug:thing", direct="plug:thing")
    for _ in range(2):
        assert toys.names() == ["alpha", "direct", "plugged", "second"]
        assert toys.get("alpha") == "entry alpha"
    assert str(toys.problems()["alpha"]) == (
        "toy plug-in 'alpha' (plug:thing) of package 'plug' cannot be used: tsebench has a toy of that name; "
        "rename the entry point"
    )


def test_two_packages_with_one_name_are_both_named(toys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("direct", "plug:thing", "g"), EntryPoint("direct", "other_plug:thing", "g")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
    other = ModuleType("other_plug")
    other.thing = "other thing"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "other_plug", other)
    for _ in range(2):
        with pytest.raises(ConfigError, match="'other_plug' cannot be used: package 'plug' has a toy of that name"):
            toys.get("direct")
    assert "direct" not in toys.names()


def test_a_built_in_keeps_its_name_whatever_is_imported_first(toys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _plug_in(monkeypatch, second="plug:thing")
    assert toys.get("second") == "thing"  # its module `beta` is not known by name
    assert toys.built_in("alpha") == "entry alpha"
    assert toys.names() == ["alpha", "plugged", "second"]
    assert toys.get("second") == "entry second"
    assert "tsebench has a toy of that name" in str(toys.problems()["second"])


def test_an_object_that_is_checked_and_found_wrong(toys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _plug_in(monkeypatch, direct="plug:thing", module="plug")
    monkeypatch.setattr(toys, "_check", lambda _, entry: "it is no toy" if entry == "entry plugged" else "")
    assert toys.names() == ["alpha", "direct", "second"]
    (name,) = toys.problems()
    assert name == "plugged"
    with pytest.raises(ConfigError, match="of package 'plug' cannot be used: it is no toy; correct it"):
        toys.get("plugged")
    with pytest.raises(UnknownNameError, match="plug-ins that cannot be used: plugged"):
        toys.get("pluggy")


def test_a_module_that_registers_nothing(toys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty_plug.py").write_text("thing = 'thing'\n")
    _plug_in(monkeypatch, forgotten="empty_plug")
    with pytest.raises(ConfigError, match=r"its module registers no toy; decorate the entry, or name it: empty_plug:N"):
        toys.get("forgotten")
    assert toys.names() == ["alpha", "second"]
    monkeypatch.delitem(sys.modules, "empty_plug")


@pytest.mark.parametrize("value", ["no_such_package:thing", "plug:no_such_name"])
def test_a_broken_plug_in_is_named(toys: Any, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    _plug_in(monkeypatch, broken=value, direct="plug:thing")
    with pytest.raises(ConfigError, match=rf"toy plug-in 'broken' \({value}\) .* cannot be loaded"):
        toys.get("broken")
    assert toys.names() == ["alpha", "direct", "plugged", "second"]
    assert list(toys.problems()) == ["broken"]


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import not_there_at_all.deeper", "it needs 'not_there_at_all', which is not installed; install that, or"),
        ("1 / 0", "ZeroDivisionError: division by zero (broken_plug line 1); repair or uninstall 'broken_plug'"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit(3)", "SystemExit: 3 (broken_plug line 1); repair or"),
        ("from plug import nothing", "ImportError: cannot import name 'nothing' from 'plug'"),
    ],
)
def test_what_stops_an_import_is_named_with_the_fix(
    code: str, line: str, toys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken_plug.py").write_text(code)
    _plug_in(monkeypatch, broken="broken_plug")
    assert "broken" not in toys.names()
    assert {"alpha", "second"} <= set(toys.names())
    assert f"toy plug-in 'broken' (broken_plug) of package 'broken_plug' cannot be loaded: {line}" in str(
        toys.problems()["broken"]
    )


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


@pytest.mark.long
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


def test_a_cell_that_runs_again_replaces_its_class() -> None:
    registry: Registry[type] = Registry("thing", package="tsebench.systems", group="none", check=lambda *_: "")
    for _ in range(2):
        cell: dict[str, Any] = {"__name__": "__main__", "register": registry.register}
        exec("@register('mine')\nclass Mine: pass", cell)
        assert registry.registered("mine") is cell["Mine"]
    with pytest.raises(DuplicateNameError, match="registered twice"):
        exec("@register('mine')\nclass Other: pass", cell)


def test_a_wrong_entry_of_a_notebook_is_refused_at_once() -> None:
    registry: Registry[Any] = Registry("thing", package="tsebench.systems", group="none", check=lambda *_: "it is none")
    with pytest.raises(ConfigError, match=r"thing 'x' cannot be used: it is none"):
        exec("@register('x')\nclass Mine: pass", {"__name__": "__main__", "register": registry.register})
    with pytest.raises(ConfigError, match=r"write for example @register_thing\('my_thing'\)"):
        registry.register(Registry)  # type: ignore[arg-type]
