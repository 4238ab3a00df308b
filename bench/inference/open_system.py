"""Systems are opened here: those of others in a process of their own, those of tsebench in this one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import torch

from ...core.errors import ConfigError, TsebenchError
from ...core.hub.download import local_options
from ...systems.protocol import AnySystem
from ...systems.registry import SYSTEMS, SystemFactory, load_system
from ...systems.shared.wrapped import runs_foreign_code
from ..config import TIME_LIMIT_S, Isolation
from .ask import Failure, guarded
from .isolation import Isolated, IsolatedOracle, IsolatedSystem, SystemHost, SystemJob
from .process_state import state_put_back
from .streamed import streamed

_PACKAGE = __name__.partition(".")[0]


def open_system(
    name: str,
    *,
    device: str,
    options: Mapping[str, Any],
    isolation: Isolation | None = None,
    time_limit_s: float = TIME_LIMIT_S,
    streaming: bool = False,
) -> AnySystem:
    """Build a registered system for a run or a check.

    Args:
        isolation: "process" or "none"; None is "process" for systems that are not shipped with tsebench, and for
            shipped ones that run code of other packages. A class of the calling script itself stays in this process:
            another one could not import it without running the script again.
        time_limit_s: for the answer to a batch, in a process of its own.
        streaming: give the answers of its streams.

    Raises:
        TsebenchError: it does not stream, is unknown, an option is wrong, weights do not fit, or it cannot be built.
    """
    options = local_options(options)
    factory = SYSTEMS.registered(name) or SYSTEMS.built_in(name)
    if isolation == "none" or (isolation is None and factory is not None and not runs_foreign_code(factory, options)):
        return _in_this_process(name, device=device, options=options, streaming=streaming)
    place = None if factory is None else _place(factory)
    if factory is not None and place is None:
        if isolation is None:
            return _in_this_process(name, device=device, options=options, streaming=streaming)
        raise ConfigError(
            f"system {name!r}: isolation = 'process' needs a class that can be imported; {factory!r} is of the running "
            "script: move it to a module, or set isolation: none"
        )
    threads = torch.get_num_threads()
    job = SystemJob(name=name, factory=place, options=options, device=device, threads=threads, streaming=streaming)
    host = SystemHost(job, time_limit_s=time_limit_s)
    return IsolatedOracle(host) if host.privileged else IsolatedSystem(host)


def close_system(system: AnySystem) -> None:
    """End the process of a system, if it has one."""
    if isinstance(system, Isolated):
        system.host.close()


def _in_this_process(name: str, *, device: str, options: Mapping[str, Any], streaming: bool) -> AnySystem:
    with state_put_back():
        system = guarded(lambda: load_system(name, device=device, **options))
    if not isinstance(system, Failure):
        return streamed(system) if streaming else system
    if isinstance(system.error, TsebenchError):
        raise system.error
    raise ConfigError(f"system {name!r} cannot be built: {system.line}") from system.error


def _place(factory: SystemFactory) -> tuple[str, str] | None:
    """Module and name of a class, if another process can import it."""
    module, name = getattr(factory, "__module__", None), getattr(factory, "__qualname__", None)
    if not module or not name or "<" in name or module == "__main__":
        return None
    top = module.partition(".")[0]
    loaded, found = sys.modules.get(top), [finder.find_spec(top, None) for finder in sys.meta_path]
    origins = [spec.origin for spec in found if spec is not None]
    same = loaded is not None and origins[:1] == [getattr(loaded, "__file__", None)]
    return (module, name) if same or top == _PACKAGE else None
