"""CSV files of corpora: every cell is text, and errors name the line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ....core.errors import CorpusError, TsebenchError, suggest
from ....core.file_kinds import stand_in


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable:
    """A CSV file with a header; cells are stripped, and `lines` holds the line at which each row ends."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str, *, option: str = "root") -> tuple[str, ...]:
        """The cells of one column; `option` is the user's option that chooses it, for messages."""
        if name not in self.header:
            raise CorpusError(
                f"{str(self.path)!r} has no column {name!r}{suggest(name, self.header)}; set `{option}` to one of them"
            )
        if self.header.count(name) > 1:
            raise CorpusError(
                f"{str(self.path)!r} has {self.header.count(name)} columns {name!r}; rename or remove one"
            )
        index = self.header.index(name)
        return tuple(row[index] for row in self.rows)

    def full_column(self, name: str, *, option: str = "root") -> tuple[str, ...]:
        """As `column`, but a column that may not have empty cells."""
        cells = self.column(name, option=option)
        if "" in cells:
            line = self.lines[cells.index("")]
            raise CorpusError(
                f"{str(self.path)!r}, line {line}: column {name!r} is empty in {cells.count('')} "
                f"of {len(cells)} rows; fill it in, or remove the row"
            )
        return cells

    def key_column(self, name: str, *, option: str = "root") -> tuple[str, ...]:
        """As `full_column`, but a column in which no cell may occur twice."""
        cells = self.full_column(name, option=option)
        refuse_repeated(self.path, zip(self.lines, cells, strict=True), what=name)
        return cells

    def full_rows(self, *names: str, option: str = "root") -> Iterator[tuple[str, ...]]:
        """The cells of some columns, row by row; raises as `full_column`."""
        return zip(*(self.full_column(name, option=option) for name in names), strict=True)


def refuse_repeated(
    path: Path,
    keys: Iterable[tuple[int, str]],
    *,
    what: str,
    fix: str = "remove one of the lines",
    error: type[TsebenchError] = CorpusError,
) -> None:
    """Raise `error` if one of some keys, given with their lines, occurs twice in a file; `what` names the keys."""
    lines: dict[str, int] = {}
    for line, key in keys:
        if lines.setdefault(key, line) != line:
            raise error(f"{str(path)!r}, lines {lines[key]} and {line}: {what} {key!r} is given twice; {fix}")


def read_table(path: Path) -> CsvTable:
    """Read a comma- or tab-separated UTF-8 file, with or without a byte-order mark."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if (other := stand_in(text)) is not None:
            raise CorpusError(f"{str(path)!r} is {other}, and no table")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        stripped = [(reader.line_num, tuple(cell.strip() for cell in row)) for row in reader]
    except OSError as error:
        raise CorpusError(f"cannot read {str(path)!r}: {error.strerror}; check its name and `root`") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{str(path)!r} is not a CSV file in UTF-8: {error}; save it as one") from None
    numbered = [(line, row) for line, row in stripped if any(row)]
    if len(numbered) < 2:
        raise CorpusError(f"{str(path)!r} has no rows{'' if numbered else ' and no header'}; complete it")
    (_, header), *body = numbered
    for line, row in body:
        if len(row) != len(header):
            raise CorpusError(
                f"{str(path)!r}, line {line}: {len(row)} cells where the header has {len(header)}; "
                "quote cells that hold the separator"
            )
    return CsvTable(path=path, header=header, rows=tuple(row for _, row in body), lines=tuple(line for line, _ in body))


def _delimiter(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    return "\t" if "\t" in first and "," not in first else ","
