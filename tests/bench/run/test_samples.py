"""Runs of a system that draws its answers: K samples of each query, asked once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.scripted import NAMES, assert_same, config, rows_of
from helpers.stochastic import Noisy

from tsebench.bench.rows import read_shard
from tsebench.bench.run.runner import RunOptions, RunResult, run
from tsebench.bench.statistics.samples import one_per_trial
from tsebench.core.errors import ConfigError
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.seeding import sample_seed
from tsebench.systems.registry import SYSTEMS

pytestmark = pytest.mark.usefixtures("own_cache", "code_read_once", "noisy", "scripted")


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS._entries, "noisy", Noisy)
    monkeypatch.setattr(Noisy, "asked", [])
    monkeypatch.setattr(Noisy, "stop_after", None)


def drawn(samples: int | None, **options: Any) -> dict[str, Any]:
    return {"name": "noisy", "options": options, **({} if samples is None else {"samples": samples})}


def go(
    out: Path, dataset: Path, *systems: object, cache: Path | None = None, fresh: bool = False, **more: Any
) -> RunResult:
    options = RunOptions(out=out, device="cpu", jobs=0, chunk_trials=4, cache=cache, fresh=fresh)
    return run(config(dataset, systems=list(systems), **more), options)


def shards(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "rows").iterdir())}


def test_each_query_is_asked_with_the_seed_of_each_sample(sounds: Path, tmp_path: Path) -> None:
    done = go(tmp_path / "run", sounds, drawn(3))
    dataset = load_dataset(sounds)
    expected = {
        (trial.id, sample_seed(dataset.card.fingerprint, trial.id, k)) for trial in dataset.trials for k in range(3)
    }
    assert sorted(Noisy.asked) == sorted(expected)
    rows = rows_of(tmp_path / "run")
    assert rows.groupby("sample").size().to_dict() == {k: len(dataset) * len(NAMES) for k in range(3)}
    assert (done.trials, done.failed_trials) == (36, 0)
    assert done.record.systems["noisy"].samples == 3
    values = rows[rows["metric"] == "si_sdri"].pivot(index="trial_id", columns="sample", values="value").dropna()
    assert (values.std(axis=1) > 0).all()


def test_values_do_not_depend_on_the_batch(ragged: Path, tmp_path: Path) -> None:
    go(tmp_path / "one", ragged, drawn(2), batch_size=1)
    go(tmp_path / "many", ragged, drawn(2), batch_size=8, fresh=True)
    one, many = rows_of(tmp_path / "one"), rows_of(tmp_path / "many")
    assert len({len(ids) for ids in (one, many)}) == 1
    np.testing.assert_allclose(one["value"], many["value"], rtol=0, atol=1e-4)


def test_more_samples_ask_only_the_new_ones(sounds: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = go(out, sounds, "mixture", drawn(2))
    before = shards(out)
    Noisy.asked.clear()
    # Without a cache: what is there of the run is enough.
    second = go(out, sounds, "mixture", drawn(4), cache=tmp_path / "empty")
    assert len(Noisy.asked) == 2 * 12
    assert first.record.run_id == second.record.run_id
    assert {name: content for name, content in shards(out).items() if name in before} == before
    go(tmp_path / "at once", sounds, "mixture", drawn(4), cache=tmp_path / "other")
    assert_same(out, tmp_path / "at once")
    # Fewer take the rows of the others away again.
    go(out, sounds, "mixture", drawn(2), cache=tmp_path / "none")
    assert shards(out) == before


def test_another_run_takes_known_samples_from_the_cache(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "two", sounds, drawn(2), cache=tmp_path / "cache")
    Noisy.asked.clear()
    go(tmp_path / "three", sounds, drawn(3), cache=tmp_path / "cache", name="other")
    dataset = load_dataset(sounds)
    assert {seed for _, seed in Noisy.asked} == {
        sample_seed(dataset.card.fingerprint, trial.id, 2) for trial in dataset.trials
    }


def test_one_sample_is_a_run_as_before(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "plain", sounds, drawn(None))
    go(tmp_path / "one", sounds, drawn(1))
    assert shards(tmp_path / "plain") == shards(tmp_path / "one")
    assert "sample" not in pd.read_parquet(next((tmp_path / "one" / "rows").iterdir()))
    assert list(read_shard(next((tmp_path / "one" / "rows").iterdir()))["sample"].unique()) == [0]


def test_the_run_says_how_many_for_all_stochastic_systems(sounds: Path, tmp_path: Path) -> None:
    done = go(tmp_path / "run", sounds, "mixture", drawn(None), {**drawn(3), "label": "own"}, samples=2)
    assert {title: facts.samples for title, facts in done.record.systems.items()} == {
        "mixture": 1,
        "noisy": 2,
        "own": 3,
    }
    assert rows_of(tmp_path / "run").groupby("system")["sample"].nunique().to_dict() == {
        "mixture": 1,
        "noisy": 2,
        "own": 3,
    }
    assert done.trials == 12 * (1 + 2 + 3)


def test_samples_of_a_deterministic_system_are_refused(sounds: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="system 'mixture' has samples: 2, but its card does not say `stochastic`"):
        go(tmp_path / "run", sounds, {"name": "mixture", "samples": 2})


def test_improvements_of_every_sample_are_over_the_same_mixture(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "run", sounds, "mixture", drawn(2), metrics=["si_sdr", "si_sdri"])
    rows = rows_of(tmp_path / "run")
    mixture = rows[(rows["system"] == "mixture") & (rows["metric"] == "si_sdr")].set_index("trial_id")["value"]
    own = rows[rows["system"] == "noisy"].pivot(index=["trial_id", "sample"], columns="metric", values="value")
    gains = own["si_sdr"] - own["si_sdri"]
    np.testing.assert_allclose(gains.dropna(), mixture[gains.dropna().index.get_level_values(0)], atol=1e-9)


def test_a_failed_sample_costs_its_own_rows(sounds: Path, tmp_path: Path) -> None:
    dataset = load_dataset(sounds)
    trial = dataset.trials[0].id
    bad = sample_seed(dataset.card.fingerprint, trial, 1)
    done = go(tmp_path / "run", sounds, drawn(3, bad=(bad,)), metrics=["si_sdr"])
    rows = rows_of(tmp_path / "run")
    failed = rows[rows["status"] == "failed"]
    assert [*failed[["trial_id", "sample"]].itertuples(index=False, name=None)] == [(trial, 1)]
    assert (done.trials, done.failed_trials) == (36, 1)
    joined = one_per_trial(rows).set_index("trial_id")
    assert joined.loc[trial, "reason"] == "samples: 1 of 3 failed: diverged"


def test_a_run_that_is_interrupted_goes_on(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    monkeypatch.setattr(Noisy, "stop_after", 18)  # within the second sample
    with pytest.raises(KeyboardInterrupt):
        go(out, sounds, drawn(3), cache=tmp_path / "one")
    monkeypatch.setattr(Noisy, "stop_after", None)
    there = rows_of(out)
    assert there["sample"].max() <= 1
    Noisy.asked.clear()
    go(out, sounds, drawn(3), cache=tmp_path / "two")
    assert len(Noisy.asked) == 36 - there.drop_duplicates(["trial_id", "sample"]).shape[0]
    go(tmp_path / "whole", sounds, drawn(3), cache=tmp_path / "three")
    assert_same(out, tmp_path / "whole")


def test_kept_estimates_of_each_sample(sounds: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    go(out, sounds, drawn(2), keep_estimates=True)
    (folder,) = (out / "estimates" / "sounds").iterdir()
    first, second = sorted(folder.glob("*.wav")), sorted((folder / "sample_1").glob("*.wav"))
    assert [path.name for path in first] == [path.name for path in second]
    assert len(first) == 12
    assert all(a.read_bytes() != b.read_bytes() for a, b in zip(first, second, strict=True))
    # They are answers: another metric needs no system.
    Noisy.asked.clear()
    go(out, sounds, drawn(2), keep_estimates=True, metrics=["sd_sdr"], cache=tmp_path / "empty")
    assert Noisy.asked == []


def test_a_system_that_ignores_seeds_still_differs_between_samples(sounds: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    go(tmp_path / "run", sounds, drawn(2, global_noise=True), metrics=["si_sdr"])
    values = rows_of(tmp_path / "run").pivot(index="trial_id", columns="sample", values="value").dropna()
    assert (values[0] != values[1]).all()
