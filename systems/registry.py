"""Registry of systems, and `load_system` to build one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..core.entry_checks import call_problem, face_problem, type_problem
from ..core.errors import ConfigError
from ..core.hub.download import local_options
from ..core.registry import Registry
from ..core.validation import call_with
from .protocol import AnySystem, PrivilegedSystem, System, SystemCard

RESERVED = ("metrics",)
"""`tsebench doctor metrics` checks the metrics."""

SystemFactory = Callable[..., AnySystem]


def _problem(_: str, factory: SystemFactory) -> str:
    """Why a class or function cannot be a system."""
    faces = face_problem(factory, System, PrivilegedSystem) if isinstance(factory, type) else ""
    return call_problem(factory, keywords=["device"]) or faces


SYSTEMS: Registry[SystemFactory] = Registry(
    "system", package="tsebench.systems", group="tsebench.systems", reserved=RESERVED, check=_problem
)
register_system = SYSTEMS.register


def load_system(name: str, /, *, device: str = "cpu", **options: Any) -> AnySystem:
    """Build a registered system on a device ("cpu", "cuda", "cuda:1", ...).

    Every factory takes the keyword `device`; `options` are checked against its signature. Those that name a repository
    of a hub (`hf://`) are pinned to its commit, and those that name a file of one are paths of its copy.

    Raises:
        UnknownNameError: no such system.
        ConfigError: an option is unknown or has the wrong type, or the system lacks a method or its card.
        CheckpointError: its weights are missing, unsafe or do not fit.
        HubError: an option names what is not on the hub, or the hub cannot be reached.
    """
    if not isinstance(name, str):
        raise ConfigError(f"a system is loaded by its name, not by {type(name).__name__}; write load_system('mixture')")
    factory, options = SYSTEMS.get(name), local_options(options)
    where, topic = f"system {name!r}", f"system {name}"
    system = call_with(factory, options, where=where, given={"device": device}, topic=topic)
    problem = face_problem(system, System, PrivilegedSystem) or type_problem("card", system.card, SystemCard)
    if problem:
        raise ConfigError(f"system {name!r} cannot be used: {problem}; correct it (docs/plugins.md)")
    if type(system).__repr__ is object.__repr__:  # a class that says nothing of itself is shown by its card
        with suppress(TypeError):  # a compiled class cannot be changed
            type(system).__repr__ = _shown  # type: ignore[method-assign, assignment]
    return system


def _shown(system: AnySystem) -> str:
    return f"<System {system.card}>"
