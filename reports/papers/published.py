"""Published results to compare with: `published_results.csv`, read and checked.

Columns of the file: paper; table, as the paper numbers it; system; variant, anything else that identifies the line;
dataset, the paper's own; condition, the stratum or "" where there is none; metric, as `tsebench list metrics` has it,
but "params" (in millions) and "macs_per_s" (in 10⁹ per second of audio) for costs, and "sdri" as BSSEval gives it;
value; unit: dB, M, G/s, MOS or "" (0..1); note.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ...core.errors import DatasetError, UnknownNameError

PUBLISHED = Path(__file__).with_name("published_results.csv")
UNITS = ("dB", "M", "G/s", "MOS", "")
_HEADER = ["paper", "table", "system", "variant", "dataset", "condition", "metric", "value", "unit", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedResult:
    """One number of one paper, as the module's docstring describes; `text` is the value as printed."""

    paper: str
    table: str
    system: str
    variant: str
    dataset: str
    condition: str
    metric: str
    value: float
    unit: str
    note: str
    text: str

    @property
    def key(self) -> tuple[str, ...]:
        """Unique in the file."""
        return self.paper, self.table, self.system, self.variant, self.condition, self.metric


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """The numbers of one table of one paper, in the order of the file."""

    paper: str
    table: str
    results: tuple[PublishedResult, ...]

    def find(self, *, system: str, metric: str, variant: str = "", condition: str = "") -> PublishedResult | None:
        """One number, or None where the paper has a gap."""
        wanted = (self.paper, self.table, system, variant, condition, metric)
        return next((result for result in self.results if result.key == wanted), None)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The paper's own names of the datasets of these numbers."""
        return tuple(dict.fromkeys(r.dataset for r in self.results if r.dataset))


def published_table(paper: str, table: str) -> PublishedTable:
    """For example "Table 1" of "soundbeam_fewshot".

    Raises:
        UnknownNameError: there is no such paper, or it has no such table.
        DatasetError: the file is damaged.
    """
    every = read_published(PUBLISHED)
    papers = {result.paper for result in every}
    if paper not in papers:
        raise UnknownNameError("paper", paper, papers)
    results = tuple(r for r in every if (r.paper, r.table) == (paper, table))
    if not results:
        raise UnknownNameError(f"table of paper {paper!r}", table, {r.table for r in every if r.paper == paper})
    return PublishedTable(paper, table, results)


@cache
def read_published(path: Path) -> tuple[PublishedResult, ...]:
    """All numbers of a file, in its order.

    Raises:
        DatasetError: a column, a value or a unit is wrong, or a number occurs twice.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"cannot read {str(path)!r}: {error}") from None
    if not lines or lines[0] != _HEADER:
        raise DatasetError(f"{str(path)!r} must have the columns {', '.join(_HEADER)}")
    results = tuple(_read(line, f"{path.name}:{i}") for i, line in enumerate(lines[1:], 2))
    twice = [key for key, count in Counter(result.key for result in results).items() if count > 1]
    if twice:
        raise DatasetError(f"{str(path)!r} has two values of {' / '.join(twice[0])}; keep one")
    return results


def _read(line: list[str], where: str) -> PublishedResult:
    if len(line) != len(_HEADER):
        raise DatasetError(f"{where}: {len(line)} cells under {len(_HEADER)} columns")
    cells = dict(zip(_HEADER, line, strict=True))
    text = cells.pop("value")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f"{where}: value {text!r} is not a number")
    for name in ("paper", "table", "system", "metric"):
        if not cells[name]:
            raise DatasetError(f"{where}: column {name!r} is empty; fill it in")
    if cells["unit"] not in UNITS:
        raise DatasetError(f"{where}: unit {cells['unit']!r} is unknown (known: {', '.join(filter(None, UNITS))})")
    return PublishedResult(value=value, text=text, **cells)
