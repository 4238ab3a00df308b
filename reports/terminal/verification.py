"""The result of a verification in the terminal."""

from __future__ import annotations

import math

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ...bench.packs.differences import MetricDifference
from ...bench.packs.verify import Verification
from ...core.errors import listed


def print_verification(found: Verification, console: Console) -> None:
    """Print each metric with its largest difference, and the verdict."""
    for system, dataset in dict.fromkeys((each.system, each.dataset) for each in found.compared):
        own = [each for each in found.compared if (each.system, each.dataset) == (system, dataset)]
        grid = Grid(title=Text(f"{system} on {dataset}", style="bold"), box=box.SIMPLE_HEAD, title_justify="left")
        for heading in ("metric", "values", "claimed", "again", "largest difference", "tolerance", ""):
            grid.add_column(heading, overflow="fold")
        for each in own:
            grid.add_row(*(Text(cell) for cell in _cells(each)))
        console.print(grid)
    for line in remarks(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def remarks(found: Verification) -> list[str]:
    """What was not verified, what differs, and the verdict."""
    lines = [f"{_name(each)}: {each.problem}" for each in found.compared if each.problem]
    for (system, dataset), names in found.lacking.items():
        if names:
            lines.append(f"{system} on {dataset}: no estimate of {len(names)} trials ({listed(names, length=60)})")
    for system, dataset in found.without_estimates:
        lines.append(f"{system} on {dataset}: no estimates in the pack: claimed alone")
    lines += [f"set {name}: not at hand, so its values are claimed alone" for name in found.unknown]
    return [*lines, f"{found.team}: {'VERIFIED' if found.verified else 'NOT VERIFIED'} (pack {found.sha256[:12]})"]


def _name(each: MetricDifference) -> str:
    return f"{each.system} on {each.dataset}, {each.metric}"


def _cells(each: MetricDifference) -> list[str]:
    unit = "" if each.unit == "0..1" else f" {each.unit}"
    means = ["–" if math.isnan(x) else f"{x:.3f}" for x in (each.claimed_mean, each.mean)]
    largest = "–" if math.isnan(each.largest) else f"{each.largest:.2g}{unit}"
    counted = f"{each.n}" + (f" + {each.unclaimed} not claimed" if each.unclaimed else "")
    verdict = ("same" if each.n else "not claimed") if each.same else "DIFFERS"
    return [each.metric, counted, *means, largest, f"{each.tolerance:g}{unit}", verdict]
