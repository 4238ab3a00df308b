"""Sets of synthetic sounds and speech, and the scripted system; tests take them by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.scripted import SOUNDS, SPEECH, Scripted, keep_code

from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.manifest import fingerprint, read_manifest, write_manifest
from tsebench.systems.registry import SYSTEMS


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    """Registers the fake as `scripted`."""
    monkeypatch.setitem(SYSTEMS._entries, "scripted", Scripted)
    monkeypatch.setattr(Scripted, "batches", [])
    monkeypatch.setattr(Scripted, "broken", False)
    monkeypatch.setattr(Scripted, "stop_after", None)
    return Scripted


@pytest.fixture
def code_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_code(monkeypatch)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("TSEBENCH_CACHE", str(cache))
    monkeypatch.setenv("TSEBENCH_CORPORA", "")
    return cache


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 trials of 1 s."""
    folder = tmp_path_factory.mktemp("sets") / "sounds"
    build(DatasetConfig.model_validate(SOUNDS), folder, corpus_dirs={})
    return folder


@pytest.fixture(scope="session")
def ragged(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with mixtures of four lengths."""
    manifest = read_manifest(sounds)
    mixtures = [replace(mixture, num_samples=8000 - 613 * number) for number, mixture in enumerate(manifest.mixtures)]
    cut = replace(manifest, mixtures=mixtures, card=replace(manifest.card, name="ragged"))
    cut = replace(cut, card=replace(cut.card, fingerprint=fingerprint(cut)))
    folder = tmp_path_factory.mktemp("sets") / "ragged"
    write_manifest(folder, cut)
    return folder


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 trials of different lengths, with enrollments."""
    folder = tmp_path_factory.mktemp("sets") / "speech"
    dataset = build(DatasetConfig.model_validate(SPEECH), folder, corpus_dirs={})
    assert len({mixture.num_samples for mixture in dataset.mixtures.values()}) == 3
    return folder
