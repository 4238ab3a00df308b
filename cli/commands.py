"""Registration of commands: each module of this folder declares one, and `main` finds it."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from typer.core import TyperCommand

F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `tsebench`.

    Attributes:
        name: on the command line.
        place: `tsebench --help` lists commands by increasing place.
        summary: its line in `tsebench --help`.
        examples: end of its own help.
        groups: names of options by the heading under which its help lists them; the others come last.
    """

    function: Callable[..., None]
    name: str
    place: int
    summary: str
    examples: str | None
    groups: Mapping[str, Sequence[str]]

    @property
    def kind(self) -> type[TyperCommand]:
        """Class of the command for typer."""
        return type("Grouped", (_Grouped,), {"groups": self.groups}) if self.groups else TyperCommand


class _Grouped(TyperCommand):
    """A command whose help lists options under headings."""

    groups: ClassVar[Mapping[str, Sequence[str]]] = {}

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of the help."""
        lines = {str(each.name): each.get_help_record(ctx) for each in self.get_params(ctx)}
        sections = {heading: [lines.pop(name) for name in names] for heading, names in self.groups.items()}
        for heading, records in [*sections.items(), ("Other options", list(lines.values()))]:
            with formatter.section(heading):
                formatter.write_dl([record for record in records if record is not None])


_COMMANDS: list[Command] = []


def command(
    name: str,
    *,
    place: int,
    summary: str,
    examples: str | None = None,
    groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Callable[[F], F]:
    """Decorator that makes a function with typer's annotations a command."""

    def add(function: F) -> F:
        _COMMANDS.append(Command(function, name, place, summary, examples, groups))
        return function

    return add


def load_commands() -> list[Command]:
    """All commands in the order of `tsebench --help`; imports the modules of this folder."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        import_module(f".{module.name}", __package__)
    return sorted(_COMMANDS, key=lambda each: each.place)
