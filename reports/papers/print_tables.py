"""Print a paper's table: our numbers next to the published ones, and the verdicts on its orderings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from ...bench.run.record import RunFacts
from ...bench.statistics.comparison import ALPHA
from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import NOTHING, decimals, interval, number, p_value, plural
from ..tables.table import Cell, Head, Note, Notes, PrintedTable, Row
from .measured import RunResults, Value, unit_of
from .orderings import Ordering, orderings
from .paper_table import Measured, PaperCell, PaperTable, Quoted
from .published import PublishedTable, published_table
from .table_files import PAPER_TABLES

_CAVEAT = (
    "The data differ (other mixtures, and mostly other corpora and smaller networks), so the two "
    "must not be subtracted from each other: compare the order of the rows."
)
_PLACES = {"": 2, "dB": 2, "%": 1, "M": 2, "G/s": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperResult:
    """A run in the layout of one paper's table, with the verdicts on the paper's orderings, printed and not."""

    name: str
    run: str
    table: PrintedTable
    orderings: PrintedTable | None
    judged: tuple[Ordering, ...]


def paper_results(board: Leaderboard) -> tuple[PaperResult, ...]:
    """The tables that the runs of a leaderboard name, in the order of the runs.

    Raises:
        UnknownNameError: a run names an unknown table.
        DatasetError: the published numbers are damaged.
    """
    return tuple(
        _result(name, board, run) for run in board.runs if run.config is not None for name in run.config.paper_tables
    )


def _result(name: str, board: Leaderboard, run: RunFacts) -> PaperResult:
    table, results = PAPER_TABLES.get(name), RunResults(board, run)
    published = published_table(table.paper, table.table) if table.table else None
    judged = orderings(table, published, results)
    return PaperResult(
        name=name,
        run=run.title,
        table=_PaperPrinter(name, table, published, results).printed(),
        orderings=_print_orderings(name, table, judged, results) if judged else None,
        judged=judged,
    )


class _PaperPrinter:
    """Prints one table and collects the notes of its cells."""

    def __init__(self, name: str, table: PaperTable, published: PublishedTable | None, results: RunResults) -> None:
        self._name, self._table = name, table
        self._published, self._results = published, results
        self._notes = Notes()
        self._signatures: dict[str, None] = {}
        self._quoted = tuple(
            any(self._quote(row.cells[place].published) != NOTHING for row in table.rows)
            for place in range(len(table.columns))
        )

    def printed(self) -> PrintedTable:
        rows = tuple(
            Row(
                cells=(
                    *(Cell(text=name) for name in row.names),
                    *(cell for i, both in enumerate(row.cells) for cell in self._pair(i, both)),
                ),
                rule=row.rule,
            )
            for row in self._table.rows
        )
        return PrintedTable(
            name=f"{self._results.run.title}_{self._name}",
            caption=self._table.title,
            heads=tuple(self._heads()),
            rows=rows,
            notes=(
                *self._notes.notes(),
                Note(text=self._sources()),
                *([Note(text=f"Checkpoints: {weights}.")] if (weights := self._weights()) else []),
                *(Note(text=text, code=True) for text in self._signatures),
            ),
            stub=len(self._table.stub),
        )

    def _heads(self) -> Iterator[Head]:
        yield from (Head(text=text, align="l") for text in self._table.stub)
        for column, quoted in zip(self._table.columns, self._quoted, strict=True):
            yield Head(text="ours", group=column)
            if quoted:
                yield Head(text="published", group=column)

    def _pair(self, place: int, cell: PaperCell) -> Iterator[Cell]:
        yield self._ours(cell.ours)
        if self._quoted[place]:
            yield Cell(text=self._quote(cell.published))

    def _quote(self, quoted: Quoted | None) -> str:
        if quoted is None or self._published is None:
            return NOTHING
        found = quoted.find(self._published)
        return NOTHING if found is None else found.text.replace("-", "−")

    def _ours(self, wanted: Measured | None) -> Cell:
        value = None if wanted is None else self._results.value(wanted)
        if value is None:
            return Cell(text=NOTHING)
        if value.signature:
            self._signatures.setdefault(value.signature)
        return Cell(
            text=_text(value),
            detail=interval(value.ci_low, value.ci_high, value.unit),
            bold=value.best,
            marks=tuple(self._notes.mark(remark) for remark in value.remarks),
        )

    def _sources(self) -> str:
        """Data sets of both kinds of numbers, and why the numbers differ."""
        run = self._results.run
        scale = run.config.scale if run.config else "full"
        level = f"{self._results.board.level:.0%}"
        ours = (
            f"Ours: {', '.join(self._sets()) or 'nothing was measured'} (scale {scale}); brackets are {level} "
            "intervals, bold is the best of the run with all that do not differ significantly from it."
        )
        if self._published is None:
            return f"{ours} The paper gives no numbers for these."
        theirs = ", ".join(self._published.datasets)
        return f"{ours} Published: {theirs}. {_CAVEAT}"

    def _weights(self) -> str:
        """Checkpoints behind the table: they show whether a table is stale."""
        found: dict[str, None] = {}
        for cell in self._table.cells:
            facts = self._results.run.systems.get(cell.ours.system) if cell.ours else None
            if facts is not None and facts.text("sha256"):
                name = PurePath(facts.text("checkpoint")).name
                found.setdefault(f"{name} ({facts.text('sha256')[:8]})")
        return ", ".join(found)

    def _sets(self) -> Iterator[str]:
        """Each set once, with its sample rate and the number of trials in its strata."""
        counts: dict[str, set[int]] = {}
        for cell in self._table.cells:
            found = self._results.table(cell.ours) if cell.ours else None
            if found is not None:
                counts.setdefault(found.dataset, set()).add(found.n_trials)
        for name, numbers in counts.items():
            rate_khz = self._results.run.datasets[name].sample_rate_hz / 1000
            trials = " or ".join(str(count) for count in sorted(numbers))
            yield f"{name} at {rate_khz:g} kHz, {trials} trials in a stratum"


def _text(value: Value) -> str:
    if math.isnan(value.mean) or value.unit not in _PLACES:
        return number(value.mean, value.unit)
    digits = f"{abs(value.mean):.{_PLACES[value.unit]}f}"
    return f"−{digits}" if value.mean < 0 and float(digits) else digits


def _print_orderings(name: str, table: PaperTable, judged: tuple[Ordering, ...], results: RunResults) -> PrintedTable:
    level = f"{results.board.level:.0%}"
    return PrintedTable(
        name=f"{results.run.title}_{name}_orderings",
        caption=f"Orderings of {table.title.partition(':')[0]}",
        heads=(
            *(Head(text=text, align="l") for text in ("the paper finds", "verdict")),
            *(Head(text=text) for text in ("published", "ours, difference", "p (Holm)", "trials")),
        ),
        rows=tuple(Row(cells=_ordering_cells(ordering, results)) for ordering in judged),
        notes=(
            Note(
                text=f"Paired differences with {level} intervals, clustered by mixture; p-values "
                "are corrected for all orderings of the table. An ordering holds or fails if its "
                f"interval is wholly on one side of zero and p < {ALPHA:g}, else it is undecided."
            ),
        ),
    )


def _ordering_cells(ordering: Ordering, results: RunResults) -> tuple[Cell, ...]:
    published = " : ".join(quoted.text.replace("-", "−") for quoted in ordering.published or ()) or NOTHING
    found = ordering.difference
    ours, chance, trials = Cell(text=NOTHING), NOTHING, NOTHING
    if ordering.claim.same and ordering.verdict != "not measured":
        ours = Cell(text=f"{plural(ordering.changed, 'value')} differ" if ordering.changed else "all equal")
    elif found is not None:
        unit = unit_of(results.facts(found.metric))
        digits = _digits(found.mean, unit)
        low, high = (_signed(end, digits) for end in (found.ci_low, found.ci_high))
        text = f"{_signed(found.mean, digits)} {unit}".strip()
        ours = Cell(text=text, detail="" if low == NOTHING else f"[{low}, {high}]")
        chance, trials = p_value(found).removeprefix("p ").removeprefix("= "), str(found.n)
    return (
        Cell(text=ordering.claim.text),
        Cell(text=ordering.verdict, bold=ordering.verdict == "fails"),
        Cell(text=published),
        ours,
        Cell(text=chance or NOTHING),
        Cell(text=trials),
    )


def _digits(difference: float, unit: str) -> int:
    """Decimals of a difference: those of its unit, more if it would be shown as 0."""
    usual = decimals(unit)
    if difference == 0.0 or not math.isfinite(difference):
        return usual
    return min(9, max(usual, 1 - math.floor(math.log10(abs(difference)))))


def _signed(value: float, digits: int) -> str:
    """A difference with its sign; 0 has none."""
    if math.isnan(value):
        return NOTHING
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]
