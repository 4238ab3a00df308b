"""`tsebench validate`: check a dataset folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ..core.progress import on_console
from . import options
from .commands import command
from .output import console

Folder = Annotated[Path, Argument(metavar="DIR", help="A dataset folder made by `tsebench build`.")]
Against = Annotated[
    list[Path] | None,
    Option(
        "--against",
        metavar="DIR",
        help="Another dataset folder, such as the training split: recordings, groups and "
        "speakers in both are a PROBLEM, or a remark if both are of the same split; may be given several times.",
    ),
]
Sample = Annotated[
    int | None,
    Option(min=1, metavar="N", help="Hash and render only N recordings and mixtures, evenly spread.  [default: all]"),
]
Threads = Annotated[int, Option(min=1, metavar="N", help="Threads that hash and render.")]


@command("validate", place=30, summary="Check a dataset folder.")
def validate(
    folder: Folder, against: Against = None, sample: Sample = None, jobs: Threads = 2, corpus: options.Corpus = None
) -> None:
    """Check a dataset folder: recordings, rendering, levels, leaks, query conditions.

    A PROBLEM makes the set unfit, and the exit code 2; a remark is for information only.
    """
    from ..core.allocator import keep_freed_memory
    from ..datasets.checks.all_checks import validate as check
    from ..datasets.config import check_corpus_names
    from ..datasets.dataset import load_dataset
    from ..reports.terminal.datasets import print_findings, print_numbers

    keep_freed_memory()
    dirs = options.corpora_of(corpus)
    dataset = load_dataset(folder, corpus_dirs=dirs)
    others = [load_dataset(other, corpus_dirs=dirs) for other in against or ()]
    check_corpus_names(dirs, [each.card.corpora for each in (dataset, *others)])
    findings = check(dataset, folder=folder, against=others, jobs=jobs, sample=sample, progress=on_console(console))
    print_numbers(dataset, console)
    print_findings(findings, console)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(2)
