"""`tsebench verify`: score the estimates of a pack again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ..core.progress import on_console
from ..core.text import names_of
from . import options
from .commands import command
from .output import console, say
from .score import MetricOption

Pack = Annotated[
    str, Argument(metavar="ZIP", help="A pack of `tsebench pack`; hf://datasets/ORG/NAME@REVISION/ZIP is one of a hub.")
]
Datasets = Annotated[
    list[str] | None,
    Option(
        "--dataset",
        metavar="DIR|CONFIG",
        help="Your own set, or the sealed part of a set; may be repeated.  [default: the shipped config of its name]",
    ),
]
Metrics = Annotated[str, Option(metavar="A,B,...", help="Names from `tsebench list metrics`.  [default: the pack's]")]
Out = Annotated[Path | None, Option(metavar="DIR", help="Run folder for the rows that are scored again.")]

EXAMPLES = """
\b
Examples:
  tsebench verify team.zip
  tsebench verify team.zip --dataset data/my_set --corpus speech=/data/speech
  tsebench verify team.zip --dataset challenge/sealed --metrics si_sdri,pesq \\
      --out runs/team

Nothing in a pack is executed, and nothing that it names is opened.
Exit codes: 0 every value was scored again and is the same, 1 something
differs or could not be verified, 2 it is no pack or was changed.
"""


@command("verify", place=120, summary="Score the estimates of a pack again.", examples=EXAMPLES)
def verify(
    pack: Pack,
    dataset: Datasets = None,
    metrics: Metrics = "",
    option: MetricOption = None,
    out: Out = None,
    device: options.Device = "auto",
    jobs: options.Processes = 2,
    corpus: options.Corpus = None,
) -> None:
    """Score the estimates of a pack again on your own set, and say what differs from the values that it claims."""
    from ..bench.packs.rescore import RescoreOptions
    from ..bench.packs.verify import verify_pack, write_verified
    from ..bench.scoring.plan import parse_metrics
    from ..core.allocator import keep_freed_memory
    from ..core.files import check_empty
    from ..core.hub.download import local_file
    from ..reports.terminal.verification import print_verification

    if out is not None:
        check_empty(out)
    keep_freed_memory()
    how = RescoreOptions(
        metrics=parse_metrics(names_of(metrics), option or []) if metrics else (),
        device=device,
        jobs=jobs,
        progress=on_console(console),
        say=say,
    )
    found = verify_pack(local_file(pack), datasets=dataset or (), corpora=options.corpora_of(corpus), options=how)
    print_verification(found, console)
    if out is not None:
        write_verified(found, out)
        say(f"rows: {out / 'rows'}")
    if not found.verified:
        raise typer.Exit(1)
