"""From a leaderboard to its document, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from ... import __version__
from ...bench.run.record import SystemFacts
from ...bench.statistics.aggregate import Aggregate
from ...bench.statistics.comparison import Difference
from .board import Column, Entry, Issue, Leaderboard, Table
from .document import (
    SCHEMA_VERSION,
    BoardDocument,
    CellPart,
    ColumnPart,
    EntryPart,
    GapPart,
    IssuePart,
    TablePart,
)

_Where = tuple[str, str]  # dataset and stratum
_Columns = tuple[tuple[Column, ...], tuple[Column, ...]]  # of the table, and of its parts
_Systems = Mapping[str, SystemFacts]

_CELL = tuple(CellPart.model_fields)
_GAP = tuple(GapPart.model_fields)


def document_of(board: Leaderboard) -> BoardDocument:
    """The document of a leaderboard; the rows behind it are no part of it."""
    columns = [c for table in board.tables for c in (*table.columns, *table.parts)]
    systems = {entry.system: entry.facts for table in board.tables for entry in table.entries}
    return BoardDocument(
        schema_version=SCHEMA_VERSION,
        generator=f"tsebench {__version__}",
        level=board.level,
        resamples=board.resamples,
        seed=board.seed,
        remarks=board.remarks,
        tables=tuple(_table(table, _fingerprint(board, table.dataset)) for table in board.tables),
        metrics={column.facts.name: column.facts for column in columns},
        systems=dict(sorted(systems.items())),
        issues=tuple(IssuePart(**asdict(issue)) for issue in board.issues),
        runs=board.runs,
    )


def board_of(document: BoardDocument) -> Leaderboard:
    """The leaderboard of a document, without rows and folders."""
    return Leaderboard(
        tables=tuple(_table_back(table, document) for table in document.tables),
        issues=tuple(Issue(**issue.model_dump()) for issue in document.issues),
        runs=document.runs,
        level=document.level,
        remarks=document.remarks,
        resamples=document.resamples,
        seed=document.seed,
    )


def _fingerprint(board: Leaderboard, dataset: str) -> str:
    known = (run.datasets[dataset].fingerprint for run in board.runs if dataset in run.datasets)
    return next((fingerprint for fingerprint in known if fingerprint), "")


def _table(table: Table, fingerprint: str) -> TablePart:
    return TablePart(
        dataset=table.dataset,
        condition=table.condition,
        fingerprint=fingerprint,
        n_trials=table.n_trials,
        columns=tuple(_column(column) for column in table.columns),
        parts=tuple(_column(column) for column in table.parts),
        entries=tuple(_entry(entry, table) for entry in table.entries),
        primary=None if table.primary is None else table.columns[table.primary].key,
        leader=table.leader,
        rival=table.rival,
    )


def _column(column: Column) -> ColumnPart:
    return ColumnPart(key=column.key, metric=column.facts.name, signature=column.signature, best=column.best)


def _entry(entry: Entry, table: Table) -> EntryPart:
    gap = entry.gap
    return EntryPart(
        system=entry.system,
        rank=entry.rank,
        note=entry.note,
        warning=entry.warning,
        n_missing=entry.n_missing,
        n_failed=entry.n_failed,
        cells=_cells(table.columns, entry.cells),
        parts=_cells(table.parts, entry.parts),
        gap=None if gap is None else GapPart(**{name: getattr(gap, name) for name in _GAP}),
    )


def _cells(columns: Iterable[Column], cells: Iterable[Aggregate | None]) -> dict[str, CellPart]:
    return {
        column.key: CellPart(**{name: getattr(cell, name) for name in _CELL})
        for column, cell in zip(columns, cells, strict=True)
        if cell is not None
    }


def _table_back(part: TablePart, document: BoardDocument) -> Table:
    columns = tuple(_column_back(column, document) for column in part.columns)
    parts = tuple(_column_back(column, document) for column in part.parts)
    keys = [column.key for column in columns]
    primary = None if part.primary is None else keys.index(part.primary)
    where = (part.dataset, part.condition)
    entries = (
        _entry_back(entry, where, (columns, parts), primary, document.systems) for entry in part.entries
    )
    return Table(
        dataset=part.dataset,
        condition=part.condition,
        n_trials=part.n_trials,
        columns=columns,
        parts=parts,
        entries=tuple(entries),
        primary=primary,
        leader=part.leader,
        rival=part.rival,
    )


def _column_back(part: ColumnPart, document: BoardDocument) -> Column:
    facts = document.metrics[part.metric]
    return Column(key=part.key, facts=facts, signature=part.signature, best=part.best)


def _entry_back(
    part: EntryPart, where: _Where, columns: _Columns, primary: int | None, systems: _Systems
) -> Entry:
    own, parts = columns
    gap = None
    if part.gap is not None and primary is not None:
        gap = Difference(
            system=part.system,
            dataset=where[0],
            condition=where[1],
            metric=own[primary].key,
            **part.gap.model_dump(),
        )
    return Entry(
        system=part.system,
        facts=systems[part.system],
        rank=part.rank,
        note=part.note,
        n_missing=part.n_missing,
        n_failed=part.n_failed,
        cells=tuple(_cell_back(column, part.system, part.cells, where) for column in own),
        parts=tuple(_cell_back(column, part.system, part.parts, where) for column in parts),
        gap=gap,
        warning=part.warning,
    )


def _cell_back(column: Column, system: str, cells: Mapping[str, CellPart], where: _Where) -> Aggregate | None:
    if column.key not in cells:
        return None
    return Aggregate(
        system=system,
        dataset=where[0],
        condition=where[1],
        metric=column.key,
        **cells[column.key].model_dump(),
    )
