"""A run that is killed, interrupted or starved, as a process: it goes on to the same rows.

`make kills` does the same a hundred times, at random moments of every long command.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.mlflow_store import empty_store
from mlflow import MlflowClient

from tsebench.bench.rows import read_rows
from tsebench.cli.main import main
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.signals.audio import write

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own

TRIALS = 72
SHARDS = 3  # of 32 trials
SLOW = """#!/bin/sh
if [ -e "{switch}" ]; then sleep 0.05; fi
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
    config = {
        "name": "kill",
        "datasets": [str(place / "set")],
        "systems": ["silence", {"name": "command", "label": "slow", "options": {"program": program}}],
        "metrics": ["snri", "si_sdri"],
        "bootstrap": {"resamples": 10},
    }
    (place / "run.yaml").write_text(json.dumps(config))
    empty_store(place)
    return place


def arguments(place: Path, out: Path) -> list[str]:
    given = ["run", str(place / "run.yaml"), "--out", str(out)]  # tracked in mlflow.db next to it
    return [*given, "--corpus", f"noises={place / 'corpus'}", "--device", "cpu", "--jobs", "1"]


def start(place: Path, out: Path) -> subprocess.Popen[str]:
    """`tsebench run` with a cache of its own, in a group of its own, as on a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "tsebench", *arguments(place, out)],
        env={**os.environ, "TSEBENCH_CACHE": f"{out}-cache", "TMPDIR": str(place), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A background job, as these tests may be, is started with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def finish(place: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run to the end, in this process."""
    monkeypatch.setenv("TSEBENCH_CACHE", f"{out}-cache")
    with pytest.raises(SystemExit) as ended:
        main(arguments(place, out))
    errors = capsys.readouterr().err
    assert ended.value.code == 0, errors
    assert errors == ""


def shards(out: Path) -> list[Path]:
    return sorted((out / "rows").glob("part-noise-slow-*.parquet"))


def tracked(place: Path, out: Path) -> dict[str, Any]:
    """MLflow runs of a folder by name, each there once."""
    found = MlflowClient(f"sqlite:///{place / 'mlflow.db'}").search_runs(["1"])
    here = [run for run in found if run.data.tags["tsebench.folder"].endswith(f":{out}")]
    assert len({run.info.run_name for run in here}) == len(here)
    return {run.info.run_name: run for run in here}


def statuses(place: Path, out: Path) -> set[str]:
    return {run.info.status for run in tracked(place, out).values()}


def strike(process: subprocess.Popen[str], number: signal.Signals, *, when: Callable[[], object]) -> str:
    """Send a signal to the whole group at a moment; what the command wrote to standard error."""
    end = time.monotonic() + 60
    while not when():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)
    os.killpg(process.pid, number)
    return process.communicate(timeout=60)[1]  # a hang, not slowness, fails here


def rows_of(out: Path) -> pd.DataFrame:
    """All rows, none of them in two shards."""
    rows = read_rows(out)
    parts = [len(pd.read_parquet(path)) for path in (out / "rows").glob("part-*.parquet")]
    assert sum(parts) == len(rows)
    return rows


@pytest.mark.long
def test_a_killed_and_interrupted_run_goes_on_to_the_same_rows(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before there is any shard, terminated and interrupted between shards, then left alone."""
    finish(place, place / "undisturbed", capsys, monkeypatch)
    undisturbed = rows_of(place / "undisturbed")
    assert len(undisturbed) == 2 * TRIALS * 4
    assert len(shards(place / "undisturbed")) == SHARDS

    out = place / "killed"
    (place / "slow").touch()
    process = start(place, out)
    strike(process, signal.SIGKILL, when=(out / "run.json").is_file)
    assert process.returncode == -signal.SIGKILL
    assert shards(out) == []
    first = tracked(place, out)
    assert set(first) == {"kill", "silence", "slow"}
    assert statuses(place, out) == {"RUNNING"}  # nothing could say otherwise
    left = set(place.glob("tsebench-*"))  # SIGKILL leaves the folder of a program that was at work

    process = start(place, out)
    errors = strike(process, signal.SIGINT, when=lambda: shards(out))
    assert process.returncode == 130
    assert errors == "tsebench: interrupted; start the same command again to go on\n"
    assert statuses(place, out) == {"KILLED"}
    before = {path: path.read_bytes() for path in shards(out)}
    assert 1 <= len(before) < SHARDS, "it was not stopped in the middle"
    assert set(place.glob("tsebench-*")) == left

    # As if another kill had come while a shard was being written.
    draft = out / "rows" / f".{shards(out)[0].name}.part"
    draft.write_bytes(b"PAR1 and no more")
    assert len(rows_of(out)) < len(undisturbed)  # the draft is no shard
    (place / "slow").unlink()
    finish(place, out, capsys, monkeypatch)
    pd.testing.assert_frame_equal(rows_of(out), undisturbed, check_exact=True)
    assert {path: path.read_bytes() for path in before} == before
    assert not draft.exists()
    assert statuses(place, out) == {"FINISHED"}
    after = tracked(place, out)
    for name, run in first.items():
        assert after[name].info.run_id == run.info.run_id
        assert after[name].info.start_time == run.info.start_time
    assert after["kill"].data.metrics["progress/trials"] == 2 * TRIALS


def test_termination_while_it_starts_is_one_line(place: Path) -> None:
    process = start(place, place / "early")
    # Python itself ends as every program does; the imports of the command line take a second.
    errors = strike(process, signal.SIGTERM, when=lambda: handles_termination(process.pid))
    assert process.returncode == 130
    assert errors == "tsebench: interrupted; start the same command again to go on\n"


def handles_termination(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM, by its mask of caught signals."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_a_damaged_recording_is_one_line_and_exit_2(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = place / "corpus" / "b" / "2.wav"
    sound = recording.read_bytes()
    recording.write_bytes(sound[:50])
    try:
        with pytest.raises(SystemExit) as ended:
            main(arguments(place, place / "damaged"))
    finally:
        recording.write_bytes(sound)
    errors = capsys.readouterr().err
    assert ended.value.code == 2
    assert errors.startswith("tsebench: ")
    assert "b/2.wav" in errors
    assert errors.count("\n") == 1
