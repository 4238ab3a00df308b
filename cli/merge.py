"""`tsebench merge`: one run of all shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from . import options
from .commands import command
from .output import FORMATS, console, formats_of, report_run, say

Shards = Annotated[list[Path], Argument(metavar="DIR", help="Folders of all shards, in any order.")]
Out = Annotated[Path, Option(metavar="DIR", help="Run folder, for the rows and the report.")]

EXAMPLES = """
\b
Examples:
  tsebench merge runs/my_run-shard-* --out runs/my_run

The rows are those of a run that was not divided; a shard that is missing, doubled, unfinished or of
another run is refused. The folders of the shards are not changed.
"""


@command("merge", place=75, summary="Make one run of all its shards, and print the leaderboard.", examples=EXAMPLES)
def merge(
    shards: Shards,
    out: Out,
    formats: options.Formats = FORMATS,
    corpus: options.Corpus = None,
    tracking_uri: options.TrackingHere = None,
) -> None:
    """Make one run of shards that `--shard` of run or score made, and report it."""
    from ..bench.shards.merge import merge_shards
    from ..bench.tracking.live import tracked_run
    from ..core.progress import on_console

    names = formats_of(formats)
    corpora = options.corpora_of(corpus)
    uri = options.tracking_uri_of(tracking_uri, out.absolute())
    record = merge_shards(shards, out, progress=on_console(console), say=say)
    with tracked_run(out, uri=uri, say=say) as live:  # opens its store, which shards that are refused need not
        report_run(out, names, corpora, track=live.finish)
    if record.failed_trials:
        say(f"{record.failed_trials} of {record.trials} trials failed; the report says why")
        raise typer.Exit(3)
