"""Registry of systems, and `load_system` to build one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.registry import Registry
from ..core.validation import call_with
from .protocol import AnySystem

RESERVED = ("metrics",)
"""`tsebench doctor metrics` checks the metrics."""

SystemFactory = Callable[..., AnySystem]

SYSTEMS: Registry[SystemFactory] = Registry(
    "system", package="tsebench.systems", group="tsebench.systems", reserved=RESERVED
)
register_system = SYSTEMS.register


def load_system(name: str, /, *, device: str = "cpu", **options: Any) -> AnySystem:
    """Build a registered system on a device ("cpu", "cuda", "cuda:1", ...).

    Every factory takes the keyword `device`; `options` are checked against its signature.

    Raises:
        UnknownNameError: no such system.
        ConfigError: an option is unknown or has the wrong type.
        CheckpointError: its weights are missing, unsafe or do not fit.
    """
    factory = SYSTEMS.get(name)
    return call_with(factory, options, where=f"system {name!r}", given={"device": device})
