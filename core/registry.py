"""Generic, lazy registry: built-in entries are found by file, plug-ins by entry point."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterator
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar

from .errors import ConfigError, DuplicateNameError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to entries of one kind.

    Nothing is imported before the first look-up. A built-in entry is a module of `package` that uses the decorator
    `register`; the module with the entry's name is tried first. Sub-packages are not scanned: shared code of the
    entries lies in `shared/`. An entry point of `group` adds an entry of an installed package: it names the entry
    itself or a module that registers it.

    Args:
        kind: name of an entry in messages, for example "system".
        package: dotted name of the package whose modules hold the built-in entries.
        group: entry-point group of outside plug-ins.
        reserved: names that commands use for something else.
    """

    def __init__(self, kind: str, *, package: str, group: str, reserved: Collection[str] = ()) -> None:
        self.kind = kind
        self._package = package
        self._group = group
        self._reserved = reserved
        self._entries: dict[str, T] = {}
        self._scanned = False
        self._plug_ins: list[EntryPoint] | None = None
        self._added: list[EntryPoint] = []

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that adds an entry under `name`; a reserved or taken name is a DuplicateNameError."""
        if name in self._reserved:
            raise DuplicateNameError(f"{self.kind} {name!r}: the name is reserved for a command of tsebench; rename it")

        def add(entry: T) -> T:
            if self._entries.setdefault(name, entry) is not entry:
                both = f"{self._entries[name]!r} and {entry!r}"
                raise DuplicateNameError(f"{self.kind} {name!r} is registered twice: {both}; rename one of them")
            return entry

        return add

    def get(self, name: str) -> T:
        """The entry called `name`.

        Raises:
            UnknownNameError: no such entry; the message suggests the nearest name.
            ConfigError: a plug-in cannot be loaded.
        """
        self._import_built_in(name)
        if name not in self._entries:
            for point in self._points():
                if point.name == name:
                    self._add(point)
        if name not in self._entries:
            self._scan()
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries)
        return self._entries[name]

    def registered(self, name: str) -> T | None:
        """The entry called `name` if it is registered already; imports nothing."""
        return self._entries.get(name)

    def built_in(self, name: str) -> T | None:
        """The entry called `name` without importing a plug-in; None if only a plug-in may have it.

        Raises:
            UnknownNameError: no such entry.
        """
        self._import_built_in(name)
        points = self._points()
        if name not in self._entries and name not in {point.name for point in points}:
            for module in self._modules():
                self._import(module)
            if name not in self._entries and all(point.attr for point in points):  # none registers further names
                raise UnknownNameError(self.kind, name, {*self._entries, *(point.name for point in points)})
        return self._entries.get(name)

    def names(self) -> list[str]:
        """All names, sorted; imports every built-in module and plug-in."""
        self._scan()
        return sorted(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _modules(self) -> list[str]:
        package = importlib.import_module(self._package)
        return [m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg]

    def _import_built_in(self, name: str) -> None:
        if name not in self._entries and name in self._modules():
            self._import(name)

    def _import(self, module: str) -> None:
        importlib.import_module(f"{self._package}.{module}")

    def _scan(self) -> None:
        if self._scanned:
            return
        for module in self._modules():
            self._import(module)
        for point in self._points():
            self._add(point)
        self._scanned = True

    def _points(self) -> list[EntryPoint]:
        if self._plug_ins is None:
            self._plug_ins = list(entry_points(group=self._group))
        return self._plug_ins

    def _add(self, point: EntryPoint) -> None:
        if point in self._added:
            return
        loaded = self._load(point)
        if not isinstance(loaded, ModuleType):
            self.register(point.name)(loaded)
        self._added.append(point)

    def _load(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except (Exception, SystemExit) as error:
            package = point.dist.name if point.dist else "unknown"
            raise ConfigError(
                f"{self.kind} plug-in {point.name!r} ({point.value}) of package {package!r} cannot "
                f"be loaded: {error}; repair or uninstall the package"
            ) from error
