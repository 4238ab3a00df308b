"""The report `json`: the leaderboard as data, with a documented schema; and reading it back."""

from __future__ import annotations

import json
from pathlib import Path

from ...core.errors import ConfigError
from ...core.files import make_folder, write_atomic
from ...core.validation import parse
from ..leaderboard.board import Leaderboard
from ..leaderboard.codec import board_of, document_of
from ..leaderboard.document import SCHEMA_VERSION, BoardDocument
from ..tables.escapes import json_in_html
from .registry import REPORTS

NAME = "leaderboard.json"


@REPORTS.register("json")
def write_json(board: Leaderboard, out: Path) -> list[Path]:
    """Write `leaderboard.json`; see docs/leaderboard_schema.md.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = make_folder(out) / NAME
    write_atomic(path, to_json(board))
    return [path]


def to_json(board: Leaderboard) -> str:
    """The leaderboard as JSON that is safe inside of HTML."""
    text = json.dumps(
        document_of(board).model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False
    )
    return json_in_html(text) + "\n"


def read_json(path: Path) -> Leaderboard:
    """The leaderboard that a file holds, equal to the one that was written, but without its rows.

    Raises:
        ConfigError: the file cannot be read, does not follow the schema, or is of a later version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error}") from None
    return from_json(text, where=str(path))


def from_json(text: str, *, where: str) -> Leaderboard:
    """The leaderboard that a text holds.

    Args:
        text: as `to_json` gives it.
        where: start of an error's line.

    Raises:
        ConfigError: the text does not follow the schema, or is of a later version.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where} is not JSON: {error}; write it again with --format json") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"{where} has schema_version {version!r}, and this release reads {SCHEMA_VERSION!r}; "
            "write the report again from its run folders"
        )
    return board_of(parse(BoardDocument, data, where=where))
