"""Kills at random moments: of a whole command or of one of its workers, then the command again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .jobs import Job, start

LONGEST_S = 1800
GROUP = {"group SIGKILL": signal.SIGKILL, "group SIGTERM": signal.SIGTERM, "group SIGINT": signal.SIGINT}
WORKER = "worker SIGKILL"
KINDS = (*GROUP, WORKER)
# Before its own handlers are there, a command ends as every program does.
_CODES = {"group SIGKILL": {0, -9}, "group SIGTERM": {0, 130, -15}, "group SIGINT": {0, 130, -2}}


@dataclass(frozen=True)
class Usual:
    """An undisturbed command: what it leaves, and how long it takes."""

    digest: str
    seconds: float


@dataclass(frozen=True)
class Result:
    """One attempt; `problem` is "" if all is as it should be."""

    job: str
    kind: str
    problem: str


def undisturbed(job: Job, out: Path, *, place: Path) -> Usual:
    """Run a command to its end."""
    began = time.monotonic()
    problem = finish(job, out, place=place) or left_files(out)
    if problem:
        raise RuntimeError(f"{job.name}, undisturbed: {problem}")
    return Usual(job.digest(out), time.monotonic() - began)


def attempt(job: Job, usual: Usual, kind: str, *, place: Path, out: Path, moment: float) -> Result:
    """Disturb a command at a part of its usual time, start it again, and compare."""
    process = start(job, out, place=place)
    wait(process, until=time.monotonic() + moment * usual.seconds)
    struck = process.poll() is None and (kind in GROUP or strike_worker(process))
    if struck and kind in GROUP:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, GROUP[kind])
    problem = ending(process, kind) or survivors(process)
    problem = problem or finish(job, out, place=place) or compare(job, usual, out)
    if kind != "group SIGKILL":
        problem = problem or left_files(out)
    remove(out)
    return Result(job.name, kind, problem)


def wait(process: subprocess.Popen[str], *, until: float) -> None:
    """Sleep up to a moment, or up to the end of the process."""
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.005)


def ending(process: subprocess.Popen[str], kind: str) -> str:
    """Wait for a disturbed command; what is wrong with its exit code or its message."""
    try:
        _, errors = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        return f"hangs after {kind}: {where_it_hangs(process)}"
    code = process.returncode
    if code not in _CODES.get(kind, {0, 2, 3}):
        return f"exit code {code} after {kind}: {errors[-300:]}"
    # Python itself ends by SIGINT, with a traceback, before `entry` has handlers of its own.
    early = code == -signal.SIGINT and "in entry" not in errors
    if "Traceback" in errors and not early:
        return f"traceback after {kind}: {errors[-3000:]}"
    if code in {2, 130} and errors.count("\n") != 1:
        return f"{errors.count(chr(10))} lines after {kind}: {errors[-300:]}"
    return ""


def where_it_hangs(process: subprocess.Popen[str]) -> str:
    """End a command and its workers by SIGABRT, upon which Python prints all stacks."""
    for pid in [*reversed(children(process.pid)), process.pid]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGABRT)
            time.sleep(0.5)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[1][-6000:]


def survivors(process: subprocess.Popen[str]) -> str:
    """Name the processes of the command's group that outlive it by more than five seconds."""
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return ""
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return "a worker outlives the command"


def finish(job: Job, out: Path, *, place: Path) -> str:
    """Run a command to its end; "" or what is wrong."""
    process = start(job, out, place=place)
    try:
        _, errors = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        return f"hangs when it goes on: {where_it_hangs(process)}"
    return "" if process.returncode == 0 else f"exit code {process.returncode} when it goes on: {errors[-300:]}"


def compare(job: Job, usual: Usual, out: Path) -> str:
    """Compare a result with the undisturbed one; "" if they are the same."""
    return "" if job.digest(out) == usual.digest else "the result differs"


def left_files(out: Path) -> str:
    """Drafts and temporary files in the folder of results, in the cache and in TMPDIR."""
    drafts = [path for place in (out, Path(f"{out}-cache")) for path in place.rglob("*") if is_draft(path)]
    # torch makes an empty folder there when it is imported.
    found = [*drafts, *(path for path in Path(f"{out}-tmp").iterdir() if not path.name.startswith("torchinductor_"))]
    return f"{len(found)} temporary files are left, such as {found[0].name}" if found else ""


def is_draft(path: Path) -> bool:
    return path.name.endswith((".part", ".tmp")) or path.name.startswith((".probe", ".draft"))


def strike_worker(process: subprocess.Popen[str]) -> bool:
    """Kill one of the processes that a command started; False without any."""
    workers = children(process.pid)
    if not workers:
        return False
    with suppress(ProcessLookupError):
        os.kill(random.choice(workers), signal.SIGKILL)
    return True


def children(pid: int) -> list[int]:
    """Processes started by a process, and by those."""
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in tasks.read_text().split()]
    return found + [each for child in found for each in children(child)]


def remove(out: Path) -> None:
    for path in (out, Path(f"{out}-cache"), Path(f"{out}-tmp")):
        shutil.rmtree(path, ignore_errors=True)
