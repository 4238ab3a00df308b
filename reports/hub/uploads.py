"""Files for a hub by their path: of a checkpoint, a pack, or the report of a board."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...bench.packs.pack_record import PackRecord
from ...bench.packs.read_pack import open_pack
from ...core.errors import ConfigError
from ...core.hub.reference import HubReference
from ...core.hub.upload import Upload
from ..submissions.board_record import BOARD, read_board
from ..submissions.pages import REPORT
from ..tables.escapes import markdown
from .checkpoint_upload import checkpoint_upload
from .front_matter import PAGE, TAGS, front_matter

_ENTRANCE = "report.html"


def upload_of(given: str, reference: HubReference) -> Upload:
    """The files of a pack, of a board's folder, or of a checkpoint.

    Args:
        given: path of a pack or of a board's folder, or a checkpoint as systems take it.
        reference: where they go, for their page.

    Raises:
        ConfigError: it is a damaged pack, or a board without a report.
        CheckpointError: it is none of these, or a damaged checkpoint.
    """
    path = Path(given).expanduser()
    if path.suffix == ".zip" and path.is_file():
        return _pack_upload(path, reference)
    if (path / BOARD).is_file():
        return _board_upload(path, reference)
    return checkpoint_upload(given, reference)


def _pack_upload(path: Path, reference: HubReference) -> Upload:
    """A pack under its own name; the page speaks of packs in general, since a repository may hold several."""
    with (
        tempfile.TemporaryDirectory(prefix="tsebench-push-") as scratch,
        open_pack(path, scratch=Path(scratch)) as pack,
    ):
        record, sha256 = pack.record, pack.sha256
    front = {"tags": [*TAGS], "viewer": False}
    words = (
        f"{front_matter(front)}\n# Packs of runs of tsebench\n\n"
        "Each zip file is a run: rows, configs, versions, cards of the systems, and the estimates or their hashes.\n\n"
        f"```bash\ntsebench verify {reference}/FILE.zip   # scores the estimates again\n```\n"
    )
    message = f"Pack of {record.team}, {_content(record)}, sha256 {sha256[:12]}"
    return Upload(kind="dataset", files={path.name: path, PAGE: words.encode()}, message=message)


def _content(record: PackRecord) -> str:
    systems, sets = ({getattr(each, name) for each in record.estimates} for name in ("system", "dataset"))
    return f"{len(systems)} systems on {len(sets)} sets"


def _board_upload(folder: Path, reference: HubReference) -> Upload:
    """The report alone, which is for everybody; the hub shows it as a page."""
    report = folder / REPORT
    files: dict[str, bytes | Path] = {
        path.relative_to(report).as_posix(): path
        for path in sorted(report.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    if _ENTRANCE not in files and f"claimed/{_ENTRANCE}" not in files:
        raise ConfigError(f"board {str(folder)!r} has no pages yet; add a pack by `tsebench board`")
    entrance = _ENTRANCE if _ENTRANCE in files else f"claimed/{_ENTRANCE}"
    record, title = read_board(folder), reference.repo.partition("/")[2]
    front = {"title": title, "sdk": "static", "app_file": entrance, "tags": [*TAGS, "leaderboard"]}
    words = f"{front_matter(front)}\n# {markdown(title)}\n\nA leaderboard of packs, kept by `tsebench board`.\n"
    verified = sum(each.status == "verified" for each in record.entries)
    message = f"Board with {verified} verified packs of {len(record.entries)}"
    return Upload(kind="space", files={**files, PAGE: words.encode()}, message=message, replaces=True)
