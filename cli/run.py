"""`tsebench run`: run systems on datasets and report."""

from __future__ import annotations

from pathlib import Path

import typer

from ..core.errors import UnknownNameError
from ..core.progress import on_console
from . import options
from .options import corpora_of
from .output import FORMATS, console, formats_of, say, tell

EXAMPLES = """
\b
Examples:
  tsebench run
  tsebench run my_run.yaml --out runs/first --device cuda
  tsebench run my_run.yaml --corpus esc10=/data/ESC-10
  tsebench run paper/query_refinement_table1 --set scale=mini
"""


def run(
    config: options.Config = "quickstart",
    out: options.RunOut = None,
    fresh: options.Fresh = False,
    device: options.Device = "auto",
    executor: options.Executor = "local",
    jobs: options.Processes = 2,
    corpus: options.Corpus = None,
    tracking_uri: options.RunTracking = None,
    formats: options.Formats = FORMATS,
    settings: options.Settings = None,
) -> None:
    """Run systems on datasets and report; a killed run goes on when started again."""
    from ..bench.config import load_run_config
    from ..bench.run.runner import RunOptions
    from ..bench.run.runner import run as run_all
    from ..core.allocator import keep_freed_memory
    from ..reports.papers.table_files import PAPER_TABLES

    if executor != "local":
        raise UnknownNameError("executor", executor, ["local"])
    names = formats_of(formats)
    keep_freed_memory()
    chosen = load_run_config(config, settings or ())
    for name in chosen.paper_tables:
        PAPER_TABLES.get(name)  # a typo shows before the run, not after it
    folder = out or Path("runs") / chosen.name
    result = run_all(
        chosen,
        RunOptions(
            out=folder,
            device=device,
            jobs=jobs,
            fresh=fresh,
            corpus_dirs=corpora_of(corpus),
            progress=on_console(console),
        ),
    )
    tell(folder, names, tracking_uri, corpora_of(corpus))
    if result.failed_trials:
        say(f"{result.failed_trials} of {result.trials} trials failed; the report says why")
        raise typer.Exit(3)
