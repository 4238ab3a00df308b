"""A table of a paper: each cell names a number of a run and the published number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .published import PublishedResult, PublishedTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A number of a run.

    Attributes:
        system: title in the run.
        metric: name of a metric, or "params" or "macs_per_s".
        condition: label of the stratum; "" for a cost.
        role: of the dataset in the run's config; "" in a run that gives none.
        threshold: of decisions on classes, where it is not the metric's own.
    """

    system: str
    metric: str
    condition: str = "FMQ 1:0"
    role: str = ""
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Key of a published number within its table, see `published.PublishedResult`."""

    system: str
    metric: str
    variant: str = ""
    condition: str = ""

    def find(self, table: PublishedTable) -> PublishedResult | None:
        """The number in its table, or None where the paper has a gap."""
        return table.find(system=self.system, metric=self.metric, variant=self.variant, condition=self.condition)


@dataclass(frozen=True, slots=True)
class PaperCell:
    """Our number and the published one; None where there is none."""

    ours: Measured | None = None
    published: Quoted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """One line: texts of the leading columns, and a cell for each other column; with a rule above it or not."""

    names: tuple[str, ...]
    cells: tuple[PaperCell, ...]
    rule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An ordering that the paper finds: one number is better than another, or just the same.

    Numbers of different strata or sets are compared where the mixture and the target are the same.

    Attributes:
        text: one sentence.
        better: the number that is better in the metric's direction; `worse` is of the same metric.
        same: every single value is equal, to the last bit.
    """

    text: str
    better: Measured
    worse: Measured
    same: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTable:
    """One table of one paper.

    Attributes:
        title: caption: paper, number of the table, contents.
        table: in `published_results.csv`, as `paper`; "" if no number of it is published.
        stub: headings of the leading columns.
        columns: headings of the columns, each of ours and published.
    """

    title: str
    paper: str
    table: str
    stub: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[PaperRow, ...]
    claims: tuple[Claim, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if (len(row.names), len(row.cells)) != (len(self.stub), len(self.columns)):
                raise ValueError(f"{self.title}: row {row.names} does not fit the headings")

    @property
    def cells(self) -> Iterator[PaperCell]:
        """All cells, row by row."""
        return (cell for row in self.rows for cell in row.cells)

    def published_of(self, ours: Measured) -> Quoted | None:
        """The published number in the cell of one of ours."""
        return next((cell.published for cell in self.cells if cell.ours == ours), None)
