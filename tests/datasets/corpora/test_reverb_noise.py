"""The REVERB challenge's noise: two layouts with the same labels, channels, shares by number."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.trees.reverb_noise import ROOMS, make_reverb_noise

from tsebench.core.errors import ConfigError, CorpusError
from tsebench.datasets.corpora.reverb_noise import ReverbNoise


@pytest.mark.parametrize("slr28", [False, True])
def test_both_layouts(tmp_path: Path, slr28: bool) -> None:
    corpus = ReverbNoise(name="mine", root=make_reverb_noise(tmp_path, slr28=slr28))
    recordings = corpus.recordings()
    assert Counter(r.label for r in recordings) == dict.fromkeys(ROOMS, 10)
    assert {(r.split, r.frames, r.sample_rate_hz) for r in recordings} == {("all", 160, 16_000)}
    assert corpus.problems() == ()


def test_the_same_recording_has_the_same_samples_in_both(tmp_path: Path) -> None:
    challenge = ReverbNoise(name="mine", root=make_reverb_noise(tmp_path / "a"))
    slr28 = ReverbNoise(name="mine", root=make_reverb_noise(tmp_path / "b", slr28=True))
    np.testing.assert_array_equal(
        challenge.read("NOISE/Noise_LargeRoom2_10.wav")[0],
        slr28.read("real_rirs_isotropic_noises/RVB2014_type1_noise_largeroom2_10.wav")[0],
    )


def test_of_two_layouts_one_is_taken(tmp_path: Path) -> None:
    root = make_reverb_noise(tmp_path)
    (make_reverb_noise(tmp_path / "b", slr28=True) / "real_rirs_isotropic_noises").rename(
        root / "real_rirs_isotropic_noises"
    )
    paths = {r.path.partition("/")[0] for r in ReverbNoise(name="mine", root=root).recordings()}
    assert paths == {"NOISE"}


def test_channels(tmp_path: Path) -> None:
    root = make_reverb_noise(tmp_path)
    path = "NOISE/Noise_SmallRoom1_1.wav"
    every, _ = soundfile.read(str(root / path), dtype="float32")
    for channel in range(8):
        corpus = ReverbNoise(name="mine", root=root, channel=channel)
        np.testing.assert_array_equal(corpus.read(path)[0], every[:, channel])
    np.testing.assert_array_equal(ReverbNoise(name="mine", root=root).read(path)[0], every[:, 0])
    with pytest.raises(CorpusError, match="has 8 channels, and channel = 8"):
        ReverbNoise(name="mine", root=root, channel=8).recordings()


def test_shares_go_by_number(tmp_path: Path) -> None:
    root = make_reverb_noise(tmp_path)
    shares = {"train": [1, 2, 3, 4, 5, 6], "test": [9, 10]}
    recordings = ReverbNoise(name="mine", root=root, shares=shares).recordings()
    assert Counter(r.split for r in recordings) == {"train": 36, "test": 12}
    assert {Path(r.path).stem[-3:] for r in recordings if r.split == "test"} >= {"1_9", "_10"}
    test = ReverbNoise(name="mine", root=root, shares=shares, splits=("test",)).recordings()
    assert [r.path for r in test] == [r.path for r in recordings if r.split == "test"]


@pytest.mark.parametrize("shares", [{}, {"a": []}, {"a": [0]}, {"a": [11]}, {"a": [1], "b": [1]}])
def test_shares_are_checked(tmp_path: Path, shares: Any) -> None:
    with pytest.raises(ConfigError, match=r"shares = .* each of the numbers 1 \.\.\. 10 once at most"):
        ReverbNoise(name="mine", root=tmp_path, shares=shares)
