"""Scores of before are taken for the same system and set, and for no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers.scripted import NAMES, Scripted, assert_same, config, go, rows_of

from tsebench.bench.run.runner import RunOptions, run
from tsebench.datasets.dataset import Dataset, load_dataset
from tsebench.datasets.manifest import fingerprint, read_manifest, write_manifest
from tsebench.datasets.signals.audio import write

pytestmark = pytest.mark.usefixtures("scripted", "code_read_once", "own_cache")


def test_changed_weights_or_options_never_reuse_a_score(sounds: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"1")
    system = {"name": "scripted", "options": {"weights": str(weights)}}
    go(tmp_path / "a", sounds, systems=[system], keep_estimates=True)
    batches, first = len(Scripted.batches), rows_of(tmp_path / "a")
    weights.write_bytes(b"2")
    go(tmp_path / "a", sounds, systems=[system], keep_estimates=True)
    assert len(Scripted.batches) == 2 * batches
    second = rows_of(tmp_path / "a")
    assert set(first.run_id).isdisjoint(second.run_id)
    louder = {"name": "scripted", "options": {"weights": str(weights), "gain": 0.6}}
    go(tmp_path / "a", sounds, systems=[louder], keep_estimates=True)
    assert len(Scripted.batches) == 3 * batches
    third = rows_of(tmp_path / "a")
    snr = (third.metric == "snr") & (third.status == "ok")
    assert not np.isclose(third.value[snr], second.value[snr]).any()


def test_a_changed_estimate_of_a_folder_changes_its_row_alone(sounds: Path, tmp_path: Path) -> None:
    dataset = load_dataset(sounds)
    for number, trial in enumerate(dataset.trials):
        mixture = dataset[number][0].mixture[0].numpy()
        write(tmp_path / "wav" / f"{trial.id}.wav", 0.5 * mixture, 8000)
    system = {"name": "precomputed", "options": {"folder": str(tmp_path / "wav")}}
    go(tmp_path / "a", sounds, systems=[system])
    before = rows_of(tmp_path / "a")
    changed = dataset.trials[0].id
    soundfile.write(tmp_path / "wav" / f"{changed}.wav", np.ones(8000) / 4, 8000, subtype="FLOAT")
    go(tmp_path / "a", sounds, systems=[system])
    after = rows_of(tmp_path / "a")
    moved = set(after.trial_id[(after.value != before.value) & after.value.notna()])
    assert moved == {changed}


def test_a_changed_dataset_never_reuses_an_estimate(sounds: Path, tmp_path: Path) -> None:
    """Same folder, same name, same trial ids, other audio."""
    manifest = read_manifest(sounds)
    folder = tmp_path / "set"
    for samples in (8000, 7000):
        mixtures = [replace(mixture, num_samples=samples) for mixture in manifest.mixtures]
        cut = replace(manifest, mixtures=mixtures)
        cut = replace(cut, card=replace(cut.card, fingerprint=fingerprint(cut)))
        write_manifest(folder, cut)
        result = go(tmp_path / "a", folder, keep_estimates=True)
        assert result.failed_trials == 0
    assert {len(soundfile.read(p)[0]) for p in (tmp_path / "a").rglob("*.wav")} == {8000, 7000}


def test_a_metric_that_is_added_asks_no_system_again(sounds: Path, tmp_path: Path) -> None:
    systems = ["scripted", "mixture"]
    go(tmp_path / "a", sounds, systems=systems, keep_estimates=True, metrics=("snri",))
    batches = len(Scripted.batches)
    assert batches > 0
    assert len(list((tmp_path / "a").rglob("*.wav"))) == 2 * 12
    go(tmp_path / "a", sounds, systems=systems, keep_estimates=True, metrics=("snri", "si_sdri"))
    assert len(Scripted.batches) == batches
    go(tmp_path / "b", sounds, systems=systems, metrics=("snri", "si_sdri"), fresh=True)
    shown = ["system", "trial_id", "metric", "signature", "value", "status", "reason"]
    stored, answered_again = rows_of(tmp_path / "a"), rows_of(tmp_path / "b")
    pd.testing.assert_frame_equal(stored[shown], answered_again[shown], check_exact=True)


def test_a_cut_estimate_is_asked_for_again(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "a", sounds, keep_estimates=True, metrics=("snr",))
    Scripted.batches.clear()
    wavs = sorted((tmp_path / "a").rglob("*.wav"))
    wavs[0].write_bytes(wavs[0].read_bytes()[:20])
    go(tmp_path / "a", sounds, keep_estimates=True, metrics=("snr", "si_sdr"))
    assert Scripted.batches == [(wavs[0].stem,)]


def test_estimates_are_kept_also_where_all_scores_are_known(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "a", sounds)
    go(tmp_path / "b", sounds, keep_estimates=True)
    assert len(list((tmp_path / "b").rglob("*.wav"))) == 12


def test_two_folders_share_the_cache(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(tmp_path / "a", sounds)
    Scripted.batches.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "__getitem__", None)  # nothing is rendered
        go(tmp_path / "b", sounds)
    assert Scripted.batches == []
    assert_same(tmp_path / "a", tmp_path / "b")
    go(tmp_path / "b", sounds, fresh=True)
    assert len(Scripted.batches) == 3


def test_chunks_of_another_length_share_nothing(sounds: Path, tmp_path: Path) -> None:
    for trials in (4, 5, 4):
        options = RunOptions(out=tmp_path / "a", device="cpu", jobs=0, chunk_trials=trials)
        run(config(sounds), options)
        assert len(rows_of(tmp_path / "a")) == 12 * len(NAMES)
    go(tmp_path / "b", sounds, fresh=True)
    assert_same(tmp_path / "a", tmp_path / "b")


def test_failed_scores_are_tried_again(sounds: Path, tmp_path: Path) -> None:
    Scripted.broken = True
    assert go(tmp_path / "a", sounds, measure_cost=True).failed_trials == 12
    Scripted.broken = False
    assert go(tmp_path / "b", sounds).failed_trials == 0
    go(tmp_path / "c", sounds, fresh=True)
    assert_same(tmp_path / "b", tmp_path / "c")


def test_an_entry_of_other_trials_is_not_used(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "a", sounds)
    for file in (tmp_path / "cache").rglob("*.json"):
        file.write_text("[]")
    go(tmp_path / "b", sounds)
    assert_same(tmp_path / "a", tmp_path / "b")
