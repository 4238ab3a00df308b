"""One run folder from the folders of all shards of a run, with the rows of a run that was not divided."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ...core.errors import OutputError, listed
from ...core.files import draft_of, make_folder
from ...core.folder_lock import folder_lock
from ...core.progress import Notify, ProgressFactory, quiet, silent
from ..row_files import RowFile, are_joined, chunks_of, joined_path, rows_in
from ..rows import write_shard_table
from ..run.estimate_files import FOLDER
from ..run.record import RunRecord, read_record, write_record
from ..score_row import ROWS
from .check_shards import ShardFolder, checked_shards
from .scored_shards import merge_scores
from .summed_facts import summed_facts

_WAIT_S = 60.0  # for another process that writes into the folder
_OF_FIRST = ("datasets", "adapted")


def merge_shards(
    folders: Sequence[Path], out: Path, *, progress: ProgressFactory = quiet, say: Notify = silent
) -> RunRecord:
    """Merge the folders of all shards of a run, or of scored folders, into one run folder.

    Files of rows of many chunks are joined. Others, and kept estimates, become hard links where the file system has
    them, and copies elsewhere; the folders of the shards stay. Everything is checked before anything is written, and a
    merging that was interrupted is started again.

    Raises:
        ConfigError: shards are missing, doubled, unfinished, or not of one run.
        OutputError: `out` is the folder of a shard, holds another run, or cannot be written.
    """
    shards = checked_shards(folders, say=say)
    if out.resolve() in {each.folder.resolve() for each in shards}:
        raise OutputError(f"folder {str(out)!r} is that of a shard; choose another with --out")
    with folder_lock(out, wait_s=_WAIT_S):
        before = read_record(out)
        if shards[0].record.config is None:
            return merge_scores(shards, out, before=before)
        return _merged_run(shards, out, before, progress)


def _merged_run(
    shards: Sequence[ShardFolder], out: Path, before: RunRecord | None, progress: ProgressFactory
) -> RunRecord:
    record = _record(shards)
    if before is not None and (before.run_id, before.shard) != (record.run_id, None):
        raise OutputError(f"folder {str(out)!r} holds another run, {before.title!r}; choose another with --out")
    sources = dict(_sources(shards))
    rows = make_folder(out / ROWS)
    if before is None and (others := {path.name for path in rows.glob("part-*.parquet")} - sources.keys()):
        raise OutputError(
            f"folder {str(out)!r} holds rows of another run ({listed(others)}); choose another with --out"
        )
    if before is not None:
        record = record.model_copy(update={"tracking": before.tracking})
    write_record(out, record.model_copy(update={"trials": None, "failed_trials": None}))
    with progress("merge", len(sources)) as advance:
        for name, source in sources.items():
            if isinstance(source, Path):
                _place(source, rows / name)
            else:
                write_shard_table(rows / name, rows_in(source), chunks=sorted(chunks_of(source)))
            advance(1)
    for path in set(rows.glob("part-*.parquet")):
        if path.name not in sources:
            path.unlink(missing_ok=True)
    _take_along(shards, out)
    write_record(out, record)
    return record


def _sources(shards: Sequence[ShardFolder]) -> Iterator[tuple[str, Path | list[RowFile]]]:
    """All files of rows of the run by name: a file of a shard, or those that are joined."""
    for stem, (_, count) in shards[0].part.parts.items():
        files = [file for each in shards for file in each.files(stem)]
        if are_joined(range(count)):
            yield joined_path(Path(), stem, range(count)).name, files
        else:
            for file in files:
                yield file.path.name, file.path


def _record(shards: Sequence[ShardFolder]) -> RunRecord:
    """The record of the run: that of the first shard, with the sums of all."""
    records = [each.record for each in shards]
    costs = {title: facts.cost for record in records for title, facts in record.systems.items() if facts.cost}
    first = records[0]
    systems = {title: facts.model_copy(update={"cost": costs.get(title)}) for title, facts in first.systems.items()}
    return first.model_copy(update={"systems": systems, "tracking": {}, **summed_facts(records)})


def _take_along(shards: Sequence[ShardFolder], out: Path) -> None:
    """Sets and adapted checkpoints, which all shards have alike, and the estimates of each."""
    for name in _OF_FIRST:
        found = next((each.folder / name for each in shards if (each.folder / name).is_dir()), None)
        if found is not None:
            shutil.copytree(found, out / name, dirs_exist_ok=True)
    for each in shards:
        place = each.folder / FOLDER
        for path in sorted(place.rglob("*")) if place.is_dir() else ():
            if path.is_file() and not path.name.startswith("."):
                _place(path, out / FOLDER / path.relative_to(place))


def _place(source: Path, target: Path) -> None:
    """Link a file to another name, or copy it; both writers of such files replace them and never change them."""
    draft = draft_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            draft.unlink(missing_ok=True)
            draft.hardlink_to(source)
        if not draft.exists():
            shutil.copyfile(source, draft)
        draft.replace(target)
    except OSError as error:
        raise OutputError(
            f"cannot write {str(target)!r}: {error.strerror}; free the disk or choose another folder"
        ) from None
    finally:
        with suppress(OSError):
            draft.unlink()
