"""`tsebench pack`: a run as one file that others can verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from .commands import command
from .output import say

Run = Annotated[Path, Argument(metavar="RUN_DIR", help="Folder of a finished run.")]
Out = Annotated[Path, Option(metavar="ZIP", help="File to write.")]
Team = Annotated[str, Option(metavar="NAME", help="Name on a board of packs.  [default: that of the run]")]
Estimates = Annotated[
    bool,
    Option(
        "--estimates/--no-estimates",
        help="Also pack the estimates, so that others can score them again; without them the values are claimed alone.",
    ),
]

EXAMPLES = """
\b
Examples:
  tsebench pack runs/mine --out team.zip --team my_lab
  tsebench pack runs/mine --out claims.zip --no-estimates

The run must keep its estimates: `--set keep_estimates=true`.
"""


@command("pack", place=115, summary="Pack a run as one file that others can verify.", examples=EXAMPLES)
def pack(run: Run, out: Out, team: Team = "", estimates: Estimates = True) -> None:
    """Write rows, configs, versions, system cards, hashes of the estimates, and the estimates of a run into a zip file.

    Folders of this machine are taken out. Baselines and oracles are not packed: whoever verifies computes them.
    """
    from ..bench.packs.write_pack import write_pack

    found = write_pack(run, out, team=team, estimates=estimates)
    for each in found.record.estimates:
        held = f"{len(each.files)} files of estimates" if each.included else "values alone, claimed"
        say(f"{each.system} on {each.dataset}: {held}")
    say(f"{out}: {found.num_bytes / 1e6:.1f} MB; SHA-256 {found.sha256}")
