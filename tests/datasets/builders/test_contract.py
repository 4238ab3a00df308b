"""Every builder: the same set wherever, however and after whatever it is built.

A small set of each is made by `helpers/builds/NAME.py`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from helpers.builds import Case, make_set
from helpers.trees.fsdkaggle2018 import make_fsdkaggle2018

from tsebench.core.errors import CorpusError, DatasetError
from tsebench.datasets import manifest as manifest_module
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.protocols.builder import BUILDERS

NAMES = sorted(BUILDERS.names())


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    name = str(request.param)
    if name == "vox2_mix":
        pytest.importorskip("av", reason="PyAV is not installed")
    return make_set(name, tmp_path_factory.mktemp(name))


@pytest.fixture(scope="module")
def first(case: Case, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fingerprint of the set as one thread builds it."""
    config, folders = case
    built = build(config, tmp_path_factory.mktemp("sets") / "set", corpus_dirs=folders, jobs=1)
    assert len(built) > 1
    assert len(built.mixtures) > 1
    return built.card.fingerprint


def test_threads_do_not_matter(case: Case, first: str, tmp_path: Path) -> None:
    config, folders = case
    built = build(config, tmp_path / "set", corpus_dirs=folders, jobs=5)
    assert built.card.fingerprint == first


def test_the_order_of_directory_listings_does_not_matter(
    case: Case, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folders = case
    seen = _turn_listings_round(monkeypatch)
    built = build(config, tmp_path / "set", corpus_dirs=folders)
    monkeypatch.undo()
    assert built.card.fingerprint == first
    listed = [c for c in config.corpora.values() if c.kind == "folder" and not c.options]
    assert seen or not listed  # a folder with a table is not listed


def test_a_killed_build_starts_over_to_the_same_set(
    case: Case, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at each file that it writes, then left alone."""
    config, folders = case
    write = manifest_module.write_atomic
    for stop_at in ("trials.jsonl", "card.json"):

        def killed(path: Path, content: bytes | str, stop_at: str = stop_at) -> None:
            if path.name == stop_at:
                raise KeyboardInterrupt
            write(path, content)

        monkeypatch.setattr(manifest_module, "write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            build(config, tmp_path / "set", corpus_dirs=folders)
        monkeypatch.undo()
        with pytest.raises(DatasetError, match="is not a dataset folder"):
            load_dataset(tmp_path / "set", corpus_dirs=folders)
    built = build(config, tmp_path / "set", corpus_dirs=folders, reuse=True)
    assert built.card.fingerprint == first
    opened = load_dataset(tmp_path / "set", corpus_dirs=folders)
    assert opened.card.fingerprint == first


# Builders that follow a list, and how many mixtures and trials are left without one recording.
LISTED = {
    "librimix": ("librispeech", "test-clean/60/7/60-7-0001.flac", 2),
    "wsj0_mix": ("wsj0", "wsj0/si_dt_05/22g/22gc0101.wav", 2),
    "fuss_released": ("fuss", "ssdata_reverb/train/example00002_sources/background0_sound.wav", 2),
    "vox2_mix": ("voxceleb2", "orig/test/id00001/aaaaaaaaaaa/00001.mp4", 1),
}


@pytest.mark.parametrize("name", LISTED)
def test_a_recording_that_is_missing_is_named_and_may_be_left_out(name: str, tmp_path: Path) -> None:
    if name == "vox2_mix":
        pytest.importorskip("av", reason="PyAV is not installed")
    config, folders = make_set(name, tmp_path / "corpora")
    whole = build(config, tmp_path / "whole", corpus_dirs=folders)
    corpus, path, left = LISTED[name]
    (folders[corpus] / path).unlink()
    with pytest.raises(DatasetError, match=rf"1 of corpus '{corpus}'") as caught:
        build(config, tmp_path / "set", corpus_dirs=folders)
    line = str(caught.value)
    assert Path(path).name in line
    assert line.count("complete the corpus") == 1
    assert "with --allow-missing" in line
    part = build(config, tmp_path / "set", corpus_dirs=folders, allow_missing=True)
    assert len(part.mixtures) == left < len(whole.mixtures)
    assert part.card.counts["missing_recordings"] == 1
    (named,) = part.card.missing
    assert named.startswith(f"{corpus}:")
    assert named.endswith(Path(path).name)
    kept = {mixture.id: mixture for mixture in part.mixtures.values()}
    assert all(whole.mixtures[name] == mixture for name, mixture in kept.items())


def test_a_half_copied_corpus_that_is_drawn_from(tmp_path: Path) -> None:
    """Its own table says what should be there."""
    root = make_fsdkaggle2018(tmp_path / "fsd")
    config = DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": "sound_mix",
            "split": "train",
            "corpora": {"fsdkaggle2018": {"kind": "fsdkaggle2018"}},
            "params": {
                "count": 4,
                "sample_rate_hz": 8000,
                "duration_s": 0.5,
                "n_classes": [2, 2],
                "event_s": [0.05, 0.09],
                "events": {"corpus": "fsdkaggle2018"},
            },
        }
    )
    folders = {"fsdkaggle2018": root}
    (root / "FSDKaggle2018.audio_train/0033e230.wav").unlink()
    with pytest.raises(CorpusError, match=r"1 of the 5 files .*0033e230.*, or leave them out with --allow-missing"):
        build(config, tmp_path / "set", corpus_dirs=folders)
    part = build(config, tmp_path / "set", corpus_dirs=folders, allow_missing=True)
    assert len(part.mixtures) == 4
    assert part.card.missing == ("fsdkaggle2018:FSDKaggle2018.audio_train/0033e230.wav",)
    assert part.card.counts["missing_recordings"] == 1
    # Nothing in the recipe asks for it, so the set opens as any other.
    assert len(load_dataset(tmp_path / "set", corpus_dirs=folders)) == len(part)


class _Backwards:
    """`os.scandir` in the opposite order of names."""

    def __init__(self, entries: list[os.DirEntry[str]]) -> None:
        self._rest = iter(sorted(entries, key=lambda entry: entry.name, reverse=True))

    def __iter__(self) -> _Backwards:
        return self

    def __next__(self) -> os.DirEntry[str]:
        return next(self._rest)

    def __enter__(self) -> _Backwards:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def close(self) -> None:
        return None


def _turn_listings_round(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All listings of folders, those of `os.walk` too, turn round; returns what was listed."""
    seen: list[str] = []
    names, entries = os.listdir, os.scandir

    def listdir(path: Any = ".") -> list[Any]:
        seen.append(str(path))
        return sorted(names(path), reverse=True)

    def scandir(path: Any = ".") -> _Backwards:
        seen.append(str(path))
        with entries(path) as found:
            return _Backwards(list(found))

    monkeypatch.setattr(os, "listdir", listdir)
    monkeypatch.setattr(os, "scandir", scandir)
    return seen
