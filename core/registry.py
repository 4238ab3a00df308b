"""Generic, lazy registry: built-in entries are found by file, plug-ins by entry point."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .errors import ConfigError, DuplicateNameError, UnknownNameError
from .plug_ins import load_plug_in, loading, package_of, plug_in_error

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

_SCRIPT = "__main__"
"""Module of what a script or notebook defines."""


class Registry(Generic[T]):
    """Names to entries of one kind.

    Nothing is imported before the first look-up. A built-in entry is a module of `package` that uses the decorator
    `register`; the module with the entry's name is tried first, then one whose text registers that name. Sub-packages
    are not scanned: shared code of the entries lies in `shared/`. An entry point of `group` adds an entry of an
    installed package: it names the entry itself or a module that registers it. A plug-in that cannot be used is left
    out, and `problems` says why; a built-in entry keeps its name.

    Args:
        kind: name of an entry in messages, for example "system".
        package: dotted name of the package whose modules hold the built-in entries.
        group: entry-point group of outside plug-ins.
        reserved: names that commands use for something else.
        check: problem of a plug-in's entry in words, "" without one; called with name and entry.
    """

    def __init__(
        self,
        kind: str,
        *,
        package: str,
        group: str,
        reserved: Collection[str] = (),
        check: Callable[[str, T], str] = lambda *_: "",
    ) -> None:
        self.kind, self.group = kind, group
        self._package = package
        self._reserved = reserved
        self._check = check
        self._entries: dict[str, T] = {}
        self._owners: dict[str, EntryPoint] = {}  # of entries of plug-ins
        self._problems: dict[str, ConfigError] = {}
        self._texts: dict[str, str] = {}  # of built-in modules
        self._importing = False  # a built-in module
        self._scanned = False
        self._built_in_scanned = False
        self._plug_ins: list[EntryPoint] | None = None
        self._added: list[EntryPoint] = []

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that adds an entry under `name`.

        A class of a script or notebook takes the place of an earlier one of its name, as when a cell runs again.

        Raises:
            ConfigError: the name is no text, or an entry of the script or notebook cannot be used.
            DuplicateNameError: the name is reserved or taken.
        """
        given: object = name
        if not isinstance(given, str):
            example = f"@register_{self.kind}('my_{self.kind}')"
            raise ConfigError(f"a {self.kind} is registered under a name, not {given!r}; write for example {example}")
        if name in self._reserved:
            raise DuplicateNameError(f"{self.kind} {name!r}: the name is reserved for a command of tsebench; rename it")

        def add(entry: T) -> T:
            built_in = self._importing or self._is_built_in(entry)
            owner = None if built_in else loading()
            if _place(entry)[0] == _SCRIPT and (problem := self._problem_of(name, entry)):
                raise ConfigError(f"{self.kind} {name!r} cannot be used: {problem}; correct it (docs/plugins.md)")
            known = self._entries.get(name, entry)
            if known is not entry and not (_place(known) == _place(entry) and _place(entry)[0] == _SCRIPT):
                if name not in self._owners or not built_in:
                    both = f"{known!r} and {entry!r}"
                    raise DuplicateNameError(f"{self.kind} {name!r} is registered twice: {both}; rename one of them")
                self._problems[name] = self._taken(self._owners.pop(name))
            self._entries[name] = entry
            if owner is not None:
                self._owners.setdefault(name, owner)
            return entry

        return add

    def get(self, name: str) -> T:
        """The entry called `name`.

        Raises:
            UnknownNameError: no such entry; the message suggests the nearest name.
            ConfigError: a plug-in of that name cannot be used.
        """
        if self.found(name) is None and name not in self._problems:
            self._scan()
        if name in self._entries:
            return self._entries[name]
        raise self.unknown(name, self._entries)

    def found(self, name: str) -> T | None:
        """The entry called `name`, without a look at modules and plug-ins that do not show that they have it."""
        self._import_built_in(name)
        if name not in self._entries:
            for point in self._points():
                if point.name == name:
                    self._add(point)
        return self._entries.get(name)

    def registered(self, name: str) -> T | None:
        """The entry called `name` if it is registered already; imports nothing."""
        return self._entries.get(name)

    def built_in(self, name: str) -> T | None:
        """The entry called `name` without importing a plug-in; None if only a plug-in may have it.

        Raises:
            UnknownNameError: no such entry.
        """
        self._import_built_in(name)
        if name not in self._entries:
            self._scan_built_in()
            points = self._points()
            named = {point.name for point in points}
            if name not in {*self._entries, *named} and all(point.attr for point in points):  # none registers others
                raise UnknownNameError(self.kind, name, {*self._entries, *named})
        return self._entries.get(name)

    def names(self) -> list[str]:
        """All names, sorted; imports every built-in module and plug-in."""
        self._scan()
        return sorted(self._entries)

    def problems(self) -> dict[str, ConfigError]:
        """Plug-ins that cannot be used by name, each with its error; imports all."""
        self._scan()
        return dict(sorted(self._problems.items()))

    def unknown(self, name: str, known: Iterable[str]) -> ConfigError:
        """Error for a name that is none of `known`: that of a plug-in of this name, or UnknownNameError."""
        return self._problems.get(name) or UnknownNameError(self.kind, name, known, broken=self._problems)

    def package_of(self, name: str) -> str:
        """Package that added the entry called `name`; "" for a built-in one and for one of the running program."""
        owner = self._owners.get(name)
        return package_of(owner) if owner else ""

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _modules(self) -> list[str]:
        package = importlib.import_module(self._package)
        return [m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg]

    def _import_built_in(self, name: str) -> None:
        if name in self._entries and name not in self._owners:
            return
        modules = self._modules()
        for module in [name] if name in modules else [m for m in modules if f'.register("{name}")' in self._text(m)]:
            self._import(module)

    def _text(self, module: str) -> str:
        """Source of a module; "" where it has none that can be read."""
        if module not in self._texts:
            package = importlib.import_module(self._package)
            paths = [Path(folder) / f"{module}.py" for folder in getattr(package, "__path__", ())]
            try:
                self._texts[module] = next(path for path in paths if path.is_file()).read_text(encoding="utf-8")
            except (StopIteration, OSError, ValueError):
                self._texts[module] = ""
        return self._texts[module]

    def _import(self, module: str) -> None:
        self._importing = True
        try:
            importlib.import_module(f"{self._package}.{module}")
        finally:
            self._importing = False

    def _is_built_in(self, entry: object) -> bool:
        return f"{_place(entry)[0]}.".startswith(f"{self._package.partition('.')[0]}.")

    def _scan(self) -> None:
        if self._scanned:
            return
        self._scan_built_in()
        for point in self._points():
            self._add(point)
        self._scanned = True

    def _scan_built_in(self) -> None:
        if not self._built_in_scanned:
            for module in self._modules():
                self._import(module)
            self._built_in_scanned = True

    def _points(self) -> list[EntryPoint]:
        if self._plug_ins is None:
            from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import; worker processes do without

            self._plug_ins = list(entry_points(group=self.group))
        return self._plug_ins

    def _add(self, point: EntryPoint) -> None:
        """Load a plug-in once; what is wrong with it goes to the problems."""
        if point in self._added:
            return
        self._added.append(point)
        new, before = point.module not in sys.modules, set(self._entries)
        try:
            loaded = self._load(point)
            if not isinstance(loaded, ModuleType):
                self._add_entry(point, loaded)
            elif new and point.name not in self._entries and before == set(self._entries):
                problem = f"cannot be used: its module registers no {self.kind}"
                raise plug_in_error(self.kind, point, f"{problem}; decorate the entry, or name it: {point.module}:NAME")
        except DuplicateNameError as error:
            self._problems[point.name] = plug_in_error(self.kind, point, f"cannot be used: {error}")
        except ConfigError as error:
            self._problems[point.name] = error
        self._check_new({*self._entries} - before)

    def _add_entry(self, point: EntryPoint, entry: T) -> None:
        known = self._entries.get(point.name, entry)
        if known is not entry:
            other = self._owners.get(point.name)
            if other is not None:  # neither of the two is meant for sure
                del self._entries[point.name], self._owners[point.name]
            raise self._taken(point, other)
        self.register(point.name)(entry)
        self._owners[point.name] = point

    def _check_new(self, names: Collection[str]) -> None:
        """Take entries of plug-ins that cannot be used out again."""
        for name in names:
            owner = self._owners.get(name)
            problem = self._problem_of(name, self._entries[name]) if owner else ""
            if owner and problem:
                del self._entries[name], self._owners[name]
                text = f"cannot be used: {problem}; correct it (docs/plugins.md) or uninstall {package_of(owner)!r}"
                self._problems[name] = plug_in_error(self.kind, owner, text)

    def _problem_of(self, name: str, entry: T) -> str:
        try:
            return self._check(name, entry)
        except Exception as error:  # noqa: BLE001 - any problem of a plug-in is a text
            return f"{type(error).__name__}: {error}"

    def _taken(self, point: EntryPoint, other: EntryPoint | None = None) -> ConfigError:
        """Error of a plug-in whose name another entry has."""
        owner = f"package {package_of(other)!r}" if other else "tsebench"
        fix = "rename the entry point, or uninstall one of the two" if other else "rename the entry point"
        return plug_in_error(self.kind, point, f"cannot be used: {owner} has a {self.kind} of that name; {fix}")

    def _load(self, point: EntryPoint) -> Any:
        return load_plug_in(self.kind, point)


def _place(entry: object) -> tuple[str, str]:
    """Module and qualified name of an entry, or of its type."""
    module = getattr(entry, "__module__", None) or type(entry).__module__
    return str(module), str(getattr(entry, "__qualname__", None) or type(entry).__qualname__)
