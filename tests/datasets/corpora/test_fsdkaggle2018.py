"""FSDKaggle2018: labels, groups, checked labels, the held-out share, padding clips."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from helpers.trees.fsdkaggle2018 import make_fsdkaggle2018

from tsebench.datasets.corpora.fsdkaggle2018 import FsdKaggle2018


def test_recordings(tmp_path: Path) -> None:
    corpus = FsdKaggle2018(name="mine", root=make_fsdkaggle2018(tmp_path))
    got = [(r.path.partition(".audio_")[2], r.label, r.split, r.group) for r in corpus.recordings()]
    assert got == [
        ("test/00326aa9.wav", "Oboe", "test", "355125"),
        ("test/00eac343.wav", "Hi-hat", "test", "371494"),
        ("train/00044347.wav", "Hi-hat", "train", "28739"),
        ("train/001ca53d.wav", "Saxophone", "train", "358827"),
        ("train/002d256b.wav", "Trumpet", "train", "10897"),
        ("train/0033e230.wav", "Glockenspiel", "train", "325017"),
        ("train/fff81f55.wav", "Cough", "train", "19117"),
    ]
    assert [r.frames for r in corpus.recordings()] == [4410, 4411, *range(4410, 4415)]
    assert {r.sample_rate_hz for r in corpus.recordings()} == {44_100}
    assert {part.name: part.files for part in corpus.parts} == {"train": 9473, "test": 1600}


def test_only_checked_labels(tmp_path: Path) -> None:
    root = make_fsdkaggle2018(tmp_path)
    checked = FsdKaggle2018(name="mine", root=root, manually_verified=True).recordings()
    assert Counter(r.split for r in checked) == {"train": 3, "test": 2}
    assert {r.label for r in checked if r.split == "train"} == {"Saxophone", "Glockenspiel", "Cough"}


def test_a_share_is_held_out_by_hash(tmp_path: Path) -> None:
    corpus = FsdKaggle2018(name="mine", root=make_fsdkaggle2018(tmp_path), valid_share=0.4)
    ranked = sorted(
        ("28739", "358827", "10897", "325017", "19117"), key=lambda group: hashlib.sha256(group.encode()).hexdigest()
    )
    assert {r.group for r in corpus.recordings() if r.split == "valid"} == set(ranked[:2])
    assert {r.group for r in corpus.recordings() if r.split == "train"} == set(ranked[2:])


def test_padding_clips_are_no_recordings(tmp_path: Path) -> None:
    padded = FsdKaggle2018(name="mine", root=make_fsdkaggle2018(tmp_path / "a", padding=True))
    plain = FsdKaggle2018(name="mine", root=make_fsdkaggle2018(tmp_path / "b"))
    assert padded.recordings() == plain.recordings()
