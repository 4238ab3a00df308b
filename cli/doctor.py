"""`tsebench doctor`: check this machine, the metrics, or one system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Argument, Option

from . import options
from .commands import command
from .output import console, say

if TYPE_CHECKING:
    from ..doctor.system_checks import CheckResult

System = Annotated[
    str | None, Argument(metavar="SYSTEM", help="Registered name, or `metrics`; without one, this machine is checked.")
]
SystemOption = Annotated[
    list[str] | None, Option("--option", metavar="KEY=VALUE", help="Option of the system; may be given several times.")
]
Isolation = Annotated[
    Literal["process", "none"] | None,
    Option(
        help="Run the system in a process of its own, or in this one.  [default: process, but none for shipped systems]"
    ),
]
TimeLimit = Annotated[
    float | None, Option(min=0.001, metavar="S", help="Seconds for a batch in a process of its own.  [default: 300]")
]

Streaming = Annotated[
    bool, Option("--streaming", help="Check the streams of a system: causality, latency, real time, equal answers.")
]


@command("doctor", place=110, summary="Check this machine, the metrics, or a system.")
def doctor(
    system: System = None,
    option: SystemOption = None,
    device: options.Device = "auto",
    isolation: Isolation = None,
    time_limit_s: TimeLimit = None,
    streaming: Streaming = False,
) -> None:
    """Check this machine, or one system: lengths, batching, silence, levels, determinism.

    With --streaming the system answers a mixture while it arrives, in this process: proves that no output depends on
    later input than its latency allows, and gives that latency and the real-time factor of a chunk.

    `tsebench doctor metrics` compares every metric with its reference implementation.
    """
    from ..bench.config import TIME_LIMIT_S
    from ..core.errors import ConfigError
    from ..doctor.machine import check_machine, check_one
    from ..doctor.metrics import report_metrics
    from ..systems.registry import RESERVED

    if streaming and (system is None or system in RESERVED):
        raise ConfigError("--streaming checks one system; write for example tsebench doctor waveformer --streaming")
    if system in RESERVED:
        if not report_metrics(device, console):
            raise typer.Exit(2)
        return
    if system:
        limit_s = TIME_LIMIT_S if time_limit_s is None else time_limit_s
        results = check_one(
            system, option or [], device, isolation=isolation, time_limit_s=limit_s, streaming=streaming
        )
    else:
        results = [*check_machine(device), *_plug_ins()]
    for result in results:
        say(f"{'ok' if result.passed else 'PROBLEM':<8} {result.name}: {result.detail}")
    if not all(result.passed for result in results):
        raise typer.Exit(2)


def _plug_ins() -> Iterator[CheckResult]:
    """A problem for each plug-in that cannot be used; else the packages that add to tsebench."""
    from ..core.plug_ins import installed_groups, package_of
    from ..doctor.system_checks import CheckResult
    from .list import problems_of_plug_ins

    problems = list(problems_of_plug_ins())
    packages = sorted({package_of(point) for points in installed_groups().values() for point in points})
    if not problems:
        yield CheckResult("plug-ins", True, ", ".join(packages) or "none")
    yield from (CheckResult("plug-in", False, problem) for problem in problems)
