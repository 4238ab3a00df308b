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
from . import web_mushra
from .designs import DESIGNS
from .listening_key import ListeningKey, ListeningPage

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
    """All ratings of CSV files with the columns listener, page, stimulus and rating, or with those of webMUSHRA.

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
        named = _columns(reader.fieldnames or (), path)
        for row in reader:
            values = {name: str(row[column] or "") for name, column in named.items()}
            yield f"{str(path)!r}, line {reader.line_num}", values
    except csv.Error as error:
        raise ConfigError(f"answers {str(path)!r} are no CSV table ({error}); ask for them again") from None


def _columns(given: Sequence[str], path: Path) -> dict[str, str]:
    """The columns of a table by our names for them."""
    if {*web_mushra.COLUMNS.values()} <= {*given}:
        listeners = [name for name in web_mushra.LISTENERS if name in given]
        if not listeners:
            raise ConfigError(f"answers {str(path)!r} of webMUSHRA name no listeners; add a column 'listener'")
        return {"listener": listeners[0], **web_mushra.COLUMNS}
    if lacking := [name for name in _COLUMNS if name not in given]:
        wanted = f"{', '.join(_COLUMNS)}, or are a mushra.csv of webMUSHRA"
        raise ConfigError(f"answers {str(path)!r} have no column {lacking[0]!r}; they need {wanted}")
    return {name: name for name in _COLUMNS}


def _stimulus(given: str, page: ListeningPage, key: ListeningKey) -> str:
    """Id of a stimulus: webMUSHRA has a name of its own for the hidden reference of a page."""
    if given != web_mushra.HIDDEN:
        return given
    return next((name for name, condition in page.stimuli.items() if key.conditions[condition] == "reference"), given)


def _rating(where: str, row: dict[str, str], key: ListeningKey) -> Rating:
    listener, page, design = row["listener"].strip(), key.pages.get(row["page"]), DESIGNS[key.design]
    if not _NAME.fullmatch(listener):
        raise ConfigError(
            f"{where}: listener = {shortened(listener, 60)!r}; write 1 to 40 letters, digits and _ . @ + -"
        )
    stimulus = row["stimulus"] if page is None else _stimulus(row["stimulus"], page, key)
    if page is None or stimulus not in page.stimuli:
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
    return Rating(listener=listener, page=row["page"], condition=page.stimuli[stimulus], value=value)
