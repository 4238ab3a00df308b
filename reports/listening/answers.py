"""Answers of listeners: one table or several, checked against the key of the test."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import ConfigError, shortened
from ...core.files import read_limited
from .designs import DESIGNS
from .listening_key import ListeningKey

_MOST_BYTES = 1 << 26
_COLUMNS = ("listener", "page", "stimulus", "rating")
_NAME = re.compile(r"[\w .@+-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """A rating of one stimulus on one page by one listener."""

    listener: str
    page: str
    condition: str
    value: float


def read_answers(paths: Sequence[Path], key: ListeningKey) -> list[Rating]:
    """All ratings of CSV files with the columns listener, page, stimulus and rating.

    Raises:
        ConfigError: a file is not such a table, an id is not of this test, a rating is off the scale, or a listener
            rates a stimulus twice.
    """
    found: list[Rating] = []
    seen: dict[tuple[str, str, str], str] = {}
    for path in paths:
        for where, row in _rows(path):
            rating = _rating(where, row, key)
            place = (rating.listener, rating.page, rating.condition)
            if place in seen:
                raise ConfigError(
                    f"{where}: listener {rating.listener!r} rates this stimulus a second time, first in {seen[place]}; "
                    "leave one file out, or give listeners names of their own"
                )
            seen[place] = where
            found.append(rating)
    if not found:
        raise ConfigError("there are no answers; give the CSV files that listeners saved")
    return found


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        text = read_limited(path, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read answers {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"answers {str(path)!r} are no text in UTF-8; ask for them again") from None
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if lacking := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise ConfigError(f"answers {str(path)!r} have no column {lacking[0]!r}; they need {', '.join(_COLUMNS)}")
        for row in reader:
            yield f"{str(path)!r}, line {reader.line_num}", {name: str(row[name] or "") for name in _COLUMNS}
    except csv.Error as error:
        raise ConfigError(f"answers {str(path)!r} are no CSV table ({error}); ask for them again") from None


def _rating(where: str, row: dict[str, str], key: ListeningKey) -> Rating:
    listener, page, design = row["listener"].strip(), key.pages.get(row["page"]), DESIGNS[key.design]
    if not _NAME.fullmatch(listener):
        raise ConfigError(
            f"{where}: listener = {shortened(listener, 60)!r}; write 1 to 40 letters, digits and _ . @ + -"
        )
    if page is None or row["stimulus"] not in page.stimuli:
        raise ConfigError(
            f"{where}: stimulus {shortened(row['stimulus'], 40)!r} on page {shortened(row['page'], 40)!r} is not of "
            "this test; give the key that was exported with its page"
        )
    try:
        value = float(row["rating"])
    except ValueError:
        value = math.nan
    if not design.low <= value <= design.high:
        raise ConfigError(
            f"{where}: rating = {shortened(row['rating'], 40)!r}; it must be {design.low:g} ... {design.high:g}"
        )
    return Rating(listener=listener, page=row["page"], condition=page.stimuli[row["stimulus"]], value=value)
