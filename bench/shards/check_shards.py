"""Checks that folders are all shards of one run, before they are merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import ConfigError, listed
from ...core.progress import Notify
from ..row_files import RowFile, chunks_of, files_of
from ..rows import shard_name
from ..run.record import RunRecord, read_record
from ..score_row import ROWS
from .shard import Shard
from .shard_record import ShardRecord


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """The folder of a finished shard with its record."""

    folder: Path
    record: RunRecord
    part: ShardRecord

    @property
    def shard(self) -> Shard:
        """Number and count."""
        return self.part.shard

    def files(self, stem: str) -> list[RowFile]:
        """Its files of rows of one part of the run."""
        return files_of(self.folder / ROWS, stem)

    def lost(self) -> Iterator[str]:
        """Names of files of rows that it lacks; none of scored folders, whose files hold trials of all shards."""
        for stem, (first, count) in self.part.parts.items():
            there = chunks_of(self.files(stem))
            for chunk in self.shard.chunks("", first=first, count=count):
                if chunk not in there:
                    yield shard_name(stem, chunk)


def checked_shards(folders: Sequence[Path], *, say: Notify) -> list[ShardFolder]:
    """The shards of a run by number.

    Args:
        say: takes a line on shards that ran with other versions of packages.

    Raises:
        ConfigError: shards are missing, doubled, unfinished, or not of one run.
    """
    found = [_opened(folder) for folder in folders]
    if not found:
        raise ConfigError("no folder is given; name those of all shards, for example runs/mine-shard-*")
    _check_numbers(found)
    shards = sorted(found, key=lambda each: each.shard.number)
    for other in shards[1:]:
        _check_same_run(shards[0], other)
        _say_versions(shards[0], other, say)
    for each in shards:
        if lost := list(each.lost()):
            raise ConfigError(
                f"shard {each.shard} in {str(each.folder)!r} lacks {len(lost)} of its files of rows, first "
                f"{lost[0]!r}; start this shard again"
            )
    return shards


def _opened(folder: Path) -> ShardFolder:
    record = read_record(folder)
    if record is None:
        raise ConfigError(f"{str(folder)!r} holds no run.json; give the folders of shards, made with --shard I/N")
    if record.shard is None:
        raise ConfigError(
            f"{str(folder)!r} holds a whole run, not a shard of one; give whole runs to `tsebench report`, which takes "
            "several"
        )
    if not record.finished:
        raise ConfigError(
            f"shard {record.shard.shard} in {str(folder)!r} is not finished; start its command again, and "
            "wait for its end"
        )
    return ShardFolder(folder, record, record.shard)


def _check_numbers(found: Sequence[ShardFolder]) -> None:
    """Check that each shard is there once."""
    first, seen = found[0], dict[int, ShardFolder]()
    for each in found:
        if each.shard.count != first.shard.count:
            raise ConfigError(
                f"{str(each.folder)!r} is shard {each.shard} and {str(first.folder)!r} is shard {first.shard}: these "
                "divisions differ; merge the shards of one"
            )
        if (twice := seen.setdefault(each.shard.number, each)) is not each:
            where = f"{str(twice.folder)!r} and {str(each.folder)!r}"
            raise ConfigError(f"shard {each.shard} is given twice, {where}; give it once")
    missing = sorted({*range(1, first.shard.count + 1)} - seen.keys())
    if missing:
        names = listed([f"{number}/{first.shard.count}" for number in missing])
        raise ConfigError(
            f"{len(missing)} of {first.shard.count} shards {'is' if len(missing) == 1 else 'are'} missing: {names}; "
            "run what is missing, and give all folders"
        )


def _check_same_run(first: ShardFolder, other: ShardFolder) -> None:
    """Check that two shards are of one run."""
    if difference := next(_differences(first.record, other.record), ""):
        raise ConfigError(
            f"shard {other.shard} in {str(other.folder)!r} is not of the run of shard {first.shard} in "
            f"{str(first.folder)!r}: {difference}"
        )


def _differences(a: RunRecord, b: RunRecord) -> Iterator[str]:
    """Why the rows of two records cannot be of one run, most telling first."""
    if (a.config is None) != (b.config is None):
        yield "one is of `tsebench run`, the other of `tsebench score`"
    of_config = a.config is not None
    if of_config and a.name != b.name:
        yield f"the names are {a.name!r} and {b.name!r}"
    yield from _unlike("dataset", _fingerprints(a), _fingerprints(b), "has other trials")
    yield from _unlike("system", _identities(a), _identities(b), "has other weights, options, code or packages")
    if of_config and a.run_id != b.run_id:
        yield "the configs differ in what determines rows"
    if a.shard and b.shard and (a.shard.parts, a.shard.metrics) != (b.shard.parts, b.shard.metrics):
        yield "metrics, samples or chunks of trials differ"


def _unlike(what: str, mine: Mapping[str, str], others: Mapping[str, str], problem: str) -> Iterator[str]:
    if lone := sorted(mine.keys() ^ others.keys()):
        yield f"only one of them has {what} {lone[0]!r}"
    for name in sorted(mine.keys() & others.keys()):
        if mine[name] != others[name]:
            yield f"{what} {name!r} {problem}"


def _fingerprints(record: RunRecord) -> dict[str, str]:
    return {name: facts.fingerprint for name, facts in record.datasets.items()}


def _identities(record: RunRecord) -> dict[str, str]:
    return {title: system.identity for title, system in record.systems.items()}


def _say_versions(first: ShardFolder, other: ShardFolder, say: Notify) -> None:
    mine, others = first.record.versions, other.record.versions
    unlike = [
        f"{name} {mine.get(name)} and {others.get(name)}"
        for name in sorted(mine.keys() | others.keys())
        if mine.get(name) != others.get(name)
    ]
    if unlike:
        say(f"shards {first.shard} and {other.shard} ran with other versions: {listed(unlike)}")
