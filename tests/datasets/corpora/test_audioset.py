"""AudioSet clips from a user's list: several labels, groups, and the content that is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.trees.audio import save
from helpers.trees.audioset import make_audioset

from tsebench.core.errors import AudioError, CorpusError
from tsebench.datasets.corpora.audioset import AudioSet


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_audioset(tmp_path / "clips of mine")


def test_recordings(root: Path) -> None:
    corpus = AudioSet(name="mine", root=root)
    assert [(r.path, r.label, r.split, r.group) for r in corpus.recordings()] == [
        ("clips/-0RWZT-miFs.wav", "Rain", "train", "-0RWZT-miFs"),
        ("clips/-0RWZT-miFs_2.wav", "Rain", "train", "-0RWZT-miFs"),
        ("clips/05V0zsBE7aQ.flac", "Bell", "train", "clips/05V0zsBE7aQ.flac"),
        ("clips/zzbTaK7CXJY.wav", "Bell", "test", "clips/zzbTaK7CXJY.wav"),
    ]
    assert corpus.problems() == ()
    assert all(len(corpus.digest(r.path)) == 64 for r in corpus.recordings())


def test_single_labels_and_held_out_groups(root: Path) -> None:
    single = AudioSet(name="mine", root=root, single=True).recordings()
    assert single[0].path == "clips/-0RWZT-miFs_2.wav"
    assert len(single) == 3
    recordings = AudioSet(name="mine", root=root, valid_share=0.5).recordings()
    train = {r.group for r in recordings if r.split == "train"}
    valid = {r.group for r in recordings if r.split == "valid"}
    assert (len(train), len(valid), train & valid) == (1, 1, set())


def test_other_content_is_refused(root: Path) -> None:
    corpus = AudioSet(name="mine", root=root)
    save(root / "clips/zzbTaK7CXJY.wav", frames=1003, seed=99)
    with pytest.raises(AudioError, match=r"has SHA-256 [0-9a-f]{64}, but audioset.csv says [0-9a-f]"):
        corpus.digest("clips/zzbTaK7CXJY.wav")
    assert len(corpus.problems()) == 1
    save(root / "clips/new.wav")
    with pytest.raises(AudioError, match=r"audioset\.csv says nothing of it"):
        corpus.digest("clips/new.wav")


def test_missing_clips(root: Path) -> None:
    (root / "clips/zzbTaK7CXJY.wav").unlink()
    with pytest.raises(CorpusError, match=r"1 of the 4 files of \. are missing"):
        AudioSet(name="mine", root=root).recordings()
    assert len(AudioSet(name="mine", root=root, allow_missing=True).recordings()) == 3


def test_split_and_group_are_optional(root: Path) -> None:
    table = root / "audioset.csv"
    rows = [line.split(",")[:3] for line in table.read_text().splitlines()]
    (root / "short.csv").write_text("\n".join(",".join(row) for row in rows))
    recordings = AudioSet(name="mine", root=root, metadata="short.csv").recordings()
    assert {r.split for r in recordings} == {"test"}
    assert all(r.group == r.path for r in recordings)


@pytest.mark.parametrize(
    ("old", "new", "pattern"),
    [
        ("clips/05V0zsBE7aQ.flac", "./clips/zzbTaK7CXJY.wav", "lines 4 and 5: path 'clips/zz.* is given twice"),
        ("Rain;Thunder", " ; ", "line 2: 'clips/-0RWZT-miFs.wav' .*has no label"),
        (",train,-0RWZT-miFs\n", "0,train,x\n", "is not a SHA-256 of 64 hex digits"),
        ("path,labels", "file,labels", "has no column 'path'"),
        ("clips/zzbTaK7CXJY.wav", "../../x.wav", "leads out of the corpus folder"),
    ],
)
def test_the_list_is_checked(root: Path, old: str, new: str, pattern: str) -> None:
    table = root / "audioset.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(CorpusError, match=pattern):
        AudioSet(name="mine", root=root).recordings()


def test_a_missing_list(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"audioset\.csv' is missing"):
        AudioSet(name="mine", root=tmp_path).recordings()
