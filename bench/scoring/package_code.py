"""Code of a class from elsewhere: its whole package, what that imports, and the versions of installed packages.

Imports are read from the source, so that those inside functions count and nothing is imported for it. A package that
pip installed counts by its version, everything else by the content of its files, and all that it imports in turn.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import distribution, distributions, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...core.content_hash import ContentHash, content_hash, exists
from ...core.packages import installed_version
from ...datasets.seeding import digest
from .named_paths import named_files
from .source_text import parsed, searches, source_facts

_OWN = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Code:
    """Digest of code, and what of it cannot be known, or "".

    Attributes:
        unseen: folders that are too large, and what the code may find by itself.
        source_unseen: there is no source, as in a notebook.
    """

    digest: str
    unseen: str = ""
    source_unseen: str = ""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A package (its folder, or folders) or a single module (its file, and then the folder where it lies)."""

    name: str
    roots: tuple[Path, ...]
    installed: str = ""  # name and version of a package that pip installed

    @property
    def is_module(self) -> bool:
        return self.roots[0].is_file()


def code_of(entry: Callable[..., Any], kind: type) -> Code:
    """All code behind a registered entry and the class of the object that it made.

    Args:
        entry: a class or function; those of tsebench itself add nothing.
        kind: type of the object.
    """
    while isinstance(entry, partial):
        entry = entry.func
    makers = [*(entry.__mro__ if isinstance(entry, type) else [entry]), *kind.__mro__]
    outside = [maker for maker in dict.fromkeys(makers) if _top(maker) not in {_OWN, *sys.stdlib_module_names}]
    facts: list[str] = []
    hidden = ""
    own: dict[_Unit, str | None] = {}
    for maker in outside:
        unit = _unit_of_object(maker)
        if unit is None:
            hidden = f"the source of {maker.__qualname__!r} cannot be seen"
        elif not unit.installed or maker in {entry, kind}:
            own[unit] = maker.__qualname__.partition(".")[0] if unit.is_module else None
        else:
            facts.append(unit.installed)
    found = _closure(own)
    doubts = [*found.doubts, *(part.beyond for part in found.contents if part.beyond)]
    facts += [unit.installed for unit in own]
    parts = [*(part.digest for part in found.contents), *sorted({*facts, *found.versions})]
    return Code(digest(*parts), "; ".join(dict.fromkeys(doubts)), hidden)


def versions_of(*names: str) -> str:
    """Versions of packages without local parts (`2.5.0`, not `2.5.0+cpu`), and that of Python."""
    found = [f"python=={sys.version_info.major}.{sys.version_info.minor}"]
    for name in names:
        if (version := installed_version(name)) is not None:
            found.append(f"{name}=={version.partition('+')[0]}")
    return " ".join(found)


@dataclass(slots=True)
class _Closure:
    """Contents of units and of all that they import and pip did not install; versions of what it did; doubts."""

    contents: list[ContentHash] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)


def _closure(own: Mapping[_Unit, str | None]) -> _Closure:
    """Everything that units need.

    Args:
        own: units with the class or function that counts of a single module; None: all of it.
    """
    found = _Closure(versions={versions_of()})
    waiting, seen = [*own], {unit.roots for unit in own}
    while waiting:
        unit = waiting.pop(0)
        # A single module may read files next to it; a package has its own folder.
        siblings = [unit.roots[0].parent] if unit.is_module and unit in own and not unit.installed else []
        found.contents.append(content_hash([*unit.roots, *siblings]))
        for path in () if found.contents[-1].beyond else _sources(unit):
            facts = source_facts(path, unit.name.rpartition(".")[0] if unit.is_module else "")
            found.doubts += [f"{path.name} {way}" for way in searches(parsed(path), own.get(unit))]
            named = named_files(facts.texts, path, _folder(unit), above=0 if unit.installed else 2)
            for place in named:
                with suppress(OSError):  # it went, or cannot be read: by the code neither
                    found.contents.append(content_hash([place]))
            for imported in filter(None, map(_unit, facts.imports)):
                if imported.roots in seen:
                    continue
                seen.add(imported.roots)
                if imported.installed:
                    found.versions.add(imported.installed)
                else:
                    waiting.append(imported)
    return found


def _folder(unit: _Unit) -> Path:
    return unit.roots[0].parent if unit.is_module else unit.roots[0]


def _unit_of_object(maker: Any) -> _Unit | None:
    """The unit that defines a class or function; None without a source, as in a notebook."""
    name = maker.__module__
    module = sys.modules.get(name)
    interactive = hasattr(sys, "ps1") or hasattr(builtins, "__IPYTHON__")
    if module is None or (name == "__main__" and interactive):
        return None
    spec_name = getattr(getattr(module, "__spec__", None), "name", None)
    if name == "__main__" and spec_name:  # python -m package.module
        name = spec_name
    file = getattr(module, "__file__", None)
    if not file or not Path(file).is_file():
        return None
    path = Path(file).resolve()
    parents = [path.parent, *path.parent.parents]
    depth = next(i for i, folder in enumerate(parents) if not (folder / "__init__.py").is_file())
    roots = (parents[depth - 1],) if depth else (path,)
    top = name.partition(".")[0]
    return _Unit(name, roots, _installed(top, roots[0]))


def _unit(name: str) -> _Unit | None:
    """The unit that an import names; None for Python's own modules, tsebench, and what is not there."""
    top, _, rest = name.partition(".")
    if top in {_OWN, *sys.stdlib_module_names}:
        return None
    try:
        module = sys.modules.get(top)
        spec = getattr(module, "__spec__", None) or find_spec(top)
    except (ImportError, ValueError, AttributeError):  # an optional package that is damaged: importing it fails, too
        return None
    if spec is None:
        return None
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    if spec.origin and Path(spec.origin).is_file():
        roots: tuple[Path, ...] = tuple(places) or (Path(spec.origin),)
    else:  # a namespace package: the part of it that is named
        inner = rest.partition(".")[0]
        named = [p for place in places for p in (place / inner, place / f"{inner}.py") if inner and exists(str(p))]
        roots = tuple(named)
    roots = tuple(root.resolve() for root in roots)
    return _Unit(name, roots, _installed(top, roots[0])) if roots else None


def _installed(top: str, root: Path) -> str:
    """Name and version of the distribution whose files these are; "" for a checkout or a folder on the path."""
    if not any(root.is_relative_to(place) for place in _places()):
        return ""
    for name in _distributions().get(top, ()):
        found = distribution(name)
        placed = Path(str(found.locate_file(""))).resolve()
        if root.is_relative_to(placed) and found.read_text("WHEEL") is not None:  # else a checkout with an egg-info
            return f"{name}=={found.version.partition('+')[0]}"
    return ""


def _sources(unit: _Unit) -> Iterator[Path]:
    for root in unit.roots:
        found = [root] if root.is_file() else sorted(root.rglob("*.py"))[:2000]
        yield from (path for path in found if path.suffix == ".py")


def _top(maker: Any) -> str:
    return str(getattr(maker, "__module__", None) or "__main__").partition(".")[0]


@cache
def _places() -> frozenset[Path]:
    """Folders that pip installs into, and those of checkouts with an egg-info."""
    return frozenset(Path(str(found.locate_file(""))).resolve() for found in distributions())


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Names of installed distributions by top-level package."""
    return packages_distributions()
