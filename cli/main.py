"""Entry point of the command line. Commands import their rooms when they run, so that help is quick."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn, Protocol, cast

import typer
from typer import Option

from .. import __version__
from ..core.collector import collect_rarely
from ..core.constraint_words import allowed, shown
from ..core.errors import INTERRUPTED, INTERRUPTED_LINE, ConfigError, TsebenchError, suggest
from .commands import load_commands
from .output import print_error, say

Version = Annotated[bool, Option("--version", help="Show the version and exit.")]

# click's UsageError: typer uses the package click or a copy of its own, depending on its version, and exports this
# subclass only.
UsageError: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True, epilog="`tsebench COMMAND --help` explains each command.")
def top(context: typer.Context, version: Version = False) -> None:
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


for each in load_commands():
    app.command(each.name, cls=each.kind, short_help=each.summary, epilog=each.examples)(each.function)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: errors become one line on standard error and an exit code."""
    given = [*arguments] if arguments is not None else None
    if given is None:
        collect_rarely()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may know no arrows or minus signs
    try:
        _check_encoding(sys.argv[1:] if given is None else given)
        code = app(args=given, prog_name="tsebench", standalone_mode=False)
    except UsageError as error:
        print_error(_usage_line(error))
        sys.exit(2)
    except TsebenchError as error:
        print_error(str(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        fault = _fault_of_plug_in(error)
        if not fault:
            raise
        print_error(fault)
        sys.exit(2)
    if code == INTERRUPTED:
        print_error(INTERRUPTED_LINE)
    sys.exit(code if isinstance(code, int) else 0)


def _fault_of_plug_in(error: Exception) -> str:
    """Line on an error that code of another package raised; "" for any other, or where the traceback is wanted."""
    from ..core.plug_ins import fault_of_plug_in

    fault = "" if os.environ.get("TSEBENCH_TRACEBACK") else fault_of_plug_in(error)
    return fault and f"{fault}; with TSEBENCH_TRACEBACK=1 the traceback is shown"


def _check_encoding(arguments: Sequence[str]) -> None:
    """Refuse what is no UTF-8: names of files go into tables, pages and JSON, which hold nothing else."""
    for what, text in [*(("argument", argument) for argument in arguments), ("working folder", _working_folder())]:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ConfigError(f"{what} {text!r} is not UTF-8; rename the file or folder that it names") from None


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


class _UsageFields(Protocol):
    """Attributes of a `UsageError`."""

    ctx: Any

    def format_message(self) -> str: ...


def _usage_line(error: Exception) -> str:
    """Line for a `UsageError`: the problem, the value, and the command that shows the help."""
    usage = cast(_UsageFields, error)
    context = usage.ctx
    line = usage.format_message().strip().rstrip(".")
    details = getattr(error.__cause__, "errors", None)
    if details is not None:  # of pydantic, which typer converts values with
        line = f"{line.partition(': ')[0]}: {shown(details()[0]['input'])} {allowed(details())}"
    unknown = getattr(error, "option_name", None)
    if unknown is not None and context is not None:
        names = [name for parameter in context.command.params for name in parameter.opts]
        known = [name for name in [*names, "--help"] if name.startswith("-")]
        line = f"unknown option {unknown!r}{suggest(unknown, known)}"
    commands = getattr(context.command, "commands", None) if context is not None else None
    if commands and (name := re.fullmatch(r"No such command '([^']*)'.*", line)):
        line = f"unknown command {name[1]!r}{suggest(name[1], commands)}"
    command = context.command_path if context is not None else "tsebench"
    return f"{line[:1].lower()}{line[1:]}; see `{command} --help`"
