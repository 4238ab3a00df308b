"""`board.json`: the sets and metrics of a board, the packs on it, and those that were refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ...bench.scoring.plan import MetricSpec
from ...core.errors import DatasetError
from ...core.files import write_atomic
from ...core.json_text import read_json
from ...core.validation import StrictModel, first_problem

BOARD = "board.json"
Status = Literal["verified", "claimed"]


class BoardSet(StrictModel):
    """A set of a board.

    Attributes:
        fingerprint: of the set that packs are run on: of a set that was split, its public part.
        sealed: whether the references are the organiser's alone.
        signatures: of each metric by its name.
    """

    fingerprint: str
    sealed: bool = False
    signatures: Mapping[str, str] = {}


class BoardEntry(StrictModel):
    """A pack on the board.

    Attributes:
        titles: names on the board by names in the pack.
        estimates: SHA-256 (hex) over the list of estimates of each system and set, to find the same ones again.
    """

    team: str
    sha256: str
    status: Status
    added: str
    titles: Mapping[str, str]
    estimates: tuple[str, ...] = ()


class RefusedPack(StrictModel):
    """A pack that was refused, and why."""

    file: str
    when: str
    reason: str


class BoardRecord(StrictModel):
    """State of a board."""

    version: Literal[1] = 1
    metrics: tuple[MetricSpec, ...] = ()
    sets: Mapping[str, BoardSet] = {}
    entries: tuple[BoardEntry, ...] = ()
    refused: tuple[RefusedPack, ...] = ()

    def entry(self, team: str) -> BoardEntry | None:
        """The entry of a team."""
        return next((each for each in self.entries if each.team == team), None)


def read_board(folder: Path) -> BoardRecord:
    """The state of a board's folder; a new board if there is none.

    Raises:
        DatasetError: `board.json` is damaged.
    """
    path = folder / BOARD
    if not path.is_file():
        return BoardRecord()
    try:
        return BoardRecord.model_validate(read_json(path), strict=False)
    except ValidationError as error:
        raise DatasetError(f"{str(path)!r} is damaged: {first_problem(error, BoardRecord)}; restore it") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{str(path)!r} cannot be read ({error}); restore it") from None


def write_board_record(folder: Path, record: BoardRecord) -> None:
    """Write `board.json`."""
    write_atomic(folder / BOARD, record.model_dump_json(indent=2).encode() + b"\n")
