"""`tsebench run`: run systems on datasets and report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from ..core.errors import UnknownNameError
from ..core.progress import on_console
from . import options
from .commands import command
from .options import corpora_of
from .output import FORMATS, console, formats_of, report_run, say

Out = Annotated[Path | None, Option(metavar="DIR", help="Run folder.  [default: runs/NAME]")]
Fresh = Annotated[bool, Option("--fresh", help="Start over instead of going on.")]
RetryFailed = Annotated[bool, Option("--retry-failed", help="Try failed trials of an earlier run again.")]
Executor = Annotated[str, Option(metavar="NAME", help="Executor of the work: local.")]

EXAMPLES = """
\b
Examples:
  tsebench run
  tsebench run my_run.yaml --out runs/first --device cuda
  tsebench run my_run.yaml --corpus esc10=/data/ESC-10
  tsebench run paper/query_refinement_table1 --set scale=mini
"""


@command("run", place=60, summary="Run systems on datasets and print the leaderboard.", examples=EXAMPLES)
def run(
    config: options.Config = "quickstart",
    out: Out = None,
    fresh: Fresh = False,
    retry_failed: RetryFailed = False,
    device: options.Device = "auto",
    executor: Executor = "local",
    jobs: options.Processes = 2,
    corpus: options.Corpus = None,
    tracking_uri: options.TrackingHere = None,
    formats: options.Formats = FORMATS,
    settings: options.Settings = None,
) -> None:
    """Run systems on datasets and report; an interrupted run is resumed."""
    from ..bench.config import load_run_config
    from ..bench.run.runner import RunOptions
    from ..bench.run.runner import run as run_all
    from ..bench.tracking.live import tracked_run
    from ..core.allocator import keep_freed_memory
    from ..reports.papers.table_files import PAPER_TABLES

    if executor != "local":
        raise UnknownNameError("executor", executor, ["local"])
    names = formats_of(formats)
    keep_freed_memory()
    chosen = load_run_config(config, settings or ())
    for name in chosen.paper_tables:
        PAPER_TABLES.get(name)  # a typo shows before the run, not after it
    folder = (out or Path("runs") / chosen.name).absolute()
    corpora, progress = corpora_of(corpus), on_console(console)
    uri = options.tracking_uri_of(tracking_uri, folder)
    with tracked_run(folder, uri=uri, say=say, fresh=fresh) as live:
        how = RunOptions(
            out=folder,
            device=device,
            jobs=jobs,
            fresh=fresh,
            retry_failed=retry_failed,
            corpus_dirs=corpora,
            progress=progress,
            say=say,
            begin=live.begin,
        )
        result = run_all(chosen, how)
        report_run(folder, names, corpora, track=live.finish)
    if result.failed_trials:
        say(f"{result.failed_trials} of {result.trials} trials failed; the report says why, --retry-failed tries again")
        raise typer.Exit(3)
