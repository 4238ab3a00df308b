"""`tsebench run`: run systems on datasets and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from ..core.errors import ConfigError, UnknownNameError
from ..core.progress import on_console
from . import options
from .commands import command
from .options import corpora_of
from .output import FORMATS, console, formats_of, report_run, say

if TYPE_CHECKING:
    from ..bench.shards.ray_executor import RayExecutor
    from ..bench.shards.shard import Shard

Out = Annotated[Path | None, Option(metavar="DIR", help="Run folder.  [default: runs/NAME]")]
Fresh = Annotated[bool, Option("--fresh", help="Start over instead of going on.")]
RetryFailed = Annotated[bool, Option("--retry-failed", help="Try failed trials of an earlier run again.")]
Executor = Annotated[
    str, Option(metavar="NAME", help="Who does the work: local, or ray, the workers of a Ray cluster.")
]
RayAddress = Annotated[
    str | None,
    Option(metavar="ADDRESS", help="The cluster: auto, or HOST:PORT.  [default: RAY_ADDRESS, or a local one]"),
]
RayTasks = Annotated[
    int | None, Option(min=1, metavar="N", help="Tasks that the work is cut into.  [default: 4 for each worker]")
]
RaySend = Annotated[
    bool,
    Option(
        "--ray-send",
        help="Send corpora (at most 1 GiB each) and known scores to the workers, which need not see this disk.",
    ),
]

EXAMPLES = """
\b
Examples:
  tsebench run
  tsebench run my_run.yaml --out runs/first --device cuda
  tsebench run my_run.yaml --corpus esc10=/data/ESC-10
  tsebench run paper/query_refinement_table1 --set scale=mini
  tsebench run my_run.yaml --shard 2/8
  tsebench run my_run.yaml --executor ray --ray-address auto
"""


@command("run", place=60, summary="Run systems on datasets and print the leaderboard.", examples=EXAMPLES)
def run(
    config: options.Config = "quickstart",
    out: Out = None,
    fresh: Fresh = False,
    retry_failed: RetryFailed = False,
    device: options.Device = "auto",
    executor: Executor = "local",
    ray_address: RayAddress = None,
    ray_tasks: RayTasks = None,
    ray_send: RaySend = False,
    shard: options.Division = None,
    jobs: options.Processes = 2,
    corpus: options.Corpus = None,
    tracking_uri: options.TrackingHere = None,
    formats: options.Formats = FORMATS,
    settings: options.Settings = None,
) -> None:
    """Run systems on datasets and report; an interrupted run is resumed."""
    from ..core.allocator import share_freed_memory

    share_freed_memory()
    from ..bench.config import load_run_config
    from ..bench.run.runner import RunOptions
    from ..bench.run.runner import run as run_all
    from ..bench.tracking.live import tracked_run
    from ..core.allocator import keep_freed_memory
    from ..reports.papers.table_files import PAPER_TABLES

    part = options.shard_of(shard)
    others = _executor(executor, part, address=ray_address, tasks=ray_tasks, send=ray_send)
    names = formats_of(formats)
    keep_freed_memory()
    chosen = load_run_config(config, settings or ())
    for name in chosen.paper_tables:
        PAPER_TABLES.get(name)  # a typo shows before the run, not after it
    folder = (out or Path("runs") / (f"{chosen.name}-shard-{part.label}" if part else chosen.name)).absolute()
    corpora, progress = corpora_of(corpus), on_console(console)
    uri = None if part else options.tracking_uri_of(tracking_uri, folder)
    with tracked_run(folder, uri=uri, say=say, fresh=fresh) as live:
        how = RunOptions(
            out=folder,
            device=device,
            jobs=jobs,
            fresh=fresh,
            retry_failed=retry_failed,
            shard=part,
            executor=others,
            corpus_dirs=corpora,
            progress=progress,
            say=say,
            begin=live.begin,
        )
        result = run_all(chosen, how)
        if part:
            say(f"shard {part}: {result.trials} trials in {folder}; `tsebench merge` takes the folders of all shards")
        else:
            report_run(folder, names, corpora, track=live.finish)
    if result.failed_trials:
        where = "the report of the merged run" if part else "the report"
        say(f"{result.failed_trials} of {result.trials} trials failed; {where} says why, --retry-failed tries again")
        raise typer.Exit(3)


def _executor(
    name: str, shard: Shard | None, *, address: str | None, tasks: int | None, send: bool
) -> RayExecutor | None:
    """The executor of a name; None for this process."""
    if name == "ray":
        from ..bench.shards.ray_executor import RayExecutor

        if shard is not None:
            raise ConfigError("--executor ray divides the run itself; leave out --shard")
        return RayExecutor(address=address, tasks=tasks, send=send)
    if name != "local":
        raise UnknownNameError("executor", name, ["local", "ray"])
    if address or tasks or send:
        raise ConfigError("--ray-address, --ray-tasks and --ray-send need --executor ray")
    return None
