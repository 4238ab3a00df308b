"""Entries that other packages add through entry points: loading, and errors that name the package and the fix."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import reduce
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import ConfigError, TsebenchError, suggest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PREFIX = "tsebench."
"""Every entry-point group of tsebench begins so."""

_LOADING: ContextVar[EntryPoint | None] = ContextVar("plug_in", default=None)


def loading() -> EntryPoint | None:
    """The entry point whose module is being imported, if any."""
    return _LOADING.get()


@contextmanager
def loaded_for(point: EntryPoint) -> Iterator[None]:
    """Entries that are registered inside belong to `point`."""
    token = _LOADING.set(point)
    try:
        yield
    finally:
        _LOADING.reset(token)


def package_of(point: EntryPoint) -> str:
    """Name of the package that an entry point belongs to."""
    return point.dist.name if point.dist else point.module.partition(".")[0]


def plug_in_error(kind: str, point: EntryPoint, problem: str) -> ConfigError:
    """Error of a plug-in: kind, name, place, package, problem and fix."""
    title = f"{kind} plug-in {point.name!r} ({point.value}) of package {package_of(point)!r}"
    return ConfigError(f"{title} {problem}")


def load_plug_in(kind: str, point: EntryPoint) -> Any:
    """The object of an entry point: a module, or an object of one.

    Raises:
        ConfigError: it cannot be imported, or has no such object.
    """
    package = package_of(point)
    try:
        with loaded_for(point):
            module = import_module(point.module)
    except (Exception, SystemExit) as error:
        raise plug_in_error(kind, point, f"cannot be loaded: {_import_problem(error, point, package)}") from error
    try:
        return reduce(getattr, point.attr.split(".") if point.attr else [], module)
    except AttributeError:
        there = suggest(point.attr, [name for name in vars(module) if not name.startswith("_")])
        problem = f"cannot be loaded: module {point.module!r} has no {point.attr!r}{there}"
        raise plug_in_error(kind, point, f"{problem}; correct the entry point and install the package again") from None


def installed_groups() -> dict[str, list[EntryPoint]]:
    """Entry points of all installed packages whose group begins with `PREFIX`, by group."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import; worker processes do without

    groups = sorted(group for group in entry_points().groups if group.startswith(PREFIX))
    return {group: list(entry_points(group=group)) for group in groups}


def fault_of_plug_in(error: BaseException) -> str:
    """One line on an unexpected error that plug-in code raised, or what it called; "" if no plug-in took part."""
    points = {point.module.partition(".")[0]: point for each in installed_groups().values() for point in each}
    places = [
        (str(frame.f_globals.get("__name__", "")), line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    for name, line in reversed(places):
        point = points.get(name.partition(".")[0])
        if point is not None:
            package = package_of(point)
            what = f"{type(error).__name__}: {error}".removesuffix(": ")
            return f"package {package!r} raised {what} ({name} line {line}); correct it, or uninstall the package"
    return ""


def _import_problem(error: BaseException, point: EntryPoint, package: str) -> str:
    """Reason why an import failed, and the fix."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        if point.module == error.name or point.module.startswith(f"{error.name}."):
            return f"there is no module {error.name!r}; correct the entry point and install the package again"
        return f"it needs {error.name!r}, which is not installed; install that, or uninstall {package!r}"
    if isinstance(error, TsebenchError):
        return f"{error} (in {package!r}; or uninstall it)"
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"{text}{_line_of(error)}; repair or uninstall {package!r}"


def _line_of(error: BaseException) -> str:
    """Last line of the plug-in's code that an error went through, " (module line N)"."""
    if isinstance(error, SyntaxError):
        return ""  # it names its file and line
    ours = __name__.partition(".")[0]
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in {ours, "importlib", "_frozen_importlib", *sys.builtin_module_names}:
            return f" ({name} line {line})"
    return ""
