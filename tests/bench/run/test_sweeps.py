"""Runs with sweeps: each level is a set of the run with the trials of the plain set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsebench.bench.config import RunConfig, run_config_of
from tsebench.bench.rows import read_rows
from tsebench.bench.run.record import read_record
from tsebench.bench.run.runner import RunOptions, RunResult, run
from tsebench.core.errors import ConfigError, DatasetError
from tsebench.datasets.dataset import load_dataset

SWEEP = [{"degradation": "noise", "levels": [0]}, {"degradation": "other_enrollment", "levels": [1]}]


def config(speech: Path, **keys: object) -> RunConfig:
    data = {
        "name": "swept",
        "datasets": [str(speech)],
        "systems": ["mixture", "scripted"],
        "metrics": ["si_sdri"],
        "measure_cost": False,
        "isolation": "none",
    }
    return run_config_of({**data, **keys}, where="swept")


def carried_out(config: RunConfig, out: Path) -> RunResult:
    return run(config, RunOptions(out=out, device="cpu", jobs=1, say=lambda _: None))


@pytest.mark.usefixtures("scripted", "own_cache", "code_read_once")
def test_levels_are_sets_of_the_run(speech: Path, tmp_path: Path) -> None:
    result = carried_out(config(speech, sweep=SWEEP), tmp_path / "run")
    assert result.trials == 3 * 2 * 6
    rows = read_rows(tmp_path / "run")
    assert set(rows["dataset"]) == {"speech", "speech.noise.0", "speech.other_enrollment.1"}
    ids = {name: set(part["trial_id"]) for name, part in rows.groupby("dataset")}
    assert ids["speech"] == ids["speech.noise.0"] == ids["speech.other_enrollment.1"]
    record = read_record(tmp_path / "run")
    assert record is not None
    facts = record.datasets["speech.noise.0"]
    assert facts.level is not None
    assert facts.level.fingerprint == record.datasets["speech"].fingerprint
    read = load_dataset(tmp_path / "run" / "datasets" / "speech.noise.0")
    assert read.card.fingerprint == facts.fingerprint

    shards = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "rows").iterdir()}
    again = carried_out(config(speech, sweep=SWEEP), tmp_path / "run")
    assert again.record.run_id == result.record.run_id
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "rows").iterdir()} == shards

    # A plain run is what it was, and a level that is run by its folder has the same rows.
    plain = carried_out(config(speech), tmp_path / "plain")
    assert plain.record.run_id != result.record.run_id
    alone = config(tmp_path / "run" / "datasets" / "speech.noise.0")
    carried_out(alone, tmp_path / "alone")
    columns = ["system", "trial_id", "metric", "value"]
    found = read_rows(tmp_path / "alone")[columns]
    expected = rows.loc[rows["dataset"] == "speech.noise.0", columns]
    assert found.reset_index(drop=True).equals(expected.reset_index(drop=True))


@pytest.mark.usefixtures("scripted", "own_cache", "code_read_once")
def test_a_set_may_have_sweeps_of_its_own(speech: Path, sounds: Path, tmp_path: Path) -> None:
    own = [{"dataset": str(speech), "sweep": SWEEP[1:]}, {"dataset": str(sounds), "sweep": []}]
    carried_out(config(speech, datasets=own, sweep=SWEEP, systems=["mixture"]), tmp_path / "run")
    assert sorted(read_rows(tmp_path / "run")["dataset"].unique()) == ["sounds", "speech", "speech.other_enrollment.1"]


@pytest.mark.usefixtures("own_cache")
def test_a_sweep_that_fits_no_trial_is_refused(speech: Path, tmp_path: Path) -> None:
    lost = [{"degradation": "video_lost", "levels": [50]}]
    with pytest.raises(DatasetError, match=r"no trial has a level 50 of sweep 'video_lost': no video"):
        carried_out(config(speech, sweep=lost, systems=["mixture"]), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"swept: sweep 'mp3': .*level"):
        carried_out(config(speech, sweep=[{"degradation": "mp3", "levels": ["low"]}]), tmp_path / "run")
