"""Contract of all corpora: the protocol `Corpus`, and `Listed` where a corpus implements it."""

from __future__ import annotations

import hashlib
import inspect
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.paths import TESTS

from tsebench.core.errors import AudioError, TsebenchError
from tsebench.datasets.config import CorpusConfig, open_corpora
from tsebench.datasets.protocols.corpus import CORPORA, Corpus, Listed, Recording, entries_of, recordings_of

# Options that keep an embedded corpus small, where its own default is large.
OPTIONS: dict[str, dict[str, Any]] = {
    "synthetic_sounds": {"train": 1, "valid": 1, "test": 1},
    "synthetic_speech": {"utterances": 1},
}
EMBEDDED = [name for name in CORPORA if "root" not in inspect.signature(CORPORA.get(name)).parameters]
TREES = TESTS / "helpers" / "trees"
WITH_TREES = [name for name in CORPORA if (TREES / f"{name}.py").is_file()]


def _tree(kind: str, root: Path) -> Path:
    """A user's folder of the corpus, and a file outside of it that must stay out of reach."""
    soundfile.write(str(root.parent / "outside.wav"), np.zeros(100), 16_000)
    if kind not in WITH_TREES:
        return _folder(root)
    made: Path = getattr(import_module(f"helpers.trees.{kind}"), f"make_{kind}")(root)
    return made


