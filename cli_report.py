"""The command `report`."""

from __future__ import annotations

from rich.console import Console

from . import cli_options as options
from .cli_options import names_of
from .errors import ConfigError


def report(
    runs: options.Runs,
    out: options.ReportOut,
    formats: options.Formats = "html,md,csv",
    option: options.ReportOption = None,
) -> None:
    """Write a report of one run or of several, from their score rows alone."""
    from .config_files import settings_of
    from .reports.write import write_reports

    names = names_of(formats)
    if not names:
        raise ConfigError(f"--format {formats!r} names no format; write for example html,md")
    settings = settings_of(
        option or [], names, kind="format", named_by="--format", example="latex.intervals=false"
    )
    console = Console()
    for path in write_reports(runs, out, names, settings):
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
