"""`tsebench board`: a leaderboard of packs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ..core.errors import TsebenchError
from ..core.progress import on_console
from ..core.text import names_of
from . import options
from .commands import command
from .output import console, print_error, say, say_files
from .score import MetricOption
from .verify import Datasets

Folder = Annotated[Path, Argument(metavar="FOLDER", help="Folder of the board; it is made if it is missing.")]
Packs = Annotated[
    list[str] | None,
    Argument(metavar="[ZIP...]", help="Packs to add; hf://datasets/ORG/NAME@REVISION/ZIP is one of a hub."),
]
Metrics = Annotated[str, Option(metavar="A,B,...", help="Metrics of a new board.  [default: those of its first pack]")]
Replace = Annotated[bool, Option("--replace", help="A team's pack takes the place of its earlier one.")]

EXAMPLES = """
\b
Examples:
  tsebench board board lab_a.zip lab_b.zip --dataset challenge/sealed \\
      --metrics si_sdri,pesq,estoi
  tsebench board board lab_a_new.zip --dataset challenge/sealed --replace
  tsebench board board

Its folder `report` is for everybody; all else is the organiser's.
Exit code 1: a pack was refused.
"""


@command("board", place=130, summary="Keep a leaderboard of packs.", examples=EXAMPLES)
def board(
    folder: Folder,
    packs: Packs = None,
    dataset: Datasets = None,
    metrics: Metrics = "",
    option: MetricOption = None,
    replace: Replace = False,
    device: options.Device = "auto",
    jobs: options.Processes = 2,
    corpus: options.Corpus = None,
) -> None:
    """Add packs to a leaderboard, or refuse them, and write its pages: verified and claimed values apart."""
    from ..bench.packs.rescore import RescoreOptions
    from ..bench.scoring.plan import parse_metrics
    from ..core.allocator import keep_freed_memory
    from ..core.hub.download import local_file
    from ..reports.submissions.add_pack import Admission, add_pack
    from ..reports.submissions.pages import write_pages

    keep_freed_memory()
    chosen = parse_metrics(names_of(metrics), option or []) if metrics else ()
    again = RescoreOptions(metrics=chosen, device=device, jobs=jobs, progress=on_console(console), say=say)
    how = Admission(datasets=dataset or (), corpora=options.corpora_of(corpus), rescore=again, replace=replace)
    refused = 0
    for path in packs or ():
        try:
            entry = add_pack(folder, local_file(path), how)
            say(f"{path}: {entry.status}, as {', '.join(entry.titles.values())}")
        except TsebenchError as error:
            refused += 1
            print_error(f"{path} is refused: {error}")
    written = write_pages(folder)
    say_files(written, folder / "report")
    if refused:
        raise typer.Exit(1)
