"""`tsebench validate`: check a dataset folder."""

from __future__ import annotations

import typer

from ..core.progress import on_console
from . import options
from .options import corpora_of
from .output import console


def validate(
    folder: options.DatasetFolder,
    against: options.Against = None,
    sample: options.Sample = None,
    jobs: options.RenderThreads = 2,
    corpus: options.Corpus = None,
) -> None:
    """Check a dataset folder: recordings, rendering, levels, leaks, query conditions.

    A PROBLEM makes the set unfit, and the exit code 2; a remark tells what is worth knowing.
    """
    from ..core.allocator import keep_freed_memory
    from ..datasets.checks.all_checks import validate as check
    from ..datasets.dataset import load_dataset
    from ..reports.terminal.datasets import print_findings, print_numbers

    keep_freed_memory()
    dirs = corpora_of(corpus)
    dataset = load_dataset(folder, corpus_dirs=dirs)
    findings = check(
        dataset,
        folder=folder,
        against=[load_dataset(other, corpus_dirs=dirs) for other in against or ()],
        jobs=jobs,
        sample=sample,
        progress=on_console(console),
    )
    print_numbers(dataset, console)
    print_findings(findings, console)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(2)
