"""`tsebench report`: write a report of one run or several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from . import options
from .commands import command
from .output import FORMATS, WAIT_S, console, formats_of, say, say_files

Out = Annotated[Path, Option(metavar="DIR", help="Folder of the report.")]
FormatOption = Annotated[
    list[str] | None,
    Option(
        "--option",
        metavar="FORMAT.KEY=VALUE",
        help="Setting of a format, for example latex.intervals=false; may be repeated.",
    ),
]
RankBy = Annotated[
    list[str] | None,
    Option(
        "--rank-by",
        metavar="METRIC|SET=METRIC",
        help="Metric that ranks the systems: of all sets, or of one, for example mini_sounds=si_sdri; may be repeated.",
    ),
]


@command("report", place=80, summary="Write a report of one run or of several.")
def report(
    runs: options.Runs,
    out: Out,
    formats: options.Formats = FORMATS,
    option: FormatOption = None,
    rank_by: RankBy = None,
    corpus: options.Corpus = None,
    tracking_uri: options.Tracking = "none",
) -> None:
    """Write a report of one run or of several, from their score rows.

    Players of single trials need the run's corpora, and its saved estimates.
    """
    from ..bench.run.rank_by import parse_rank_by
    from ..core.allocator import keep_freed_memory
    from ..core.config_files import settings_of
    from ..core.folder_lock import folder_lock
    from ..reports.formats.registry import write_board
    from ..reports.leaderboard.assemble import open_board
    from ..reports.terminal.print_leaderboard import print_remarks

    keep_freed_memory()
    names = formats_of(formats)
    settings = settings_of(option or [], names, kind="format", named_by="--format", example="latex.intervals=false")
    if tracking_uri != "none":
        from ..core.tracking.store import check_store

        check_store(tracking_uri)
    html = {"corpora": options.corpora_of(corpus), **settings.get("html", {})}
    with folder_lock(out, wait_s=WAIT_S):
        board = open_board(runs, rank_by=parse_rank_by(rank_by or ()))
        print_remarks(board, console)
        written = write_board(board, out, names, {**settings, "html": html})
    say_files(written, out)
    if tracking_uri != "none":
        from ..bench.tracking.log import track_report

        for run in runs:
            say(f"tracked in MLflow: {track_report(run, written, folder=out, uri=tracking_uri)}")
