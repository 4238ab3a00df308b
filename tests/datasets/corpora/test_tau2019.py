"""TAU Urban Acoustic Scenes 2019: scenes, locations, the official setup, ears."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.trees.tau2019 import DEV, EVAL, FOLD, make_tau2019

from tsebench.core.errors import ConfigError, CorpusError
from tsebench.datasets.config import CorpusConfig, open_corpora
from tsebench.datasets.corpora.tau2019 import Tau2019


def test_recordings_in_the_official_setup(tmp_path: Path) -> None:
    recordings = Tau2019(name="mine", root=make_tau2019(tmp_path)).recordings()
    got = {r.path: (r.label, r.split, r.group) for r in recordings}
    assert got == {
        f"{DEV}/audio/airport-barcelona-0-0-a.wav": ("airport", "train", "barcelona-0"),
        f"{DEV}/audio/airport-barcelona-0-1-a.wav": ("airport", "train", "barcelona-0"),
        f"{DEV}/audio/tram-vienna-285-8639-a.wav": ("tram", "train", "vienna-285"),
        f"{DEV}/audio/street_pedestrian-lyon-1162-44093-a.wav": ("street_pedestrian", "valid", "lyon-1162"),
        f"{DEV}/audio/metro-prague-1163-44094-a.wav": ("metro", "valid", "prague-1163"),
        f"{DEV}/audio/park-milan-1164-44095-a.wav": ("park", "unused", "milan-1164"),
        **{f"{EVAL}/audio/{k}.wav": ("unlabelled", "test", f"{EVAL}/audio/{k}.wav") for k in (0, 1, 10)},
    }


def test_a_share_of_the_locations(tmp_path: Path) -> None:
    root = make_tau2019(tmp_path)
    recordings = Tau2019(name="mine", root=root, valid_share=0.4).recordings()
    groups = {split: {r.group for r in recordings if r.split == split} for split in ("train", "valid")}
    assert len(groups["valid"]) == 2
    assert len(groups["train"]) == 3
    assert Counter(r.split for r in recordings)["test"] == 3
    whole = Tau2019(name="mine", root=root, valid_share=0.0).recordings()
    assert Counter(r.split for r in whole) == {"train": len(FOLD), "test": 3}


@pytest.mark.parametrize(("options", "ok"), [({"valid_share": 0.2}, True), ({"channel": "x"}, False)])
def test_options_of_a_config(tmp_path: Path, options: dict[str, Any], ok: bool) -> None:
    config = CorpusConfig(kind="tau2019", options={"splits": ["valid"], **options})
    if ok:
        corpus = open_corpora({"mine": config}, {"mine": make_tau2019(tmp_path)})["mine"]
        assert len({r.group for r in corpus.recordings()}) == 1
        return
    with pytest.raises(ConfigError, match="corpus 'mine': channel = 'x'"):
        open_corpora({"mine": config}, {"mine": tmp_path})


def test_ears(tmp_path: Path) -> None:
    root = make_tau2019(tmp_path)
    path = f"{EVAL}/audio/10.wav"
    both, _ = soundfile.read(str(root / path), dtype="float32", always_2d=True)
    for channel, expected in ((0, both[:, 0]), (1, both[:, 1]), ("mean", both.mean(axis=1))):
        corpus = Tau2019(name="mine", root=root, channel=channel)
        samples, rate = corpus.read(path)
        assert rate == 48_000
        np.testing.assert_allclose(samples, expected, atol=1e-7)
    with pytest.raises(CorpusError, match="has 2 channels, and channel = None"):
        Tau2019(name="mine", root=root, channel=None).recordings()


def test_one_set_is_enough(tmp_path: Path) -> None:
    evaluation = Tau2019(name="mine", root=make_tau2019(tmp_path / "a", development=False))
    assert {r.split for r in evaluation.recordings()} == {"test"}
    development = Tau2019(name="mine", root=make_tau2019(tmp_path / "b", evaluation=False))
    assert {r.split for r in development.recordings()} == {"train", "valid", "unused"}


def test_the_official_setup_is_needed_or_a_share(tmp_path: Path) -> None:
    root = make_tau2019(tmp_path)
    shutil.rmtree(root / DEV / "evaluation_setup")
    with pytest.raises(CorpusError, match=r"fold1_train\.csv' is missing; it comes with TAU"):
        Tau2019(name="mine", root=root).recordings()
    assert len(Tau2019(name="mine", root=root, valid_share=0.2).recordings()) == 9


def test_scenes_of_the_evaluation_set_are_read_if_they_exist(tmp_path: Path) -> None:
    root = make_tau2019(tmp_path)
    rows = [f"audio/{k}.wav\tbus\tparis-{k}\ta" for k in (0, 1, 10)]
    header = "filename\tscene_label\tidentifier\tsource_label"
    (root / EVAL / "meta.csv").write_text("\n".join([header, *rows]))
    test = Tau2019(name="mine", root=root, splits=("test",)).recordings()
    assert [(r.label, r.group) for r in test] == [("bus", "paris-0"), ("bus", "paris-1"), ("bus", "paris-10")]
