"""The lock of a folder: one process at a time, given back however the process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tsebench.core.errors import OutputError
from tsebench.core.files import draft_of
from tsebench.core.folder_lock import folder_lock

HOLD = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), fcntl.LOCK_EX); print(1, flush=True); input()"


def test_a_second_writer_is_refused_in_one_line(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path / "out"),
        pytest.raises(OutputError, match="is being written by another process"),
        folder_lock(tmp_path / "out", wait_s=0.1),
    ):
        pass
    with folder_lock(tmp_path / "out"):
        assert not list((tmp_path / "out").iterdir())


def test_a_killed_process_gives_its_lock_back(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(OutputError, match="another process"), folder_lock(tmp_path):
            pass
        other.kill()
        other.wait()
        with folder_lock(tmp_path):
            pass


def test_drafts_of_killed_processes_are_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    deep = tmp_path / "audio" / "s1"
    deep.mkdir(parents=True)
    own = draft_of(deep / "b.wav")
    left = own.with_name(own.name.replace(str(os.getpid()), str(ended.pid)))
    other_machine = own.with_name(f".b.wav.elsewhere-{ended.pid}.part")
    kept = [own, other_machine, deep / "c.part", deep / ".d.part"]
    for path in (left, *kept):
        path.touch()
    with folder_lock(tmp_path):
        assert sorted(deep.iterdir()) == sorted(kept)
