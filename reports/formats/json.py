"""The report `json`: the leaderboard as data, with a documented schema; and reading it back."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import ConfigError
from ...core.files import make_folder, read_limited, write_atomic
from ...core.json_text import MAX_BYTES
from ..leaderboard.board import Leaderboard
from ..leaderboard.document import from_json, to_json
from .registry import REPORTS

NAME = "leaderboard.json"


@REPORTS.register("json")
def write_json(board: Leaderboard, out: Path) -> list[Path]:
    """Write `leaderboard.json`; see docs/leaderboard_schema.md."""
    path = make_folder(out) / NAME
    write_atomic(path, to_json(board))
    return [path]


def read_json(path: Path) -> Leaderboard:
    """The leaderboard that a file holds, equal to the one that was written, but without its rows.

    Raises:
        ConfigError: the file cannot be read, does not follow the schema, or is of a later version.
    """
    try:
        text = read_limited(path, MAX_BYTES)
    except OSError as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error.strerror}; give the file of a report") from None
    return from_json(text, where=str(path))
