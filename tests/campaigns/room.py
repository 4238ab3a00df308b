"""No room: files that may not grow, and small file systems for the results, the cache, TMPDIR and /dev/shm."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .jobs import Job, start
from .kills import Result, Usual, compare, ending, finish, left_files, remove, survivors

LIMITS = (1_000, 20_000)
"""Largest file in bytes."""
DISKS = ("20k", "200k", "1m")
SHARED_MEMORY = ("64k", "64m")
"""The second is what Docker gives."""

# Mount a small file system over $1 in a name space of its own, run the command, and keep what it left in $1-left.
_SMALL = """
size=$0; place=$1; shift
mount -t tmpfs -o size=$size tmpfs "$place" || exit 99
"$@" & command=$!
wait $command; code=$?
[ "$place" = /dev/shm ] || cp -a "$place" "$place-left"
exit $code
"""


def no_room(job: Job, usual: Usual, *, place: Path, out: Path) -> Iterator[Result]:
    """All kinds of no room for one command."""
    for most_bytes in LIMITS:
        yield small_files(job, usual, place=place, out=out, most_bytes=most_bytes)
    if not can_mount():
        return
    for size in SHARED_MEMORY:
        yield small_shared_memory(job, usual, place=place, out=out, size=size)
    for size in DISKS:
        for part in ("", "-cache", "-tmp"):
            yield small_disk(job, usual, place=place, out=out, size=size, part=part)


def small_files(job: Job, usual: Usual, *, place: Path, out: Path, most_bytes: int) -> Result:
    """No file may grow beyond a size: the command ends with one line, and goes on when there is room."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    kind = f"files of {most_bytes} bytes"
    process = start(job, out, place=place, before=limit)
    problem = ending(process, kind) or left_files(out) or survivors(process)
    problem = problem or finish(job, out, place=place) or compare(job, usual, out)
    remove(out)
    return Result(job.name, kind, problem)


def can_mount() -> bool:
    """Whether this user may mount a small file system over another, in a name space of its own."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_within("64k", "/dev/shm"), "true"], capture_output=True, check=False).returncode == 0


def _within(size: str, place: str) -> tuple[str, ...]:
    return ("unshare", "-m", "bash", "-c", _SMALL, size, place)


def small_shared_memory(job: Job, usual: Usual, *, place: Path, out: Path, size: str) -> Result:
    """Little of /dev/shm: the command ends with one line, or does without."""
    kind = f"/dev/shm of {size}"
    process = start(job, out, place=place, within=_within(size, "/dev/shm"))
    problem = ending(process, kind) or survivors(process)
    problem = problem or finish(job, out, place=place) or compare(job, usual, out) or left_files(out)
    remove(out)
    return Result(job.name, kind, problem)


def small_disk(job: Job, usual: Usual, *, place: Path, out: Path, size: str, part: str) -> Result:
    """A small disk for results, `-cache` or `-tmp` next to them; what the command left there stays."""
    kind = f"{part.removeprefix('-') or 'results'} on {size}"
    disk = Path(f"{out}{part}")
    disk.mkdir(parents=True)
    process = start(job, out, place=place, within=_within(size, str(disk)))
    problem = ending(process, kind) or survivors(process)
    disk.rmdir()
    Path(f"{disk}-left").rename(disk)
    problem = problem or left_files(out) or finish(job, out, place=place) or compare(job, usual, out)
    remove(out)
    return Result(job.name, kind, problem)
