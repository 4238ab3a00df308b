"""`tsebench report`: write a report of one run or several."""

from __future__ import annotations

from . import options
from .options import corpora_of
from .output import FORMATS, console, formats_of, listed, say


def report(
    runs: options.Runs,
    out: options.ReportOut,
    formats: options.Formats = FORMATS,
    option: options.ReportOption = None,
    rank_by: options.RankBy = None,
    corpus: options.Corpus = None,
    tracking_uri: options.Tracking = "none",
) -> None:
    """Write a report of one run or of several, from their score rows.

    Players of single trials need the run's corpora, and estimates that it kept.
    """
    from ..bench.run.rank_by import parse_rank_by
    from ..bench.tracking.log import track_report
    from ..core.config_files import settings_of
    from ..reports.formats.registry import write_board
    from ..reports.leaderboard.assemble import open_board
    from ..reports.terminal.print_leaderboard import print_remarks

    names = formats_of(formats)
    settings = settings_of(
        option or [], names, kind="format", named_by="--format", example="latex.intervals=false"
    )
    html = {"corpora": corpora_of(corpus), **settings.get("html", {})}
    board = open_board(runs, rank_by=parse_rank_by(rank_by or ()))
    print_remarks(board, console)
    written = write_board(board, out, names, {**settings, "html": html})
    for line in listed(written, out):
        say(line)
    if tracking_uri != "none":
        for run in runs:
            track_report(run, written, folder=out, uri=tracking_uri)
        say(f"tracked in MLflow: {tracking_uri}")
