"""Systems behind another one: how a wrapper opens them, and what its own card and isolation take from them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...core.errors import ConfigError, UnknownNameError
from ..protocol import AnySystem, PrivilegedSystem, System
from ..registry import SYSTEMS, load_system

_PACKAGE = __name__.partition(".")[0]


def open_wrapped(system: str, options: Mapping[str, Any] | None, *, device: str, problem: str) -> System:
    """Build the system behind another one.

    Args:
        problem: the error's line if it reads the truth.

    Raises:
        ConfigError: it is unknown, reads the truth, or an option is wrong.
        CheckpointError: weights are missing, unsafe or do not fit.
    """
    found = load_system(system, device=device, **(options or {}))
    if not isinstance(found, System) or reads_truth(found):
        raise ConfigError(problem)
    return found


def reads_truth(system: AnySystem) -> bool:
    """Whether a system may be an oracle."""
    return isinstance(system, PrivilegedSystem) or system.card.privileged


def is_shipped(factory: Callable[..., Any]) -> bool:
    """Whether a system is one of tsebench."""
    return str(getattr(factory, "__module__", "")).partition(".")[0] == _PACKAGE


def runs_foreign_code(factory: Callable[..., Any], options: Mapping[str, Any]) -> bool:
    """Whether a system with these options runs code that is not tsebench's.

    A shipped one says so by its attribute `runs_foreign_code`, a boolean or a function of the options.
    """
    foreign = getattr(factory, "runs_foreign_code", False)
    return not is_shipped(factory) or bool(foreign(options) if callable(foreign) else foreign)


def wraps_foreign_code(options: Mapping[str, Any]) -> bool:
    """`runs_foreign_code` of a wrapper with the options `system` and `options` of the system behind it.

    A class that the running program registered counts as its own: another process would not find it by its name.
    """
    name, inner = str(options.get("system", "")), options.get("options")
    try:
        factory = SYSTEMS.registered(name) or SYSTEMS.built_in(name)
    except UnknownNameError:  # building it says so
        return False
    if factory is None or SYSTEMS.package_of(name):  # a plug-in
        return True
    return is_shipped(factory) and runs_foreign_code(factory, inner if isinstance(inner, Mapping) else {})


def unseen_behind(system: str, unseen: str) -> str:
    """`SystemCard.unseen` of a wrapper: that of the system behind it, or that its code is not tsebench's."""
    shipped = is_shipped(SYSTEMS.get(system))
    return unseen or ("" if shipped else f"the code of system {system!r}, which is not tsebench's")


def joined_sha256(*parts: str | None) -> str:
    """Hash of the hashes of all parts, since each of them changes the answers."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()


def joined_training_data(*parts: Iterable[str]) -> tuple[str, ...]:
    """Names of the training data of all parts, each once."""
    return tuple(dict.fromkeys(name for part in parts for name in part))
