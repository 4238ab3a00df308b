"""Tables of papers as YAML files: `tables/NAME.yaml`, and those of other packages.

The keys of a file:

    title, paper, table    as in `PaperTable`; `table` is left out if the paper prints no numbers
    stub                   headings of the leading columns, such as [method]
    columns                KEY: {title, ours, published} for each column
    rows                   a list of {names, rule, ours, published, cells}
    claims                 a list of {text, better, worse, same}

`ours` (fields of `Measured`) and `published` (fields of `Quoted`) may stand at the top of the file, in a row, in a
column and in a row's cell (`cells: {KEY: {ours, published}}`). A cell merges them in this order; a later one wins:

    ours: {metric: sdri}                                                    # the whole table
    columns: {k1: {title: "new, K = 1", ours: {role: K=1}}}                 # a column
    rows: [{names: [Enrl], ours: {system: soundbeam_enrl}, published: {system: soundbeam_enrl}}]

A cell has a number of ours, or a published one, if the merged fields name a `system`. The published metric is that of
ours unless it is written. `cells: {KEY: null}` leaves a cell empty, `published: null` takes the published number away.
`better` and `worse` of a claim start from the table's `ours`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from ...core.config_files import read_yaml
from ...core.entry_checks import type_problem
from ...core.errors import ConfigError, UnknownNameError
from ...core.plug_ins import plug_in_error
from ...core.registry import Registry
from ...core.validation import StrictModel, parse
from .paper_table import Claim, Measured, PaperCell, PaperRow, PaperTable, Quoted

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_FOLDER = Path(__file__).with_name("tables")
_Key = TypeVar("_Key", Measured, Quoted)


class _Ours(StrictModel):
    """Fields of `Measured` that one level of the file gives; `_Published` has those of `Quoted`."""

    system: str = ""
    metric: str = ""
    condition: str = ""
    role: str = ""
    threshold: float | None = None


class _Published(StrictModel):
    system: str = ""
    metric: str = ""
    variant: str = ""
    condition: str = ""


class _CellFields(StrictModel):
    ours: _Ours = _Ours()
    published: _Published | None = _Published()


class _ColumnFields(_CellFields):
    title: str


class _RowFields(_CellFields):
    names: tuple[str, ...]
    rule: bool = False
    cells: Mapping[str, _CellFields | None] = {}


class _ClaimFields(StrictModel):
    text: str
    better: _Ours
    worse: _Ours
    same: bool = False


class _TableFile(_CellFields):
    title: str
    paper: str
    table: str = ""
    stub: tuple[str, ...] = Field(min_length=1)
    columns: Mapping[str, _ColumnFields] = Field(min_length=1)
    rows: tuple[_RowFields, ...]
    claims: tuple[_ClaimFields, ...] = ()


def read_paper_table(path: Path) -> PaperTable:
    """Read a paper's table from YAML.

    Raises:
        ConfigError: the file cannot be read, or a key, a column or a row of it is wrong.
    """
    where = str(path)
    file = parse(_TableFile, read_yaml(path), where=where)
    try:
        return PaperTable(
            **{name: getattr(file, name) for name in ("title", "paper", "table", "stub")},
            columns=tuple(column.title for column in file.columns.values()),
            rows=tuple(_row(file, row) for row in file.rows),
            claims=tuple(_claim(file, claim) for claim in file.claims),
        )
    except (UnknownNameError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None


def _row(file: _TableFile, row: _RowFields) -> PaperRow:
    for name in row.cells:
        if name not in file.columns:
            raise UnknownNameError(f"column of row {' '.join(row.names)!r}", name, file.columns)
    cells = (
        PaperCell() if (own := row.cells.get(key, _CellFields())) is None else _cell((file, row, column, own))
        for key, column in file.columns.items()
    )
    return PaperRow(names=row.names, cells=tuple(cells), rule=row.rule)


def _cell(levels: tuple[_CellFields, ...]) -> PaperCell:
    """The cell that all levels make up together; later ones win."""
    ours = _merged(*(level.ours for level in levels))
    known = [level.published for level in levels]
    quoted = {} if None in known else _merged(*(fields for fields in known if fields is not None))
    return PaperCell(
        _complete(Measured, ours) if "system" in ours else None,
        _complete(Quoted, {"metric": ours.get("metric"), **quoted}) if "system" in quoted else None,
    )


def _claim(file: _TableFile, claim: _ClaimFields) -> Claim:
    better, worse = (_complete(Measured, _merged(file.ours, side)) for side in (claim.better, claim.worse))
    if better.metric != worse.metric:
        raise ValueError(f"claim {claim.text!r} compares {better.metric!r} with {worse.metric!r}")
    return Claim(text=claim.text, better=better, worse=worse, same=claim.same)


def _merged(*levels: StrictModel) -> dict[str, Any]:
    return {key: value for level in levels for key, value in level.model_dump(exclude_unset=True).items()}


def _complete(kind: type[_Key], fields: Mapping[str, Any]) -> _Key:
    for name in ("system", "metric"):
        if not fields.get(name):
            raise ValueError(f"a number with {dict(fields)} has no {name}; name it in its row or column")
    return kind(**fields)


class _PaperTables(Registry[PaperTable]):
    """Tables by name.

    An entry point names a `PaperTable`, the path of a YAML file, or a package that holds `NAME.yaml`.
    """

    def _modules(self) -> list[str]:
        return sorted(path.stem for path in _FOLDER.glob("*.yaml"))

    def _text(self, module: str) -> str:  # noqa: ARG002 - a file is called by the name of its table alone
        return ""

    def _import(self, module: str) -> None:
        if module not in self._entries:
            self.register(module)(read_paper_table(_FOLDER / f"{module}.yaml"))

    def _load(self, point: EntryPoint) -> object:
        loaded = super()._load(point)
        try:
            if isinstance(loaded, ModuleType) and point.name not in self._entries:
                with as_file(files(loaded) / f"{point.name}.yaml") as path:
                    return read_paper_table(path)
            return read_paper_table(Path(loaded)) if isinstance(loaded, str | Path) else loaded
        except (ConfigError, OSError) as error:
            raise plug_in_error(self.kind, point, f"cannot be loaded: {error}") from error


def _problem(_: str, table: PaperTable) -> str:
    """Why an object is no table of a paper."""
    return type_problem("table", table, PaperTable)


PAPER_TABLES = _PaperTables("paper table", package=__name__, group="tsebench.paper_tables", check=_problem)
