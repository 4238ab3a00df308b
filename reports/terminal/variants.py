"""Variants of one metric side by side: a table in the terminal, and `variants.csv`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ...bench.folders.claimed_numbers import ClaimedNumber, Match, Statistic, nearest
from ...bench.folders.variant import VariantLine, VariantScores
from ...core.errors import OutputError
from ...core.files import make_folder, write_atomic
from ..leaderboard.wording import number, plural
from ..tables.csv_text import read_csv, to_csv

FILE_NAME = "variants.csv"
_STATISTICS: tuple[Statistic, ...] = ("mean", "median")
TOOLKITS = (
    "asteroid and torchmetrics' SI-SNR remove the mean (its SI-SDR by zero_mean=True); ESPnet and VERSA keep it: "
    "mean kept"
)
_ALSO = 3  # others that agree with a claim; the table has them all


def report_variants(scores: VariantScores, claims: Sequence[ClaimedNumber], out: Path, console: Console) -> Path:
    """Print the table with what comes nearest to each claim, and write `variants.csv`."""
    matches = [nearest(scores, claim) for claim in claims]
    print_variants(scores, matches, console)
    return write_variants(scores, matches, out)


def print_variants(scores: VariantScores, matches: Sequence[Match], console: Console) -> None:
    """Print every variant, mark the nearest to each claim; looks right from 80 columns on."""
    improved = {line.variant.name: line for line in scores.lines if line.quantity == "improvement"}
    title = Text(f"variants of {scores.system}", style="bold")
    grid = Grid(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("variant", overflow="fold")
    headings = ["n", "mean", "median"]
    for heading in headings + ["improvement\nmean", "improvement\nmedian"] * bool(improved):
        grid.add_column(heading, justify="right")
    family = ""
    for line in scores.lines:
        if line.quantity == "improvement":
            continue
        if family and line.variant.family != family:
            grid.add_section()
        family = line.variant.family
        grid.add_row(*_cells(line, improved.get(line.variant.name), matches))
    console.print(grid)
    for text in [*_remarks(scores), *(_match_text(match) for match in matches)]:
        console.print(text, soft_wrap=True)


def claim_lines(matches: Sequence[Match]) -> tuple[str, ...]:
    """The nearest variant of each claim, in one line each."""
    return tuple(_match_text(match).plain for match in matches)


def write_variants(scores: VariantScores, matches: Sequence[Match], out: Path) -> Path:
    """Write `variants.csv` at full precision; the lines of other systems in it stay.

    Raises:
        OutputError: the folder cannot be written, or an older file cannot be read.
    """
    path = make_folder(out) / FILE_NAME
    frame = pd.DataFrame([_record(scores.system, line, matches) for line in scores.lines])
    if path.exists():
        others = _read(path)
        frame = pd.concat([others[others["system"] != scores.system], frame])
    write_atomic(path, to_csv(frame))
    return path


def _read(path: Path) -> pd.DataFrame:
    """All as text, so that no digit of another system changes."""
    try:
        frame = read_csv(path)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot read {str(path)!r}: {error}; remove it") from None
    if "system" not in frame.columns:
        raise OutputError(f"{str(path)!r} is no table of variants; remove it")
    return frame


def _record(system: str, line: VariantLine, matches: Sequence[Match]) -> dict[str, str | int | float]:
    found = [(mark, match) for mark, _, match in _marked(matches)]
    here = [(mark, match) for mark, match in found if match.nearest and match.nearest.line is line]
    return {
        "system": system,
        "family": line.variant.family,
        "variant": line.variant.name,
        "quantity": line.quantity,
        "swapped": str(line.variant.swapped).lower(),
        "unit": line.variant.metric.info.unit,
        "mean": line.mean,
        "median": line.median,
        **{name: getattr(line, name) for name in ("n", "n_failed", "n_undefined", "n_floored")},
        "resampled_hz": line.resampled,
        "signature": line.signature,
        "claimed": ";".join(match.claim.text for _, match in here),
        "claimed_of": ";".join("claimed metric" if mark == "►" else "other metric" for mark, _ in here),
        "claimed_statistic": ";".join(match.nearest.statistic for _, match in here if match.nearest),
        "claimed_difference": ";".join(f"{match.difference:.6g}" for _, match in here),
        "claimed_tried": ";".join(str(match.tried) for _, match in here),
    }


def _cells(value: VariantLine, gain: VariantLine | None, matches: Sequence[Match]) -> list[Text]:
    label = Text(value.variant.label + "*" * bool(value.resampled))
    trials = value.n + value.n_failed + value.n_undefined
    count = Text(str(value.n) if value.n == trials else f"{value.n}/{trials}")
    lines = [line for line in (value, gain) if line is not None]
    return [label, count, *(_cell(line, statistic, matches) for line in lines for statistic in _STATISTICS)]


def _cell(line: VariantLine, statistic: Statistic, matches: Sequence[Match]) -> Text:
    value = line.mean if statistic == "mean" else line.median
    text = Text(number(value, line.variant.metric.info.unit))
    for mark, style, found in _marked(matches):
        if found.nearest and found.nearest.line is line and found.nearest.statistic == statistic:
            text.stylize(style)
            return Text(f"{mark} ", style=style) + text
    return text


def _marked(matches: Sequence[Match]) -> Iterator[tuple[str, str, Match]]:
    """Mark and style of each match; those among other metrics than the claimed one are marked as doubtful."""
    yield from (("►", "bold green", match) for match in matches)
    yield from (("?", "yellow", match.elsewhere) for match in matches if match.elsewhere)


def _remarks(scores: VariantScores) -> list[Text]:
    """Resampling, floors, and roles, where there are any."""
    resampled = {
        f"{line.variant.label.partition(',')[0]} {line.resampled.replace('>', ' > ')} Hz"
        for line in scores.lines
        if line.resampled
    }
    notes = [f"* resampled: {', '.join(sorted(resampled))}"] if resampled else []
    floored = sum(line.n_floored for line in scores.lines if line.quantity == "value")
    if floored:
        notes.append(f"{plural(floored, 'value')} of silent estimates, which SDR, SI-SDR and SD-SDR give one value")
    notes.append("swapped: estimate and reference exchanged; SI-SDR is the same either way")
    notes.append(f"SI-SDR: {TOOLKITS}")
    return [Text(note, style="dim") for note in notes]


def _match_text(match: Match) -> Text:
    name = match.claim.name
    if match.nearest is None:
        text = Text(f"claimed {match.claim.text}: no variant of {name} has a value", style="yellow")
    else:
        text = Text(f"► claimed {match.claim.text}: nearest of {plural(match.tried, 'value')} of {name} is ")
        text.append(_found(match))
        if not match.agrees:
            text.append("; none of them gives the claim when rounded")
    if match.elsewhere:
        other = match.elsewhere
        text.append(f"\n? other metrics, {plural(other.tried, 'value')} tried: ", style="yellow")
        text.append(_found(other))
        text.append(f"; about {other.by_chance:.1f} of them would be as near to any number by chance", style="yellow")
    return text


def _found(match: Match) -> Text:
    """The nearest value with its difference, and others that agree."""
    found = match.nearest
    if found is None:
        return Text()
    unit = found.line.variant.metric.info.unit
    shown = f"{number(found.value, unit)} ({number(match.difference, unit, signed=True)})"
    text = Text(found.label, style="bold").append(f": {shown}", style="not bold")
    if match.also:
        more = f" and {len(match.also) - _ALSO} more" if len(match.also) > _ALSO else ""
        names = "; ".join(candidate.label for candidate in match.also[:_ALSO])
        text.append(f"; as near when rounded: {names}{more}", style="not bold")
    return text
