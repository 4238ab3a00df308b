"""A folder of talking heads: from clips of video to a set whose pictures go with the sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.trees.filmed_folder import CLIPS, film, make_filmed_folder

from tsebench.core.errors import AudioError, ConfigError
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.corpora.filmed_folder import FilmedFolder
from tsebench.datasets.protocols.corpus import VideoCorpus, VideoInfo


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


def test_features_instead_of_videos(tmp_path: Path) -> None:
    """Rows of a file come with their times of the sound, unscaled."""
    root = make_filmed_folder(tmp_path / "clips")
    for number, clip in enumerate(CLIPS):
        rows = 1000.0 * number + np.arange(75.0)[:, None] + np.array([0.0, 0.25, 0.5])
        np.save(root / "video" / f"{clip}.npy", rows.astype(np.float32))
    corpus = FilmedFolder(name="mine", root=root, features_fps=25.0)
    path = corpus.video_path("audio/ben/talk 1.wav")
    assert (path, corpus.video_info(path)) == ("video/ben/talk 1.npy", VideoInfo(frames=75, fps=25.0))
    features, fps = corpus.read_video(path, 10, 20)
    assert (features.shape, fps) == ((20, 1, 3), 25.0)
    assert features[0, 0].tolist() == [2010.0, 2010.25, 2010.5]
    assert corpus.digest(path) != FilmedFolder(name="mine", root=root, features_fps=24.0).digest(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (np.zeros((4, 3), np.int16), r"int16 \[4, 3\]"),
        (np.zeros(4, np.float32), r"float32 \[4\]"),
        (np.full((4, 3), np.nan, np.float32), "NaN"),
        (np.array([[object()]]), "cannot read"),
    ],
)
def test_files_that_are_no_features(tmp_path: Path, content: np.ndarray, says: str) -> None:
    root = make_filmed_folder(tmp_path / "clips")
    np.save(root / "video/anna/1.npy", content, allow_pickle=True)
    corpus = FilmedFolder(name="mine", root=root, features_fps=25.0)
    with pytest.raises(AudioError, match=says):
        corpus.read_video("video/anna/1.npy")
