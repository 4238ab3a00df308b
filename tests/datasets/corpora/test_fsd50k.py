"""FSD50K: the hierarchy behind smeared labels, most specific labels, uploaders, odd tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.trees.fsd50k import DEV, EVAL, make_fsd50k
from hypothesis import given, settings
from hypothesis import strategies as st

from tsebench.core.errors import CorpusError
from tsebench.datasets.corpora.fsd50k import Fsd50k, ancestors, most_specific

LEAVES = {
    "64760": ("Electric_guitar",),
    "5312": ("Electric_guitar", "Bass_guitar"),
    "5313": ("Bass_guitar",),
    "77": ("Guitar",),
    "144703": ("Snare_drum",),
    "142669": ("Snare_drum",),
    "142670": ("Drum",),
    "142671": ("Tambourine",),
    "37199": ("Electric_guitar", "Snare_drum"),
    "353103": ("Yell",),
    "50178": ("Shout",),
    "431610": ("Chuckle_and_chortle",),
    "54514": ("Waves_and_surf",),
    "187618": ("Water",),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_fsd50k(tmp_path / "FSD50K")


def _names(corpus: Fsd50k) -> set[str]:
    return {Path(recording.path).stem for recording in corpus.recordings()}


def test_recordings(root: Path) -> None:
    recordings = {Path(r.path).stem: r for r in Fsd50k(name="mine", root=root).recordings()}
    assert set(recordings) == set(DEV) | set(EVAL)
    for name, (_, split, uploader) in DEV.items():
        assert recordings[name].split == {"train": "train", "val": "valid"}[split]
        assert recordings[name].group == uploader
        assert recordings[name].path == f"FSD50K.dev_audio/{name}.wav"
    for name, (_, uploader) in EVAL.items():
        assert (recordings[name].split, recordings[name].group) == ("test", uploader)
        assert recordings[name].path == f"FSD50K.eval_audio/{name}.wav"
    assert {name: r.label for name, r in recordings.items()} == {name: leaves[0] for name, leaves in LEAVES.items()}


def test_ground_truth_needs_no_audio(root: Path) -> None:
    expected = Fsd50k(name="mine", root=root).ground_truth
    assert {clip.fname: clip.leaves for clip in expected} == LEAVES
    for part in ("dev", "eval"):
        shutil.rmtree(root / f"FSD50K.{part}_audio")
    corpus = Fsd50k(name="mine", root=root)
    assert corpus.ground_truth == expected
    labels = {clip.fname: clip.labels for clip in corpus.ground_truth}
    assert labels["144703"] == tuple(DEV["144703"][0].split(","))


def test_labels_do_not_depend_on_the_audio_that_is_there(root: Path) -> None:
    every = Fsd50k(name="mine", root=root).recordings()
    shutil.rmtree(root / "FSD50K.dev_audio")
    assert list(Fsd50k(name="mine", root=root).recordings()) == [
        recording for recording in every if recording.split == "test"
    ]


def test_leaf_labels_and_single_labels(root: Path) -> None:
    inner = {"77", "142670", "50178", "187618"}
    several = {"5312", "37199"}
    every = set(LEAVES)
    assert _names(Fsd50k(name="mine", root=root, labels="leaf")) == every - inner
    assert _names(Fsd50k(name="mine", root=root, single=True)) == every - several
    both = Fsd50k(name="mine", root=root, labels="leaf", single=True)
    assert _names(both) == every - inner - several


def test_vocabulary_has_no_header(root: Path) -> None:
    vocabulary = Fsd50k(name="mine", root=root).vocabulary
    assert vocabulary[:2] == ("Bass_guitar", "Chuckle_and_chortle")
    assert len(vocabulary) == 18
    assert set(vocabulary) >= {"Music", "Yell"}


def test_without_metadata_each_clip_is_a_group(tmp_path: Path) -> None:
    corpus = Fsd50k(name="mine", root=make_fsd50k(tmp_path, metadata=False))
    assert all(recording.group == recording.path for recording in corpus.recordings())
    assert corpus.problems()[-1].endswith("so uploaders are not known")


def test_uploaders_in_several_splits_are_a_problem(root: Path) -> None:
    info = root / "FSD50K.metadata/eval_clips_info_FSD50K.json"
    info.write_text(info.read_text().replace("dan", "bob"))
    assert "1 of 5 uploaders are in several splits" in " ".join(Fsd50k(name="mine", root=root).problems())


@pytest.mark.parametrize(
    ("file", "old", "new", "pattern"),
    [
        ("ground_truth/dev.csv", ",val\n", ",valid\n", "split 'valid' in dev.csv, where train and"),
        ("ground_truth/eval.csv", "Yell", "Yel", r"clip 353103 of eval.csv .*not all in vocabulary"),
        ("ground_truth/vocabulary.csv", ",/m/", ";/m/", "has 2 columns, not 3"),
        ("metadata/dev_clips_info_FSD50K.json", "uploader", "user", "does not give the uploader of"),
        ("metadata/dev_clips_info_FSD50K.json", "{", "", "does not give the uploader of each clip"),
    ],
)
def test_tables_are_checked(root: Path, file: str, old: str, new: str, pattern: str) -> None:
    path = root / f"FSD50K.{file}"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(CorpusError, match=pattern) as caught:
        Fsd50k(name="mine", root=root).recordings()
    assert "\n" not in str(caught.value)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_the_hierarchy_is_found_again(data: st.DataObject) -> None:
    """Smear labels up a random forest; every class is given alone once, so nothing is ambiguous."""
    size = data.draw(st.integers(1, 12))
    parent = [data.draw(st.integers(-1, k - 1)) for k in range(size)]
    above: dict[int, set[int]] = {}
    for k, p in enumerate(parent):
        above[k] = set() if p < 0 else {p} | above[p]
    raw = [[k] for k in range(size)]
    raw += data.draw(st.lists(st.lists(st.sampled_from(range(size)), min_size=1, max_size=3)))
    rows, leaves = [], []
    for labels in raw:
        given_ = list(dict.fromkeys(labels))
        smeared = sorted(set().union(*(above[label] for label in given_)) - set(given_))
        rows.append([str(label) for label in (*given_, *reversed(smeared))])
        covered = set().union(*(above[label] for label in given_))
        leaves.append([str(label) for label in given_ if label not in covered])
    found = ancestors(rows)
    assert {int(a): {int(b) for b in found[a]} for a in found} == above
    assert [list(most_specific(row, found)) for row in rows] == leaves
