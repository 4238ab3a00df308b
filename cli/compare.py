"""The command `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from ..core.errors import ConfigError, TsebenchError, suggest
from ..core.text import names_of
from .commands import command
from .options import Corpus, corpora_of
from .output import console, say_files

_DECIDE: tuple[Literal["significant", "mean", "interval"], ...] = ("significant", "mean", "interval")

Base = Annotated[Path, Argument(metavar="BASE_RUN", help="Run folder to compare with.")]
Candidate = Annotated[Path, Argument(metavar="CANDIDATE_RUN", help="Run folder that is judged.")]
FailOn = Annotated[
    list[str] | None,
    Option(
        "--fail-on",
        metavar="GATE",
        help="What is a regression: METRIC<NUMBER or METRIC>NUMBER of the mean difference "
        "(candidate − base), in the metric's unit, then @SLICE=VALUE,... for some trials only; "
        "may be given several times.",
    ),
]
DecideBy = Annotated[
    str,
    Option(
        "--decide",
        metavar="HOW",
        help="A mean beyond the threshold fails if it is significant against no change, "
        "with mean always, with interval if the whole interval is beyond it.",
    ),
]
BaseSystem = Annotated[
    str | None, Option(metavar="NAME", help="Compare this system of the base run.  [default: all that both runs have]")
]
CandidateSystem = Annotated[str | None, Option(metavar="NAME", help="With this one.  [default: of the same name]")]
Metrics = Annotated[
    str, Option(metavar="A,B,...", help="Only these.  [default: all, except values with an improvement]")
]
Slices = Annotated[bool, Option("--slices/--no-slices", help="Compare slices of strata too.")]
AllowIncomplete = Annotated[
    bool, Option("--allow-incomplete", help="Trials that are missing or have a value in one run only do not fail.")
]
Out = Annotated[
    Path | None,
    Option(
        metavar="DIR",
        help="Folder for compare.md, comment.md (the same for a pull request), junit.xml, tables as CSV, and players. "
        "If the runs cannot be compared, compare.md, comment.md and junit.xml say why.",
    ),
]
LinkBase = Annotated[
    str,
    Option(
        metavar="URL",
        help="Web address where --out is published: links to players lead there.  "
        "[default: compare.md links to files next to it, comment.md has no links]",
    ),
]

EXAMPLES = """
\b
Examples:
  tsebench compare runs/main runs/mine
  tsebench compare runs/main runs/mine --fail-on "si_sdri<-0.2" --out compared
  tsebench compare runs/main runs/mine --fail-on "wer>+1.0@condition=FMQ"
  tsebench compare runs/main runs/mine \\
      --fail-on "snri<-0.5@input_snr=..-10" --decide mean
  tsebench compare runs/all runs/all --base-system old --candidate-system new

\b
Slices: dataset, system, condition (FMQ, or PMQ 1:3) and the tags of the rows:
class, gender_pair, n_sources, input_snr, overlap, enrollment, ...
Exit codes: 0 fine, 1 a regression, 2 wrong use, 3 trials are missing or have
a value in one run only.
"""


@command("compare", place=100, summary="Compare two runs; fails on a regression.", examples=EXAMPLES)
def compare(
    base: Base,
    candidate: Candidate,
    fail_on: FailOn = None,
    decide: DecideBy = "significant",
    base_system: BaseSystem = None,
    candidate_system: CandidateSystem = None,
    metrics: Metrics = "",
    slices: Slices = True,
    allow_incomplete: AllowIncomplete = False,
    out: Out = None,
    link_base: LinkBase = "",
    corpus: Corpus = None,
) -> None:
    """Compare a candidate run with a base run, on the trials of both."""
    from ..core.allocator import keep_freed_memory
    from ..reports.compare.compare_runs import CompareOptions, compare_runs
    from ..reports.compare.console import print_comparison
    from ..reports.compare.gates import parse_gates
    from ..reports.compare.output_files import checked_base, write_comparison, write_refusal

    keep_freed_memory()
    try:
        checked_base(link_base)
        how = next((name for name in _DECIDE if name == decide), None)
        if how is None:
            raise ConfigError(f"unknown --decide {decide!r}{suggest(decide, _DECIDE)}")
        options = CompareOptions(
            gates=parse_gates(fail_on or []),
            decide=how,
            base_system=base_system,
            candidate_system=candidate_system,
            metrics=names_of(metrics),
            slices=slices,
            allow_incomplete=allow_incomplete,
        )
        comparison = compare_runs(base, candidate, options)
    except TsebenchError as error:
        if out is not None:
            write_refusal(str(error), out)
        raise
    print_comparison(comparison, console)
    if out is not None:
        say_files(write_comparison(comparison, out, corpus_dirs=corpora_of(corpus), link_base=link_base), out)
    if comparison.exit_code:
        raise typer.Exit(comparison.exit_code)
