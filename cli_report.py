"""The command `report`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from . import cli_options as options
from .cli_options import corpora_of, names_of
from .errors import ConfigError


def report(
    runs: options.Runs,
    out: options.ReportOut,
    formats: options.Formats = "html,md,csv",
    option: options.ReportOption = None,
    corpus: options.Corpus = None,
) -> None:
    """Write a report of one run or of several, from their score rows.

    Players of single trials need the run's corpora, and estimates that it kept.
    """
    from .config_files import settings_of
    from .reports.write import write_reports

    names = names_of(formats)
    if not names:
        raise ConfigError(f"--format {formats!r} names no format; write for example html,md")
    settings = settings_of(
        option or [], names, kind="format", named_by="--format", example="latex.intervals=false"
    )
    html = {"corpora": corpora_of(corpus), **settings.get("html", {})}
    written = write_reports(runs, out, names, {**settings, "html": html})
    console = Console()
    for line in listed(written, out):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def listed(written: Sequence[Path], out: Path) -> list[str]:
    """The files of a report in lines: those at its top by name, others by folder and number."""
    top = [str(path) for path in written if path.parent == out]
    below = Counter(path.relative_to(out).parts[0] for path in written if path.parent != out)
    return top + [f"{out / name}: {count} files" for name, count in sorted(below.items())]