def _folder(root: Path) -> Path:
    for k, path in enumerate(("dog/b.wav", "dog/a.flac", "öl fass/c.ogg", "bell/d e.wav")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(k).uniform(-0.5, 0.5, 6000 + k).astype(np.float32)
        soundfile.write(str(root / path), noise, 16_000)
    return root


def _open(kind: str, root: Path) -> Corpus:
    config = CorpusConfig(kind=kind, options=OPTIONS.get(kind, {}))
    return open_corpora({"mine": config}, {"mine": root})["mine"]


@pytest.fixture(params=[*EMBEDDED, "folder", *WITH_TREES])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(kind: str, tmp_path: Path) -> Path:
    return _tree(kind, tmp_path / "corpus")


@pytest.fixture
def corpus(kind: str, root: Path) -> Corpus:
    return _open(kind, root)


def _some(corpus: Corpus) -> list[Recording]:
    recordings = corpus.recordings()
    return list(recordings[:: max(1, len(recordings) // 6)])


def test_it_says_what_it_is(corpus: Corpus) -> None:
    assert corpus.name == "mine"
    assert isinstance(corpus.version, str)
    assert isinstance(corpus.licence, str)
    assert corpus.version
    assert corpus.licence


def test_recordings_are_sorted_unique_and_complete(corpus: Corpus) -> None:
    recordings = corpus.recordings()
    paths = [recording.path for recording in recordings]
    assert paths == sorted(set(paths))
    assert list(corpus.recordings()) == list(recordings)
    for recording in recordings:
        assert recording.frames > 0
        assert recording.sample_rate_hz > 0
        assert recording.label
        assert recording.split
        assert recording.group
        assert not recording.path.startswith("/")
        assert "\\" not in recording.path
        assert ".." not in recording.path.split("/")
        assert recording.transcript is None or recording.transcript == recording.transcript.upper()


def test_a_group_has_one_split(corpus: Corpus) -> None:
    splits: dict[str, set[str]] = {}
    for recording in corpus.recordings():
        splits.setdefault(recording.group, set()).add(recording.split)
    assert all(len(names) == 1 for names in splits.values())


def test_entries_and_splits_without_headers_are_those_of_the_recordings(corpus: Corpus) -> None:
    recordings = corpus.recordings()
    places = [(r.path, r.split, r.group) for r in recordings]
    assert [(e.path, e.split, e.group) for e in entries_of(corpus)] == places
    if isinstance(corpus, Listed):
        for recording in recordings:
            assert corpus.split_of(recording.path) in {None, recording.split}
        assert corpus.split_of("no/such.wav") is None


def test_splits_can_be_had_one_without_another(corpus: Corpus, kind: str) -> None:
    recordings = corpus.recordings()
    for split in sorted({recording.split for recording in recordings}):
        of_split = [recording for recording in recordings if recording.split == split]
        assert list(recordings_of(corpus, split)) == of_split
    assert list(recordings_of(corpus, "no such split")) == []
    if isinstance(corpus, Listed):
        assert "allow_missing" in inspect.signature(CORPORA.get(kind)).parameters
        for recording in recordings:
            assert corpus.group_of(recording.path) == recording.group
            assert corpus.recording(recording.path) == recording
        assert corpus.group_of("no/such.wav") == "no/such.wav"
        with pytest.raises(TsebenchError, match=r"no recording 'no/such\.wav'"):
            corpus.recording("no/such.wav")


def test_reading_gives_what_is_promised(corpus: Corpus) -> None:
    for recording in _some(corpus):
        samples, rate = corpus.read(recording.path)
        assert rate == recording.sample_rate_hz
        assert samples.shape == (recording.frames,)
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert samples.any()


def test_a_stretch_is_a_slice(corpus: Corpus) -> None:
    for recording in _some(corpus):
        whole, _ = corpus.read(recording.path)
        third = recording.frames // 3
        np.testing.assert_array_equal(corpus.read(recording.path, third, third)[0], whole[third : 2 * third])
        np.testing.assert_array_equal(corpus.read(recording.path, third)[0], whole[third:])


def test_what_is_read_may_be_changed(corpus: Corpus) -> None:
    path = corpus.recordings()[0].path
    before = corpus.read(path)[0].copy()
    for start, frames in ((0, None), (0, 100)):
        samples, _ = corpus.read(path, start, frames)
        samples[:] = 0.0
    np.testing.assert_array_equal(corpus.read(path)[0], before)


def test_another_instance_and_threads_read_the_same(corpus: Corpus, kind: str, root: Path) -> None:
    other = _open(kind, root)
    paths = [recording.path for recording in _some(corpus)]
    expected = {path: corpus.read(path)[0] for path in paths}
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda path: other.read(path)[0], [*paths[::-1], *paths]))
    for path, samples in zip([*paths[::-1], *paths], read, strict=True):
        np.testing.assert_array_equal(samples, expected[path])
    assert list(other.recordings()) == list(corpus.recordings())
    assert [other.digest(path) for path in paths] == [corpus.digest(path) for path in paths]


def test_digests_are_sha_256_and_differ(corpus: Corpus) -> None:
    digests = [corpus.digest(recording.path) for recording in corpus.recordings()]
    assert len(set(digests)) == len(digests)
    assert all(len(digest) == 64 and int(digest, 16) >= 0 for digest in digests)


def test_it_survives_pickling(corpus: Corpus) -> None:
    """Worker processes get a copy."""
    path = corpus.recordings()[0].path
    copy = pickle.loads(pickle.dumps(corpus))
    np.testing.assert_array_equal(copy.read(path)[0], corpus.read(path)[0])


@pytest.mark.parametrize("path", ["no/such.wav", "../outside.wav", "/etc/passwd", ""])
def test_other_paths_are_refused(corpus: Corpus, path: str) -> None:
    for ask in (corpus.read, corpus.digest):
        with pytest.raises(TsebenchError) as caught:
            ask(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("start", "more"), [(0, 1), (1, 0), (-1, 0)])
def test_stretches_outside_are_refused(corpus: Corpus, start: int, more: int) -> None:
    recording = corpus.recordings()[0]
    with pytest.raises(AudioError, match=r"frames"):
        corpus.read(recording.path, start, recording.frames + more)


def _link_folders(root: Path, disk: Path) -> None:
    """Every folder that holds files moves to another disk, and a link takes its place."""
    folders = sorted({path.parent for path in root.rglob("*") if path.is_file()} - {root})
    for number, folder in enumerate(sorted(folders, key=lambda path: -len(path.parts))):
        folder.rename(disk / str(number))
        folder.symlink_to(disk / str(number))


def _link_files(root: Path, disk: Path) -> None:
    """Every file becomes a link to its content, as in the trees of DVC, git-annex and hub caches."""
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = hashlib.md5(path.read_bytes() + str(path).encode(), usedforsecurity=False).hexdigest()
        path.rename(disk / content)
        path.symlink_to(disk / content)


@pytest.mark.parametrize("link", [_link_folders, _link_files])
@pytest.mark.parametrize("kind", ["folder", *WITH_TREES], indirect=True)
def test_a_tree_of_links_is_the_same_corpus(
    kind: str, root: Path, corpus: Corpus, link: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    found = {recording.path: (recording, corpus.digest(recording.path)) for recording in corpus.recordings()}
    (tmp_path / "disk2").mkdir()
    link(root, tmp_path / "disk2")
    linked = _open(kind, root)
    assert {r.path: (r, linked.digest(r.path)) for r in linked.recordings()} == found
    first = next(iter(found))
    np.testing.assert_array_equal(linked.read(first)[0], corpus.read(first)[0])


def test_an_unknown_option_suggests_the_nearest(kind: str, root: Path) -> None:
    with pytest.raises(TsebenchError, match="corpus 'mine': unknown key 'zzz_no_option'"):
        open_corpora({"mine": CorpusConfig(kind=kind, options={"zzz_no_option": 1})}, {"mine": root})


def test_an_unknown_kind_suggests_the_nearest() -> None:
    with pytest.raises(TsebenchError, match="unknown corpus 'foldr'; did you mean 'folder'"):
        open_corpora({"mine": CorpusConfig(kind="foldr")}, {})
