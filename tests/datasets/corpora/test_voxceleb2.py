"""VoxCeleb2: two layouts, the video of a recording, speakers that are held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.trees.voxceleb2 import UTTERANCES, make_voxceleb2, write_video

from tsebench.core.errors import AudioError, CorpusError
from tsebench.datasets.corpora.voxceleb2 import VoxCeleb2
from tsebench.datasets.protocols.corpus import VideoCorpus


@pytest.mark.parametrize("muse", [False, True])
def test_both_layouts(tmp_path: Path, muse: bool) -> None:
    root = make_voxceleb2(tmp_path, muse=muse)
    corpus = VoxCeleb2(name="mine", root=root)
    recordings = corpus.recordings()
    assert len(recordings) == 11
    for part, split in (("dev", "train"), ("test", "test")):
        chosen = sorted((r.label, r.group) for r in recordings if r.split == split)
        expected = [utterance.split("/") for utterance in UTTERANCES[part]]
        assert chosen == sorted((s, f"{s}/{video}") for s, video, _ in expected)
    for recording in recordings:
        video = corpus.video_path(recording.path)
        assert (root / video).read_bytes() == b"not read here"
    utterance = "id08696/ttUSQacqnRA/00472"
    folders = ("orig/test", "wav/test") if muse else ("test/mp4", "test/wav")
    assert corpus.video_path(f"{folders[1]}/{utterance}.wav") == f"{folders[0]}/{utterance}.mp4"


def test_the_folder_of_the_audio_may_have_another_name(tmp_path: Path) -> None:
    corpus = VoxCeleb2(name="mine", root=make_voxceleb2(tmp_path, muse=True, audio="audio_clean"), audio="audio_clean")
    paths = [recording.path for recording in corpus.recordings()]
    assert paths[0] == "audio_clean/test/id00017/01dfn2spqyE/00001.wav"
    assert corpus.video_path(paths[0]) == "orig/test/id00017/01dfn2spqyE/00001.mp4"
    with pytest.raises(AudioError, match="is in none of its folders of audio"):
        corpus.video_path("orig/test/id00017/01dfn2spqyE/00001.mp4")


def test_speakers_are_held_out(tmp_path: Path) -> None:
    corpus = VoxCeleb2(name="mine", root=make_voxceleb2(tmp_path), valid_share=0.5)
    speakers = {
        split: {r.label for r in corpus.recordings() if r.split == split} for split in ("train", "valid", "test")
    }
    assert [len(names) for names in speakers.values()] == [4, 4, 2]
    assert not speakers["train"] & speakers["valid"]


def test_videos_without_audio_say_how_to_export_it(tmp_path: Path) -> None:
    root = make_voxceleb2(tmp_path, audio=None)
    with pytest.raises(CorpusError, match=r"has no dev/wav and no test/wav; .*with `ffmpeg -i FILE"):
        VoxCeleb2(name="mine", root=root).recordings()


def test_compressed_audio_is_refused_before_a_million_headers_are(tmp_path: Path) -> None:
    root = make_voxceleb2(tmp_path, audio="aac")
    for file in list(root.rglob("*.wav")):
        file.rename(file.with_suffix(".m4a"))
    with pytest.raises(CorpusError, match=r"dev/aac holds \.m4a files.*convert each with `ffmpeg"):
        VoxCeleb2(name="mine", root=root, audio="aac").recordings()


def test_audio_laid_out_otherwise_is_refused(tmp_path: Path) -> None:
    root = make_voxceleb2(tmp_path)
    (root / "test/wav/id00017/01dfn2spqyE/00001.wav").rename(root / "test/wav/id00017/00001.wav")
    with pytest.raises(CorpusError, match=r"id00017/00001\.wav' is not <speaker>/<video>/<number>"):
        VoxCeleb2(name="mine", root=root, splits=("test",)).recordings()


def test_mouths_are_cropped_from_the_middle_or_by_landmarks(tmp_path: Path) -> None:
    pytest.importorskip("av")
    root = make_voxceleb2(tmp_path)
    path = "test/mp4/id00017/01dfn2spqyE/00001.mp4"
    pictures = np.full((10, 224, 224), 40, dtype=np.uint8)
    pictures[:, 56:168, 56:168] = 120
    pictures[:, :32, 192:] = 220
    write_video(root / path, pictures)
    corpus = VoxCeleb2(name="mine", root=root)
    assert isinstance(corpus, VideoCorpus)
    assert (corpus.video_info(path).frames, corpus.video_info(path).fps) == (10, 25.0)
    crops, fps = corpus.read_video(path, 2, 5)
    assert (crops.shape, fps) == ((5, 112, 112), 25.0)
    # The codec of the test is lossy: a few grey levels.
    assert abs(crops[:, 8:-8, 8:-8].astype(float) - 120).max() < 8
    lips = (root / path).with_suffix(".lips.csv")
    lips.write_text("frame,x,y,side\n0,208,16,32\n9,208,16,32\n")
    marked = VoxCeleb2(name="mine", root=root, landmarks=True, lip_size=32)
    crops, _ = marked.read_video(path)
    assert crops.shape == (10, 32, 32)
    assert abs(crops[:, 4:-4, 4:-4].astype(float) - 220).max() < 8
    assert marked.digest(path) != corpus.digest(path)
    sound = "test/wav/id00017/01dfn2spqyE/00001.wav"
    assert corpus.digest(sound) == marked.digest(sound)
    assert corpus.video_path(sound) == path


def test_videos_stay_in_the_root(tmp_path: Path) -> None:
    corpus = VoxCeleb2(name="mine", root=make_voxceleb2(tmp_path / "corpus"))
    for ask in (corpus.video_info, corpus.read_video, corpus.digest):
        with pytest.raises(AudioError, match="leads out of the corpus folder"):
            ask("../outside.mp4")
