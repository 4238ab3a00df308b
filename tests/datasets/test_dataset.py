"""Open datasets and streams: what a system sees, and what it is judged by."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from tsebench.core.errors import AudioError, ConfigError, CorpusError, DatasetError
from tsebench.datasets.build import build
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.checks.finding import Finding
from tsebench.datasets.config import DatasetConfig, load_dataset_configs
from tsebench.datasets.dataset import Dataset, load_dataset
from tsebench.datasets.dynamic import UNBOUNDED, open_stream
from tsebench.datasets.types import ClueSpec, Trial

RATE = 8000


def _small(name: str, **params: Any) -> DatasetConfig:
    config = load_dataset_configs(name)[0]
    shorter = {"count": 6} if "speech" in name else {"count": 10, "duration_s": 2.0}
    if "sound" in name:
        shorter["event_s"] = [0.8, 1.5]
    return config.model_copy(update={"params": {**config.params, **shorter, **params}})


@cache
def _dataset(name: str, folder: Path) -> Dataset:
    build(_small(name), folder, corpus_dirs={})
    return load_dataset(folder)


@pytest.fixture(params=["mini_sounds", "mini_speech"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return _dataset(request.param, tmp_path_factory.getbasetemp() / f"set-{request.param}")


@pytest.fixture
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return _dataset("mini_sounds", tmp_path_factory.getbasetemp() / "set-mini_sounds")


def test_shapes_types_and_rates(dataset: Dataset) -> None:
    assert len(dataset) == len(dataset.trials) == dataset.card.counts["trials"]
    for index, trial in enumerate(dataset.trials):
        query, truth = dataset[index]
        length = dataset.length(index)
        assert query.id == trial.id
        assert query.sample_rate_hz == RATE
        assert query.mixture.shape == (1, length)
        sources = len(dataset.mixtures[trial.mixture_id].sources)
        assert truth.interferers.shape == (sources - len(trial.target_ids), length)
        tensors = [query.mixture, truth.interferers, *query.clues.enrollments]
        assert (truth.target is None) == (trial.target_ids == ())
        if truth.target is not None:
            assert truth.target.shape == (1, length)
            assert truth.target.abs().max() > 0
            tensors.append(truth.target)
        for tensor in tensors:
            assert tensor.dtype == torch.float32
            assert torch.isfinite(tensor).all()
        assert all(e.ndim == 1 and len(e) > 0 for e in query.clues.enrollments)
        assert len(query.clues.enrollments) == len(trial.clue.enrollments)
        assert query.clues.classes == trial.clue.classes


def test_the_mixture_is_target_plus_interferers(dataset: Dataset) -> None:
    for index in range(len(dataset)):
        query, truth = dataset[index]
        total = truth.interferers.sum(dim=0)
        if truth.target is not None:
            total = total + truth.target[0]
        torch.testing.assert_close(query.mixture[0], total, atol=1e-6, rtol=0)


def test_the_trials_of_a_mixture_share_it(sounds: Dataset) -> None:
    for index in range(0, 40, 4):
        mixtures = [sounds[index + n][0].mixture for n in range(4)]
        assert all(torch.equal(mixtures[0], other) for other in mixtures[1:])


def _copy(dataset: Dataset) -> Dataset:
    return Dataset(dataset.manifest, dataset.corpora)


def test_any_order_and_threads_give_the_same(sounds: Dataset) -> None:
    fresh = _copy(sounds)
    order = np.random.default_rng(0).permutation(len(sounds))
    with ThreadPoolExecutor(4) as pool:
        made = dict(zip(order, pool.map(lambda i: fresh[int(i)], order), strict=True))
    for index in range(len(sounds)):
        query, truth = sounds[index]
        other_query, other_truth = made[index]
        assert torch.equal(query.mixture, other_query.mixture)
        assert torch.equal(truth.interferers, other_truth.interferers)
        for one, other in zip(query.clues.enrollments, other_query.clues.enrollments, strict=True):
            assert torch.equal(one, other)


def test_what_a_system_changes_does_not_reach_the_next_one(sounds: Dataset) -> None:
    kept = sounds[0][0].mixture.clone()
    query, truth = sounds[0]
    query.mixture.zero_()
    truth.interferers.zero_()
    for enrollment in query.clues.enrollments:
        enrollment.zero_()
    assert torch.equal(sounds[0][0].mixture, kept)
    assert all(enrollment.any() for enrollment in sounds[0][0].clues.enrollments)


def test_a_query_does_not_tell_the_active_class(tmp_path: Path) -> None:
    """The place of the active class, and of the condition in the id, vary as they must."""
    config = _small("mini_sounds", count=120, conditions=["1:3", "0:4"], duration_s=1.6)
    opened = build(config, tmp_path / "set", corpus_dirs={})
    places: Counter[int] = Counter()
    suffixes: Counter[tuple[str, str]] = Counter()
    for trial in opened.trials:
        mixture = opened.mixtures[trial.mixture_id]
        labels = {source.id: source.label for source in mixture.sources}
        assert list(trial.clue.classes) == sorted(trial.clue.classes)
        assert len(trial.clue.enrollments) == len(trial.clue.classes) == 4
        for clip, label in zip(trial.clue.enrollments, trial.clue.classes, strict=True):
            assert clip.path.startswith(f"{label}/")
        assert not any(label in trial.id for label in labels.values())
        suffixes[trial.condition.kind, trial.id[-2:]] += 1
        if trial.target_ids:
            places[trial.clue.classes.index(labels[trial.target_ids[0]])] += 1
    assert min(places[place] for place in range(4)) > 15  # 30 expected, deviation 4.7
    assert min(suffixes[kind, end] for kind in ("PMQ", "FUQ") for end in ("q0", "q1")) > 35
    seen = {field.name for field in fields(opened[0][0])}
    # The seed is a hash of the id, and the reference channel is that of all trials of a set.
    assert seen == {"id", "mixture", "reference_channel", "sample_rate_hz", "clues", "seed"}


def test_truth_names_the_events_of_the_mixture(sounds: Dataset) -> None:
    for index, trial in enumerate(sounds.trials):
        active = sounds[index][1].active_classes
        sources = sounds.mixtures[trial.mixture_id].sources
        assert active == tuple(s.label for s in sources if s.role == "foreground")
        assert "background" not in active
        assert set(active) <= set(sounds.card.vocabulary)


def test_speech_carries_the_words_of_the_target(tmp_path: Path) -> None:
    opened = build(_small("mini_speech", count=2), tmp_path / "set", corpus_dirs={})
    said = {r.path: r.transcript for r in opened.corpora["speech"].recordings()}
    for index, trial in enumerate(opened.trials):
        clips = {s.id: s.clip for s in opened.mixtures[trial.mixture_id].sources}
        assert opened[index][1].transcript == said[clips[trial.target_ids[0]].path]


def test_an_index_beyond_the_end(sounds: Dataset) -> None:
    with pytest.raises(IndexError):
        sounds[len(sounds)]
    assert sounds[-1][0].id == sounds.trials[-1].id


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, DatasetConfig]:
    """A folder corpus, and the config of a set over it."""
    for label in ("bell", "rain", "wind"):
        for n in range(3):
            (tmp_path / "corpus" / label).mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng([n, len(label)]).uniform(-0.3, 0.3, RATE)
            path = tmp_path / "corpus" / label / f"{n}.wav"
            soundfile.write(str(path), noise.astype(np.float32), RATE)
    config = DatasetConfig.model_validate(
        {
            "name": "tiny",
            "builder": "sound_mix",
            "corpora": {"x": {"kind": "folder"}},
            "params": {
                "events": {"corpus": "x"},
                "count": 4,
                "sample_rate_hz": RATE,
                "duration_s": 1.0,
                "n_classes": [2, 2],
                "event_s": [0.4, 0.8],
                "clues": ["classes", "enrollment"],
            },
        }
    )
    return tmp_path / "corpus", config


def test_the_folder_of_a_corpus_is_asked_for(tmp_path: Path, recorded: tuple[Path, DatasetConfig]) -> None:
    corpus, config = recorded
    build(config, tmp_path / "set", corpus_dirs={"x": corpus})
    with pytest.raises(CorpusError, match=r"corpus 'x' \(folder\) needs its folder: add --corpus"):
        load_dataset(tmp_path / "set")


@pytest.mark.parametrize("harm", ["other bytes", "removed"])
def test_recordings_that_are_not_those_of_the_manifest_are_refused(
    tmp_path: Path, recorded: tuple[Path, DatasetConfig], harm: str
) -> None:
    corpus, config = recorded
    built = build(config, tmp_path / "set", corpus_dirs={"x": corpus})
    first = built.mixtures[built.trials[0].mixture_id].sources[0].clip.path
    opened = load_dataset(tmp_path / "set", corpus_dirs={"x": corpus})
    if harm == "removed":
        (corpus / first).unlink()
    else:
        louder = soundfile.read(str(corpus / first), dtype="float32")[0] * np.float32(1.01)
        soundfile.write(str(corpus / first), louder, RATE)
    with pytest.raises(AudioError, match=rf"{first}'"):
        opened[0]
    checks = {finding.check: finding for finding in validate(opened)}
    assert not checks["recordings"].ok
    assert first in checks["recordings"].detail
    assert not checks["rendering"].ok
    assert checks["enrollment leak"].ok


def _checks(dataset: Dataset, changed: Trial) -> dict[str, Finding]:
    trials = [changed, *dataset.trials[1:]]
    altered = Dataset(replace(dataset.manifest, trials=trials), dataset.corpora)
    return {finding.check: finding for finding in validate(altered)}


def test_validation_finds_nothing_in_a_fresh_set(dataset: Dataset) -> None:
    found = validate(dataset)
    assert all(finding.verdict == "ok" for finding in found)
    assert all(finding.looked_at == finding.of for finding in found if finding.check != "corpora")
    counts = dataset.card.counts
    looked_at = {finding.check: finding.looked_at for finding in found}
    assert looked_at["recordings"] == counts["files"]
    assert looked_at["rendering"] == counts["mixtures"]
    assert looked_at["enrollment leak"] == looked_at["query conditions"] == counts["trials"]


def test_validation_finds_a_leak_and_a_wrong_condition(sounds: Dataset) -> None:
    trial = sounds.trials[0]
    mixture = sounds.mixtures[trial.mixture_id]
    leaking = replace(trial, clue=replace(trial.clue, enrollments=(mixture.sources[1].clip,)))
    found = _checks(sounds, leaking)["enrollment leak"]
    assert not found.ok
    assert "is in its own mixture" in found.detail
    wrong = replace(trial, clue=ClueSpec(classes=tuple(s.label for s in mixture.sources)))
    found = _checks(sounds, wrong)["query conditions"]
    assert not found.ok
    assert "does not fit its classes" in found.detail


def _stream(split: str = "train", seed: int = 0, **overrides: Any) -> Any:
    return open_stream(
        "mini_sounds",
        split=split,
        seed=seed,
        corpus_dirs={},
        overrides={"clues": ["classes"], "duration_s": 1.6, "event_s": [0.8, 1.5], **overrides},
    )


def test_a_stream_gives_the_same_item_in_any_order_and_from_threads() -> None:
    first, second = _stream(), _stream()
    indices = [7, 0, 3, 10**8, 0, 7]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(first.__getitem__, indices))
    for index, (query, truth) in zip(indices, made, strict=True):
        other, other_truth = second[index]
        assert query.id == other.id
        assert torch.equal(query.mixture, other.mixture)
        assert torch.equal(truth.target, other_truth.target)
        total = truth.target[0] + truth.interferers.sum(0)
        torch.testing.assert_close(query.mixture[0], total, atol=1e-6, rtol=0)


def test_streams_of_other_seeds_splits_and_indices_differ() -> None:
    mixtures = [
        stream[index][0].mixture for stream in (_stream(), _stream(seed=1), _stream(split="valid")) for index in (0, 1)
    ]
    assert all(not torch.equal(mixtures[m], mixtures[n]) for m in range(6) for n in range(m))
    fingerprints = {s.fingerprint for s in (_stream(), _stream(seed=1), _stream(split="valid"))}
    assert len(fingerprints) == 3
    assert _stream().fingerprint == _stream().fingerprint


def test_a_stream_asks_all_conditions() -> None:
    stream = _stream(conditions=["1:0", "0:1"])
    absent = [stream[index][1].target is None for index in range(30)]
    assert 5 < sum(absent) < 25


@pytest.mark.parametrize("index", [-1, UNBOUNDED])
def test_a_stream_ends(index: int) -> None:
    stream = _stream()
    assert len(stream) == UNBOUNDED
    assert stream.sample_rate_hz == RATE
    assert stream.classes == tuple(sorted(stream.classes))
    with pytest.raises(IndexError, match="must lie within 0 and"):
        stream[index]


def test_a_stream_that_cannot_ask_anything_says_so(tmp_path: Path, recorded: tuple[Path, DatasetConfig]) -> None:
    """Not a loop without end."""
    corpus, config = recorded
    for path in corpus.glob("*/*.wav"):
        soundfile.write(str(path), np.zeros(RATE, dtype=np.float32), RATE)
    file = tmp_path / "tiny.yaml"
    file.write_text(config.model_dump_json())  # JSON is YAML
    stream = open_stream(str(file), split="test", seed=0, corpus_dirs={"x": corpus})
    with pytest.raises(DatasetError, match="100 mixtures in a row have no audible target"):
        stream[0]
    with pytest.raises(DatasetError, match="dataset 'tiny' has no trial"):
        build(config, tmp_path / "set", corpus_dirs={"x": corpus})


def test_a_collection_is_no_stream() -> None:
    with pytest.raises(ConfigError, match="collection of the datasets mini_speech, mini_sounds;"):
        open_stream("mini", split="train", seed=0, corpus_dirs={})
    with pytest.raises(ConfigError, match="unknown key 'conditionz'"):
        _stream(conditionz=[])
