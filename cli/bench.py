"""`tsebench bench`: measure the speed of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from . import options
from .commands import command
from .output import say

EXAMPLES = """
\b
Examples:
  tsebench bench                          # all sections; takes half an hour
  tsebench bench --quick                  # all of them, in rough numbers
  tsebench bench run whisper --device cuda
  tsebench bench --out speed.md           # and write the tables
"""

Sections = Annotated[
    list[str] | None, Argument(metavar="[SECTION...]", help="metrics, metrics_gpu, score, run, whisper, report.")
]
Out = Annotated[
    Path | None,
    Option(metavar="FILE", help="Write the tables to this Markdown file; sections that it has already are replaced."),
]
Recordings = Annotated[
    Path | None,
    Option(
        metavar="DIR",
        help="Speech at 8 kHz for `score` and `run`, a folder for each talker.  [default: synthetic voices]",
    ),
]
AsteroidPython = Annotated[
    Path | None, Option("--asteroid-python", metavar="FILE", help="Interpreter that has asteroid, for `score`.")
]
Quick = Annotated[bool, Option("--quick", help="Few trials and repeats: whether all works, with rough numbers.")]


@command("bench", place=116, summary="Measure the speed of this machine.", examples=EXAMPLES)
def bench(
    sections: Sections = None,
    out: Out = None,
    device: options.Device = "auto",
    recordings: Recordings = None,
    asteroid_python: AsteroidPython = None,
    quick: Quick = False,
) -> None:
    """Measure the speed of this machine: metrics, scoring, runs, Whisper, reports, as tables in Markdown.

    Each side of a table is measured in turn, with one thread of linear algebra unless the environment says otherwise
    (OMP_NUM_THREADS). Let nothing else run. Packages that are compared with and are not installed are named.
    """
    from ..doctor.speed.page import THREADS, head, load, put_sections
    from ..doctor.speed.sections import Settings, chosen_sections, measured

    chosen = chosen_sections(sections or [])
    for name in THREADS:
        os.environ.setdefault(name, "1")  # before NumPy and torch start their threads
    from ..core.allocator import keep_freed_memory
    from ..core.errors import ConfigError
    from ..core.provenance import resolve_device

    if recordings is not None and not recordings.is_dir():
        raise ConfigError(f"--recordings {str(recordings)!r} is no folder; give one with a folder for each talker")
    keep_freed_memory()
    settings = Settings(
        device=resolve_device(device), recordings=recordings, asteroid_python=asteroid_python, quick=quick, say=say
    )
    found = list(measured(chosen, settings))
    say("\n\n".join([head(), *found]))
    say(load())
    if out is not None:
        put_sections(out, found, top="" if out.exists() else head())
        say(f"wrote {out}")
