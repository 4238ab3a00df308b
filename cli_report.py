"""The command `report`, and what the commands `run` and `score` tell at their end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from . import cli_options as options
from .cli_options import corpora_of, names_of
from .errors import ConfigError

FORMATS = "html,md,csv"


def report(
    runs: options.Runs,
    out: options.ReportOut,
    formats: options.Formats = FORMATS,
    option: options.ReportOption = None,
    corpus: options.Corpus = None,
    tracking_uri: options.Tracking = "none",
) -> None:
    """Write a report of one run or of several, from their score rows.

    Players of single trials need the run's corpora, and estimates that it kept.
    """
    from .bench.tracking import track_report
    from .config_files import settings_of
    from .reports.console import print_remarks
    from .reports.write import open_board, write_board

    names = formats_of(formats)
    settings = settings_of(
        option or [], names, kind="format", named_by="--format", example="latex.intervals=false"
    )
    html = {"corpora": corpora_of(corpus), **settings.get("html", {})}
    console = Console()
    board = open_board(runs)
    print_remarks(board, console)
    written = write_board(board, out, names, {**settings, "html": html})
    for line in listed(written, out):
        _say(console, line)
    if tracking_uri != "none":
        for run in runs:
            track_report(run, written, folder=out, uri=tracking_uri)
        _say(console, f"tracked in MLflow: {tracking_uri}")


def formats_of(text: str) -> tuple[str, ...]:
    """Names of report formats, checked before any long work.

    Raises:
        ConfigError: there is none.
        UnknownNameError: no such format.
    """
    from .reports.registry import load_report

    names = names_of(text)
    if not names:
        raise ConfigError(f"--format {text!r} names no format; write for example html,md")
    for name in names:
        load_report(name)
    return names


def tell(
    folder: Path,
    console: Console,
    formats: Sequence[str],
    tracking_uri: str | None,
    corpora: Mapping[str, Path] | None = None,
) -> None:
    """Print the leaderboard of a run, write its report, track it."""
    from .bench.tracking import default_tracking_uri, track
    from .reports.console import print_leaderboard
    from .reports.papers.grid import print_papers
    from .reports.write import open_board, write_board

    board = open_board([folder])
    print_leaderboard(board, console)
    papers = print_papers(board, console)
    settings = {"html": {"corpora": corpora}}
    written = write_board(board, folder / "report", [*formats, *papers], settings)
    if tracking_uri != "none":
        uri = tracking_uri or default_tracking_uri(folder)
        track(folder, uri=uri)
        _say(console, f"tracked in MLflow: {uri}")
    page = next((path for path in written if path.suffix == ".html"), folder / "report")
    _say(console, f"rows: {folder / 'rows'}")
    _say(console, f"report: {page.resolve()}")


def listed(written: Sequence[Path], out: Path) -> list[str]:
    """The files of a report in lines: those at its top by name, others by folder and number."""
    top = [str(path) for path in written if path.parent == out]
    below = Counter(path.relative_to(out).parts[0] for path in written if path.parent != out)
    return top + [f"{out / name}: {count} files" for name, count in sorted(below.items())]


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
