"""`tsebench demo`: write a page with the sounds of chosen trials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from ..core.errors import ConfigError
from ..core.text import names_of
from . import options
from .commands import command
from .output import say_files

EXAMPLES = """
\b
Examples:
  tsebench demo runs/mine --out demo
  tsebench demo runs/mine --out demo --quantile si_sdri=0.1,0.5,0.9
  tsebench demo runs/mine --out demo --trial test-000003_s1 \\
      --systems net,oracle_irm

The run must have stored its estimates: `keep_estimates: true` in its config.
"""

Out = Annotated[Path, Option(metavar="DIR", help="Folder of the page.")]
Trial = Annotated[
    list[str] | None, Option("--trial", metavar="ID", help="A trial to show; may be given several times.")
]
Quantile = Annotated[
    str | None,
    Option(
        metavar="METRIC=Q,...", help="Trials at these quantiles of a metric, 0 the worst, 1 the best, in each stratum."
    ),
]
By = Annotated[str | None, Option(metavar="SYSTEM", help="System whose values --quantile uses.  [default: the leader]")]
Random = Annotated[int, Option("--random", min=1, metavar="N", help="Trials of each set, drawn at random.")]
Seed = Annotated[int, Option(metavar="N", help="Another seed draws other trials.")]
Systems = Annotated[str, Option(metavar="A,B,...", help="Systems to show, in this order.  [default: all]")]
Title = Annotated[str, Option(metavar="TEXT", help="Title of the page.")]


@command("demo", place=90, summary="Write a demo page with players.", examples=EXAMPLES)
def demo(
    runs: options.Runs,
    out: Out,
    trial: Trial = None,
    quantile: Quantile = None,
    by: By = None,
    count: Random = 6,
    seed: Seed = 0,
    systems: Systems = "",
    title: Title = "",
    corpus: options.Corpus = None,
) -> None:
    """Write a demo page: mixture, enrollment, each system and ground truth of chosen trials."""
    from ..reports.leaderboard.assemble import open_board
    from ..reports.site.choose_demo import DemoChoice
    from ..reports.site.demo import write_demo

    if trial and quantile:
        raise ConfigError("--trial and --quantile both choose the trials; give one of them")
    metric, levels = quantile_of(quantile) if quantile else ("", ())
    choice = DemoChoice(
        trials=tuple(trial or ()),
        metric=metric,
        quantiles=levels,
        by=by,
        count=count,
        seed=seed,
        systems=names_of(systems),
    )
    say_files(write_demo(open_board(runs), out, choice, title=title, corpus_dirs=options.corpora_of(corpus)), out)


def quantile_of(text: str) -> tuple[str, tuple[float, ...]]:
    """Metric and quantiles of "si_sdri=0.1,0.5,0.9"; they lie in 0..1."""
    metric, separator, levels = text.partition("=")
    try:
        found = tuple(float(level) for level in levels.split(","))
    except ValueError:
        found = ()
    if not separator or not metric or not found or not all(0.0 <= q <= 1.0 for q in found):
        raise ConfigError(
            f"--quantile {text!r} is not METRIC=Q,... with quantiles from 0 to 1; write for example si_sdri=0.1,0.5,0.9"
        )
    return metric.strip(), found
