"""A run that is killed, interrupted or starved, as a process: it goes on to the same rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tsebench.bench.rows import read_rows
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.signals.audio import write

pytestmark = pytest.mark.slow

TRIALS = 104
SHARDS = 4  # of 32 trials
SLOW = """#!/bin/sh
if [ -e "{switch}" ]; then sleep 0.1; fi
cp "$1" "$2"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of noise, a set of it, and a config with a system that is slow while `slow` is."""
    place = tmp_path_factory.mktemp("place")
    generator = np.random.default_rng(0)
    for label in ("a", "b"):
        for number in range(4):
            samples = generator.uniform(-0.5, 0.5, 2400).astype(np.float32)
            write(place / "corpus" / label / f"{number}.wav", samples, 8000)
    recipe: dict[str, Any] = {
        "name": "noise",
        "builder": "sound_mix",
        "corpora": {"noises": {"kind": "folder"}},
        "params": {
            "count": TRIALS,
            "sample_rate_hz": 8000,
            "duration_s": 0.3,
            "event_s": [0.1, 0.3],
            "n_classes": [2, 2],
            "level": "power",
            "events": {"corpus": "noises"},
        },
    }
    dirs = {"noises": place / "corpus"}
    build(DatasetConfig.model_validate(recipe), place / "set", corpus_dirs=dirs)
    (place / "slow.sh").write_text(SLOW.format(switch=place / "slow"))
    (place / "slow.sh").chmod(0o755)
    program = f"{place / 'slow.sh'} {{mixture}} {{output}}"
    options = {"program": program}
    config = {
        "name": "kill",
        "datasets": [str(place / "set")],
        "systems": ["silence", {"name": "command", "label": "slow", "options": options}],
        "metrics": ["snri", "si_sdri"],
        "bootstrap": {"resamples": 10},
    }
    (place / "run.yaml").write_text(json.dumps(config))
    return place


def start(place: Path, out: Path, **options: Any) -> subprocess.Popen[str]:
    """`tsebench run` with a cache of its own."""
    arguments = ["run", str(place / "run.yaml"), "--out", str(out), "--tracking-uri", "none"]
    arguments += ["--corpus", f"noises={place / 'corpus'}", "--device", "cpu", "--jobs", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "tsebench", *arguments],
        env={**os.environ, "TSEBENCH_CACHE": f"{out}-cache", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(place: Path, out: Path) -> str:
    process = start(place, out)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert errors == ""
    return said


def shards(out: Path, system: str = "slow") -> list[Path]:
    return sorted((out / "rows").glob(f"part-noise-{system}-*.parquet"))


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def wait_for_shard(process: subprocess.Popen[str], out: Path) -> None:
    """Wait until the first shard of the slow system exists."""
    end = time.monotonic() + 60
    while not shards(out):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def rows_of(out: Path) -> pd.DataFrame:
    """All rows, none of them in two shards."""
    rows = read_rows(out)
    parts = [len(pd.read_parquet(path)) for path in (out / "rows").glob("part-*.parquet")]
    assert sum(parts) == len(rows)
    return rows


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> pd.DataFrame:
    """Rows of a run that is not killed."""
    finish(place, place / "undisturbed")
    rows = rows_of(place / "undisturbed")
    assert len(rows) == 2 * TRIALS * 4
    assert len(shards(place / "undisturbed")) == SHARDS
    return rows


@pytest.fixture
def slow(place: Path) -> Iterator[Path]:
    """While this file exists, the system is slow."""
    (place / "slow").touch()
    yield place / "slow"
    (place / "slow").unlink(missing_ok=True)


def test_a_killed_run_goes_on_to_the_same_rows(place: Path, undisturbed: pd.DataFrame, slow: Path) -> None:
    """Killed before there is any shard, killed between shards, then left alone."""
    out = place / "killed"
    process = start(place, out)
    while not (out / "run.json").is_file():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    kill(process)
    assert shards(out) == []
    process = start(place, out)
    wait_for_shard(process, out)
    kill(process)
    before = {path: path.read_bytes() for path in shards(out)}
    assert 1 <= len(before) < SHARDS, "it was not killed in the middle"
    # As if another kill had come while a shard was being written.
    draft = out / "rows" / f".{shards(out)[0].name}.part"
    draft.write_bytes(b"PAR1 and no more")
    assert len(rows_of(out)) < len(undisturbed)  # the draft is no shard
    slow.unlink()
    finish(place, out)
    pd.testing.assert_frame_equal(rows_of(out), undisturbed, check_exact=True)
    assert {path: path.read_bytes() for path in before} == before
    assert not draft.exists()


def _hear_interrupts() -> None:
    """A background job, as these tests may be, is started with Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_ends_at_once_and_can_be_resumed(place: Path, undisturbed: pd.DataFrame, slow: Path) -> None:
    out = place / "interrupted"
    # A group of its own, interrupted as a whole: as Ctrl-C does on a terminal.
    process = start(place, out, start_new_session=True, preexec_fn=_hear_interrupts)
    wait_for_shard(process, out)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)  # a hang, not slowness, fails here
    assert process.returncode == 130
    assert errors == "tsebench: interrupted; start the same command again to go on\n"
    assert 1 <= len(shards(out)) < SHARDS
    slow.unlink()
    finish(place, out)
    pd.testing.assert_frame_equal(rows_of(out), undisturbed, check_exact=True)


def test_a_damaged_recording_is_one_line_and_exit_2(place: Path) -> None:
    recording = place / "corpus" / "b" / "2.wav"
    sound = recording.read_bytes()
    recording.write_bytes(sound[:50])
    try:
        process = start(place, place / "damaged")
        _, errors = process.communicate(timeout=120)
    finally:
        recording.write_bytes(sound)
    assert process.returncode == 2
    assert errors.startswith("tsebench: ")
    assert "b/2.wav" in errors
    assert errors.count("\n") == 1
