"""Base class of published corpora on disk: finding the root, parts, splits, missing files.

Every corpus on disk is found by its module `helpers/trees/NAME.py` with `make_NAME`.
"""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import TESTS
from helpers.trees.fsdkaggle2018 import make_fsdkaggle2018

from tsebench.core.errors import AudioError, ConfigError, CorpusError
from tsebench.datasets.config import CorpusConfig, open_corpora
from tsebench.datasets.corpora.disk.disk_corpus import DiskCorpus
from tsebench.datasets.corpora.disk.layout import Release, find_root
from tsebench.datasets.corpora.fsdkaggle2018 import FsdKaggle2018
from tsebench.datasets.missing import IncompleteCorpusError, MissingRecordingsError
from tsebench.datasets.protocols.corpus import CORPORA


def _is_on_disk(kind: str) -> bool:
    factory = CORPORA.get(kind)
    return isinstance(factory, type) and issubclass(factory, DiskCorpus)


KINDS = [kind for kind in CORPORA if _is_on_disk(kind) and (TESTS / f"helpers/trees/{kind}.py").is_file()]
FINDING_THEIR_ROOT = [kind for kind in KINDS if kind != "audioset"]  # a list lies in any folder
RELEASE = Release(title="A Corpus 1.0", source="Zenodo record 1")


def _tree(kind: str, root: Path) -> Path:
    made: Path = getattr(import_module(f"helpers.trees.{kind}"), f"make_{kind}")(root)
    return made


def _open(kind: str, root: Path, **options: Any) -> DiskCorpus:
    config = CorpusConfig(kind=kind, options=options)
    corpus = open_corpora({"mine": config}, {"mine": root})["mine"]
    assert isinstance(corpus, DiskCorpus)
    return corpus


@pytest.mark.parametrize("kind", FINDING_THEIR_ROOT)
def test_paths_are_the_same_whatever_folder_is_named(kind: str, tmp_path: Path) -> None:
    corpus = _open(kind, _tree(kind, tmp_path / "above" / "the corpus"))
    root = corpus.root
    expected = [recording.path for recording in corpus.recordings()]
    folders = [*(part.folder for part in corpus._layout_parts()), *corpus.other_folders]
    inner = {root / above for folder in folders for above in (folder, folder.partition("/")[0])}
    for given in (root.parent, *sorted(folder for folder in inner if folder.is_dir())):
        corpus = _open(kind, given)
        assert corpus.root == root
        assert [recording.path for recording in corpus.recordings()] == expected
        assert corpus.read(expected[0])[0].size


@pytest.mark.parametrize("kind", FINDING_THEIR_ROOT)
def test_a_missing_corpus_is_said_with_its_source(kind: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for given in (tmp_path, tmp_path / "gone"):
        with pytest.raises(CorpusError) as caught:
            _open(kind, given).recordings()
        message = str(caught.value)
        assert "\n" not in message
        assert message.startswith("corpus 'mine': no ")
        assert str(given) in message
        assert "looked for" in message
        assert f"get it from {_open(kind, given).release.source}, and" in message
        assert "--corpus mine=DIR" in message


def test_the_root_is_below_next_to_or_above(tmp_path: Path) -> None:
    (tmp_path / "x" / "corpus" / "a" / "b").mkdir(parents=True)

    def find(given: Path) -> Path:
        return find_root(given, ["a/b", "c"], release=RELEASE, corpus="mine")

    root = tmp_path / "x" / "corpus"
    for given in (root, root.parent, root / "a", root / "a" / "b"):
        assert find(given) == root
    for given in (tmp_path, root / "a" / "b" / "c", root / "b"):
        with pytest.raises(CorpusError, match=r"no A Corpus 1\.0 in .*looked for a/b or c; get it"):
            find(given)
    (root.parent / "copy" / "c").mkdir(parents=True)
    with pytest.raises(CorpusError, match=r"more than once \('copy', 'corpus'\)"):
        find(root.parent)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_splits_and_options_suggest_the_nearest(kind: str, tmp_path: Path) -> None:
    root = _tree(kind, tmp_path / "corpus")
    with pytest.raises(ConfigError, match="corpus 'mine': unknown key 'splitz'; did you mean"):
        _open(kind, root, splitz=["test"])
    with pytest.raises(ConfigError, match="`splits` is empty"):
        _open(kind, root, splits=[])
    with pytest.raises((ConfigError, CorpusError), match=r"no split 'tset'|no recording is left"):
        _open(kind, root, splits=["tset"]).recordings()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "reverb_noise"])
def test_splits_are_what_is_left_of_all(kind: str, tmp_path: Path) -> None:
    root = _tree(kind, tmp_path / "corpus")
    every = _open(kind, root).recordings()
    for split in sorted({recording.split for recording in every}):
        some = _open(kind, root, splits=[split]).recordings()
        assert list(some) == [recording for recording in every if recording.split == split]


def test_headers_of_other_splits_are_not_read(tmp_path: Path) -> None:
    root = make_fsdkaggle2018(tmp_path)
    (root / "FSDKaggle2018.audio_train/002d256b.wav").write_bytes(b"damaged")
    assert len(_open("fsdkaggle2018", root, splits=["test"]).recordings()) == 2
    with pytest.raises(CorpusError, match=r"1 of 7 files cannot be used.*002d256b\.wav"):
        _open("fsdkaggle2018", root).recordings()


