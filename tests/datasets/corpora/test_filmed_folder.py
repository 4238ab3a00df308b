"""A folder of talking heads: from clips of video to a set whose pictures go with the sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.trees.filmed_folder import film, make_filmed_folder

from tsebench.core.errors import AudioError, ConfigError
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.corpora.filmed_folder import FilmedFolder
from tsebench.datasets.protocols.corpus import VideoCorpus


def test_each_recording_has_its_video(tmp_path: Path) -> None:
    corpus = FilmedFolder(name="mine", root=make_filmed_folder(tmp_path / "clips"))
    assert isinstance(corpus, VideoCorpus)
    recordings = corpus.recordings()
    assert [r.label for r in recordings] == ["anna", "anna", "ben", "cleo"]
    for recording in recordings:
        assert (corpus.root / corpus.video_path(recording.path)).read_bytes() == b"not read here"
    with pytest.raises(AudioError, match="is not in its folder of audio, 'audio'"):
        corpus.video_path("video/anna/1.mp4")


def test_a_suffix_needs_its_dot(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="video_suffix = 'mp4' must begin with a dot"):
        FilmedFolder(name="mine", root=tmp_path, video_suffix="mp4")


@pytest.mark.parametrize("landmarks", [False, True])
def test_clips_become_a_set_with_lips_in_time(tmp_path: Path, landmarks: bool) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'tsebench[video]'")
    root = tmp_path / "clips"
    for seed, clip in enumerate(("anna/1", "anna/2", "ben/1", "ben/2", "cleo/1", "cleo/2")):
        film(root, clip, seconds=3.0, seed=seed)
    options = {"lip_size": 32, "landmarks": landmarks}
    config = DatasetConfig.model_validate(
        {
            "name": "heads",
            "builder": "av_mix",
            "corpora": {"clips": {"kind": "filmed_folder", "options": options}},
            "params": {
                "scenario": "spk",
                "count": 3,
                "sample_rate_hz": 8000,
                "duration_s": 2.0,
                "off_screen_s": [0.0, 0.0],
                "on_screen": {"corpus": "clips"},
                "off_screen": [{"corpus": "clips"}],
                "clues": [["video"]],
            },
        }
    )
    dataset = build(config, tmp_path / "set", corpus_dirs={"clips": root})
    for place in range(len(dataset)):
        query, truth = dataset[place]
        assert truth.target is not None
        assert query.clues.video is not None
        assert query.clues.video.shape == (50, 32, 32)
        loud = truth.target[0].numpy().reshape(50, 320).std(axis=1)
        other = truth.interferers[0].numpy().reshape(50, 320).std(axis=1)
        opening = query.clues.video.numpy().mean(axis=(1, 2))
        # The centre crop shows the mouth at the edge of its square; landmarks show it in the middle.
        assert np.corrcoef(opening, loud)[0, 1] > 0.9
        assert np.corrcoef(opening, other)[0, 1] < 0.7
