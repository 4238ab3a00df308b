"""The command line. Commands import what they need when they are called: help must come at once."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn

import typer

from .. import __version__
from ..core.errors import TsebenchError
from . import adapt, build, compare, demo, doctor, options, report, run, score, train, validate
from . import list as listing
from .options import UsageError, usage_line
from .output import complain, say

_INTERRUPTED = 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True, epilog="`tsebench COMMAND --help` explains each command.")
def top(context: typer.Context, version: options.Version = False) -> None:
    """Benchmark target speech and sound extraction.

    \b
    First steps:
      tsebench run     builds small embedded sets, runs systems on them and
                       prints the leaderboard; there is nothing to download
      tsebench score   scores folders of wav files that you have already
    """  # noqa: D301 - \b keeps the lines as they are
    if version:
        say(f"tsebench {__version__}")
    elif context.invoked_subcommand is None:
        say(context.get_help())


# In the order in which `tsebench --help` lists them.
app.command("list", short_help="List systems, datasets, metrics, corpora, builders or reports.")(
    listing.list_names
)
app.command(short_help="Build benchmark sets from a config.")(build.build)
app.command(short_help="Check a dataset folder.")(validate.validate)
app.command(short_help="Train a network on mixtures drawn on the fly.", epilog=train.EXAMPLES)(train.train)
app.command(short_help="Add sound classes to a trained SoundBeam.", epilog=adapt.EXAMPLES)(adapt.adapt)
app.command(short_help="Run systems on datasets and print the leaderboard.", epilog=run.EXAMPLES)(run.run)
app.command(short_help="Score folders of wav files; no config.", epilog=score.EXAMPLES)(score.score)
app.command(short_help="Write a report of one run or of several.")(report.report)
app.command(short_help="Write a demo page with players.", epilog=demo.EXAMPLES)(demo.demo)
app.command(short_help="Compare two runs; fails on a regression.", epilog=compare.EXAMPLES)(compare.compare)
app.command(short_help="Check this machine, the metrics, or a system.")(doctor.doctor)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: errors become one line on standard error and an exit code."""
    given = [*arguments] if arguments is not None else None
    if given is None:
        _collect_rarely()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may know no arrows or minus signs
    try:
        code = app(args=given, prog_name="tsebench", standalone_mode=False)
    except UsageError as error:
        complain(usage_line(error))
        sys.exit(2)
    except TsebenchError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        complain("interrupted; start the same command again to go on")
    sys.exit(code if isinstance(code, int) else 0)


def _collect_rarely() -> None:
    """Exclude the objects that imports create (about 100,000, all permanent) from collection.

    Scanning them repeatedly, and once more at exit, takes over half a second.
    """
    gc.set_threshold(10_000, 20, 20)
    atexit.register(gc.freeze)
