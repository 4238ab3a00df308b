"""Trials on real recordings: a target without reference is neither absent nor known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.builds import make_set

from tsebench.core.errors import CorpusError, DatasetError
from tsebench.datasets.activity import cut, joined, read_rttm, share_covered, speech_times
from tsebench.datasets.build import draw_dataset
from tsebench.datasets.manifest import Manifest, check_manifest, fingerprint, read_manifest, write_manifest
from tsebench.datasets.types import RecordedTarget
from tsebench.systems.training.data import collate


@pytest.fixture(scope="module")
def meetings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Manifest]:
    """The same meetings with their references withheld, and kept."""
    config, folders = make_set("meeting_mix", tmp_path_factory.mktemp("meetings"))
    kept = config.model_copy(update={"params": {**config.params, "references": "kept"}})
    return tuple(draw_dataset(each, corpus_dirs=folders).manifest for each in (config, kept))  # type: ignore[return-value]


def test_withheld_and_kept_references_are_of_the_same_meetings(meetings: tuple[Manifest, Manifest]) -> None:
    withheld, kept = meetings
    assert withheld.mixtures == kept.mixtures
    assert [t.clue for t in withheld.trials] == [t.clue for t in kept.trials]
    for trial, other in zip(withheld.trials, kept.trials, strict=True):
        assert trial.present
        assert other.present
        assert trial.target_ids == ()
        assert other.target_ids
        assert trial.recorded is not None
        assert other.recorded is None
        mixture = next(m for m in withheld.mixtures if m.id == trial.mixture_id)
        own = [s for s in mixture.sources if s.label == trial.recorded.speaker]
        assert tuple(s.id for s in own) == other.target_ids
        assert trial.recorded.activity
        # Noise of constant level: active from the first sample of a turn to its last.
        starts = [source.onset / 8000 for source in own]
        begins = [start for start, _ in trial.recorded.activity]
        assert all(min(abs(start - other) for other in starts) <= 0.01 for start in begins)
        labels = [source.label for source in mixture.sources]
        assert all(a != b for a, b in pairwise(labels))


def test_manifests_keep_the_facts_and_old_sets_their_lines(meetings: tuple[Manifest, Manifest], tmp_path: Path) -> None:
    withheld, kept = meetings
    write_manifest(tmp_path / "set", withheld)
    assert read_manifest(tmp_path / "set").trials[0].recorded == withheld.trials[0].recorded
    write_manifest(tmp_path / "kept", kept)
    assert b"recorded" not in (tmp_path / "kept/trials.jsonl").read_bytes()
    changed = replace(withheld.trials[0], recorded=replace(withheld.trials[0].recorded, activity=((0.0, 0.1),)))  # type: ignore[type-var]
    assert fingerprint(replace(withheld, trials=[changed, *withheld.trials[1:]])) != withheld.card.fingerprint
    wrong = replace(changed, recorded=RecordedTarget(speaker="a", activity=((1.0, 2.0), (1.5, 3.0))))
    with pytest.raises(DatasetError, match=r"activity 1\.5 \.\.\. 3 s is out of order"):
        check_manifest(replace(withheld, trials=[wrong, *withheld.trials[1:]]), where="set")


def test_nothing_of_the_recipe_reaches_the_truth(tmp_path: Path) -> None:
    config, folders = make_set("meeting_mix", tmp_path)
    dataset = draw_dataset(config, corpus_dirs=folders)
    query, truth = dataset[0]
    assert truth.target is None
    assert len(truth.interferers) == 0
    assert truth.target_labels == (dataset.trials[0].recorded.speaker,)  # type: ignore[union-attr]
    assert "without reference" in repr(truth)
    assert "without reference" in repr(dataset.trials[0])
    assert dataset.to_frame()["target"][0] == truth.target_labels[0]
    with pytest.raises(DatasetError, match="without a clean reference"):
        collate([(query, truth)])
    assert torch.isfinite(query.mixture).all()


def test_times_are_joined_cut_and_shared() -> None:
    assert joined([(2.0, 3.0), (0.0, 1.0), (0.5, 1.5), (4.0, 4.0)]) == ((0.0, 1.5), (2.0, 3.0))
    assert cut([(0.0, 1.5), (2.0, 3.0)], 1.0, 2.5) == ((0.0, 0.5), (1.0, 1.5))
    assert share_covered(((0.0, 1.0), (2.0, 3.0)), [((0.5, 2.5),), ((0.4, 0.6),)]) == pytest.approx(1.1 / 2)
    assert share_covered((), []) is None


def test_rttm_lines_without_times_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.rttm"
    file.write_text("SPEAKER a 1 0.5 1.0 <NA> <NA> x <NA>\nSPEAKER a 1 later 1.0 <NA> <NA> x <NA>\n")
    with pytest.raises(CorpusError, match="line 2: no times of a speaker"):
        read_rttm(file)


def test_speech_is_found_by_level_and_short_pauses_belong_to_it() -> None:
    signal = np.zeros(8000, dtype=np.float32)
    for start, end in ((800, 1600), (3000, 4000), (7000, 7200)):  # a pause of 0.175 s and one of 0.375 s
        signal[start:end] = 0.1 * np.sign(np.sin(np.arange(end - start)))
    assert speech_times(signal, sample_rate_hz=8000) == pytest.approx(np.array([(0.1, 0.5), (0.87, 0.9)]), abs=0.011)
    assert speech_times(np.zeros(100, np.float32), sample_rate_hz=8000) == []
