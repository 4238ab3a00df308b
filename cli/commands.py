"""Registration of commands: each module of this folder declares one, and `main` finds it."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `tsebench`.

    Attributes:
        name: on the command line.
        place: `tsebench --help` lists commands by increasing place.
        summary: its line in `tsebench --help`.
        examples: end of its own help.
    """

    function: Callable[..., None]
    name: str
    place: int
    summary: str
    examples: str | None


_COMMANDS: list[Command] = []


def command(name: str, *, place: int, summary: str, examples: str | None = None) -> Callable[[F], F]:
    """Decorator that makes a function with typer's annotations a command."""

    def add(function: F) -> F:
        _COMMANDS.append(Command(function, name, place, summary, examples))
        return function

    return add


def load_commands() -> list[Command]:
    """All commands in the order of `tsebench --help`; imports the modules of this folder."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        import_module(f".{module.name}", __package__)
    return sorted(_COMMANDS, key=lambda each: each.place)