@pytest.mark.parametrize("kind", FINDING_THEIR_ROOT)
def test_a_tree_differs_from_the_release_only_in_its_counts(kind: str, tmp_path: Path) -> None:
    corpus = _open(kind, _tree(kind, tmp_path / "corpus"))
    counts = [part.files for part in corpus._parts_here() if part.files is not None]
    if kind.endswith("_files"):  # a script writes as many as it was asked for
        assert corpus.problems() == ()
        return
    assert counts
    problems = [line for line in corpus.problems() if "uploaders" not in line]
    if kind == "reverb_noise":
        assert problems == []
        return
    assert len(problems) == len(counts)
    for line, count in zip(problems, counts, strict=True):
        assert line.startswith("corpus 'mine': ")
        assert line.endswith((f" has {count}", f" ({count} files) is not there"))


def test_a_part_is_enough_and_the_other_is_a_problem(tmp_path: Path) -> None:
    root = make_fsdkaggle2018(tmp_path)
    shutil.rmtree(root / "FSDKaggle2018.audio_train")
    corpus = _open("fsdkaggle2018", root)
    assert [recording.split for recording in corpus.recordings()] == ["test", "test"]
    assert corpus.problems()[0] == ("corpus 'mine': FSDKaggle2018.audio_train (9473 files) is not there")
    with pytest.raises(CorpusError, match=r"has no FSDKaggle2018\.audio_train; get it from Zenodo"):
        _open("fsdkaggle2018", root, splits=["train"]).recordings()


def test_missing_files_are_counted_and_may_be_left_out(tmp_path: Path) -> None:
    root = make_fsdkaggle2018(tmp_path)
    for name in ("0033e230", "002d256b"):
        (root / f"FSDKaggle2018.audio_train/{name}.wav").unlink()
    said = r"2 of the 5 files of FSDKaggle2018\.audio_train are missing, the first is '.*002d256b"
    with pytest.raises(CorpusError, match=said + ".*; complete the corpus from Zenodo record 2552860"):
        _open("fsdkaggle2018", root).recordings()
    corpus = _open("fsdkaggle2018", root, allow_missing=True)
    assert len(corpus.recordings()) == 5
    assert "2 of the 5 files" in corpus.problems()[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_named_and_may_be_left_out(kind: str, tmp_path: Path) -> None:
    root = _tree(kind, tmp_path / "corpus")
    corpus = _open(kind, root)
    damaged, *rest = corpus.recordings()
    (corpus.root / damaged.path).write_bytes(b"damaged")
    with pytest.raises(IncompleteCorpusError, match=r"1 of \d+ files cannot be used.*--allow-missing") as caught:
        _open(kind, root).recordings()
    assert damaged.path in str(caught.value)
    assert caught.value.missing == 1
    for read in (_open(kind, root).read, _open(kind, root).recording):
        with pytest.raises(MissingRecordingsError):
            read(damaged.path)
    partial = _open(kind, root, allow_missing=True)
    assert list(partial.recordings()) == rest
    assert partial.absent() == (damaged.path,)


def test_metadata_that_is_missing_or_lists_a_file_twice(tmp_path: Path) -> None:
    root = make_fsdkaggle2018(tmp_path)
    table = root / "FSDKaggle2018.meta/test_post_competition_scoring_clips.csv"
    table.write_text(table.read_text() + "00326aa9.wav,Oboe,Private,355125,Attribution\n")
    with pytest.raises(CorpusError, match=r"lines 2 and \d+: fname '00326aa9\.wav' is given twice; remove one"):
        _open("fsdkaggle2018", root).recordings()
    table.unlink()
    with pytest.raises(CorpusError, match=r"scoring_clips\.csv' is missing; it comes with FSDKaggle2018, from Zenodo"):
        _open("fsdkaggle2018", root).recordings()


@pytest.mark.parametrize("name", ["../../outside.wav", "/etc/passwd"])
def test_names_in_metadata_stay_in_the_root(name: str, tmp_path: Path) -> None:
    root = make_fsdkaggle2018(tmp_path / "corpus")
    shutil.copy(root / "FSDKaggle2018.audio_test/00326aa9.wav", tmp_path / "outside.wav")
    table = root / "FSDKaggle2018.meta/test_post_competition_scoring_clips.csv"
    table.write_text(table.read_text() + f"{name},Oboe,Private,1,Attribution\n")
    with pytest.raises(CorpusError, match=r"leads out of the corpus folder|are missing"):
        _open("fsdkaggle2018", root).recordings()
    with pytest.raises(AudioError, match="leads out of the corpus folder"):
        _open("fsdkaggle2018", root).read("../outside.wav")


@pytest.mark.parametrize("share", [-0.1, 1.0, 2])
def test_shares_are_checked_with_and_without_a_config(share: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="valid_share"):
        _open("fsdkaggle2018", tmp_path, valid_share=share)
    with pytest.raises(ConfigError, match=r"valid_share = .*; set it to 0 or more, below 1"):
        FsdKaggle2018(name="mine", root=tmp_path, valid_share=share)
