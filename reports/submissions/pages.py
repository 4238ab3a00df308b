"""Pages of a board: the leaderboard of verified packs, and that of claimed ones apart."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...core.errors import listed
from ..formats.registry import write_board
from ..leaderboard.assemble import open_board
from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import plural
from .board_record import BoardEntry, BoardRecord, Status, read_board

REPORT, CLAIMED = "report", "claimed"
_FORMATS = ("html", "md", "csv")


def write_pages(folder: Path) -> list[Path]:
    """Write `report/` with the verified values, and `report/claimed/` with those that nobody scored again.

    A board of one kind alone has that kind in its folder. No trial has a page: a pack's audio is not shown.
    """
    record = read_board(folder)
    out = folder / REPORT
    shutil.rmtree(out, ignore_errors=True)
    written: list[Path] = []
    places: dict[Status, Path] = {"verified": out, "claimed": out / CLAIMED}
    for status, place in places.items():
        board = board_of_packs(folder, record, status)
        if board is not None:
            written += write_board(board, place, _FORMATS, {"html": {"trials": 0}})
    return written


def board_of_packs(folder: Path, record: BoardRecord, status: Status) -> Leaderboard | None:
    """The leaderboard of the packs of one status; None without any."""
    entries = [each for each in record.entries if each.status == status]
    if not entries:
        return None
    board = open_board([folder / status / each.team for each in entries])
    return replace(board, remarks=(*_remarks(record, entries, status), *board.remarks), folders=())


def _remarks(record: BoardRecord, entries: Sequence[BoardEntry], status: Status) -> list[str]:
    """What stands on this page and what does not."""
    named = listed(f"{each.team} ({each.sha256[:12]}, {each.added[:10]})" for each in entries)
    others = [each.team for each in record.entries if each.status != status]
    if status == "verified":
        lines = [
            f"verified: the values of {plural(len(entries), 'pack')} were scored again from their estimates: {named}"
        ]
        lines += [f"claimed alone, on a page of their own in claimed/: {listed(others)}"] if others else []
    else:
        lines = [f"claimed: nobody has scored the values of {plural(len(entries), 'pack')} again: {named}"]
        lines += [f"verified, on a page of their own: {listed(others)}"] if others else []
    if record.refused:
        lines.append(
            f"refused: {plural(len(record.refused), 'pack')}, the last for this reason: {record.refused[-1].reason}"
        )
    return lines
