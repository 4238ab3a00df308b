"""The embedded sound corpus: the same samples in any order, and classes worth the name."""

from __future__ import annotations

import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from statistics import median

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from tsebench.core.errors import AudioError, ConfigError
from tsebench.datasets.corpora.synthetic_sounds import (
    BACKGROUND_LABEL,
    NEW_CLASSES,
    SEEN_CLASSES,
    SyntheticSounds,
    finish,
)
from tsebench.datasets.protocols.corpus import CORPORA, Samples

EVENTS = SEEN_CLASSES + NEW_CLASSES
RATE_HZ = 16_000


@lru_cache(maxsize=1)
def small() -> SyntheticSounds:
    return SyntheticSounds(train=12, valid=1, test=6)


@lru_cache(maxsize=1)
def sounds() -> dict[str, Samples]:
    return {r.path: small().read(r.path)[0] for r in small().recordings()}


def of(label: str, split: str = "") -> list[Samples]:
    return [x for path, x in sounds().items() if path.startswith(f"{label}/{split}")]


def power(samples: Samples) -> NDArray[np.float64]:
    """Mean power of frames of 10 ms."""
    whole = samples[: len(samples) // 160 * 160].astype(np.float64)
    return np.asarray((whole.reshape(-1, 160) ** 2).mean(axis=1))


def spectrum(samples: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    frequency_hz, density = signal.welch(samples.astype(np.float64), RATE_HZ, nperseg=1024)
    return frequency_hz, density


def centroid_hz(samples: Samples) -> float:
    frequency_hz, density = spectrum(samples)
    return float((frequency_hz * density).sum() / density.sum())


def statistics(samples: Samples) -> NDArray[np.float64]:
    """Mean, deviation and mean step of 32 mel-spaced band levels in dB re the mean."""
    frequency_hz, _, bins = signal.stft(samples.astype(np.float64), RATE_HZ, nperseg=512)
    top_mel = 2595.0 * np.log10(1.0 + 7600.0 / 700.0)
    edges_hz = 700.0 * (10.0 ** (np.linspace(0.0, top_mel, 33) / 2595.0) - 1.0)
    rows = np.clip(np.searchsorted(edges_hz, frequency_hz) - 1, 0, 31)
    bands = np.zeros((32, bins.shape[1]))
    np.add.at(bands, rows, np.abs(bins) ** 2)
    level_db = 10.0 * np.log10(bands / bands.sum(axis=0).mean() + 1e-8)
    step_db = np.abs(np.diff(level_db, axis=1)).mean(axis=1)
    return np.concatenate([level_db.mean(axis=1), level_db.std(axis=1), step_db])


def test_the_registry_makes_it() -> None:
    corpus = CORPORA.get("synthetic_sounds")(train=1, valid=0, test=0)
    assert len(corpus.recordings()) == len(EVENTS) + 1
    assert (corpus.name, corpus.version, corpus.licence) == ("synthetic_sounds", "1", "CC0-1.0")


def test_the_class_lists_are_disjoint_and_cover_the_labels() -> None:
    assert len(SEEN_CLASSES) == 16
    assert len(NEW_CLASSES) == 4
    assert len({*EVENTS, BACKGROUND_LABEL}) == 21
    assert {r.label for r in small().recordings()} == {*EVENTS, BACKGROUND_LABEL}


def test_recordings_are_sorted_and_complete() -> None:
    recordings = SyntheticSounds().recordings()
    paths = [r.path for r in recordings]
    assert paths == sorted(paths)
    assert len(set(paths)) == len(paths) == 21 * 60
    assert all(r.group == r.path == f"{r.label}/{r.split}-{r.path[-8:]}" for r in recordings)
    assert sum(r.split == "train" for r in recordings) == 21 * 40


def test_lengths_vary_between_the_promised_bounds() -> None:
    recordings = SyntheticSounds().recordings()
    for label in EVENTS:
        lengths_s = [r.frames / RATE_HZ for r in recordings if r.label == label]
        assert 1.5 <= min(lengths_s) < 2.5
        assert 4.5 < max(lengths_s) <= 6.0
    assert {r.frames for r in recordings if r.label == BACKGROUND_LABEL} == {160_000}


def test_samples_are_sound() -> None:
    for recording in small().recordings():
        x = sounds()[recording.path]
        assert x.dtype == np.float32
        assert x.shape == (recording.frames,)
        assert np.isfinite(x).all()
        assert 0.49 < np.abs(x).max() <= 0.9 + 1e-6
        assert np.sqrt((x.astype(np.float64) ** 2).mean()) > 0.01
        assert abs(x.mean(dtype=np.float64)) < 1e-7
        assert abs(x[0]) < 1e-6
        assert abs(x[-1]) < 1e-6
        # 5 ms of raised cosine lets no more than 1 % of the peak through in the first 5 samples.
        assert np.abs(x[:5]).max() < 0.01
        assert np.abs(x[-5:]).max() < 0.01


def test_events_are_active_and_lie_in_the_band() -> None:
    for label in EVENTS:
        for x in of(label):
            assert (power(x) > (0.01 * np.abs(x).max()) ** 2).mean() >= 0.2, label
        low = [density[f < 3800.0].sum() / density.sum() for f, density in map(spectrum, of(label))]
        assert median(low) > 0.6, label


def test_the_background_is_steady() -> None:
    for x in of(BACKGROUND_LABEL):
        level_db = 10.0 * np.log10(power(x).reshape(-1, 100).mean(axis=1)[1:-1])
        assert np.ptp(level_db) < 4.0


def test_the_same_samples_in_any_order_and_from_threads() -> None:
    paths = list(sounds())[::7]
    fresh = SyntheticSounds(train=12, valid=1, test=6)
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda path: fresh.read(path)[0], paths[::-1] * 2))
    for path, x in zip(paths[::-1] * 2, read, strict=True):
        np.testing.assert_array_equal(x, sounds()[path])


def test_counts_and_name_do_not_change_a_recording() -> None:
    path = "crow/train-0003.wav"
    other = SyntheticSounds(name="mine", train=4, valid=0, test=0)
    np.testing.assert_array_equal(other.read(path)[0], sounds()[path])
    assert other.digest(path) == small().digest(path)
    assert other.name == "mine"


def test_a_pickled_corpus_reads_the_same() -> None:
    copy = pickle.loads(pickle.dumps(small()))
    path = "wind/test-0001.wav"
    np.testing.assert_array_equal(copy.read(path)[0], sounds()[path])


def test_other_seeds_and_other_paths_are_other_sounds() -> None:
    heads = {x[1000:17000].tobytes() for x in sounds().values()}
    assert len(heads) == len(sounds())
    path = "bell/test-0000.wav"
    other = SyntheticSounds(seed=1)
    assert other.digest(path) != small().digest(path)
    assert other.read(path, 1000, 16000)[0].tobytes() not in heads


def test_no_recording_of_one_split_is_a_copy_of_another() -> None:
    """The greatest normalised cross-correlation of steady noise with unrelated noise is small."""
    for label in ("rain", "wind", "sawing"):
        x, y = (of(label, split)[0][:24_000].astype(np.float64) for split in ("train", "test"))
        cross = signal.correlate(x, y, method="fft")
        assert np.abs(cross).max() < 0.5 * np.sqrt((x**2).sum() * (y**2).sum())


def test_the_digest_is_of_corpus_version_seed_and_path() -> None:
    path = "bell/train-0000.wav"
    expected = hashlib.sha256(f'["synthetic_sounds", "1", 7, "{path}"]'.encode()).hexdigest()
    assert SyntheticSounds(seed=7).digest(path) == expected


@pytest.mark.parametrize(("start", "frames"), [(0, 1), (123, 4567), (20_000, None)])
def test_a_stretch_is_a_slice(start: int, frames: int | None) -> None:
    path = "siren/test-0002.wav"
    part, rate_hz = small().read(path, start, frames)
    stop = None if frames is None else start + frames
    np.testing.assert_array_equal(part, sounds()[path][start:stop])
    assert rate_hz == RATE_HZ


def test_what_is_read_may_be_changed_without_harm() -> None:
    path = "flute/test-0000.wav"
    small().read(path)[0][:] = 0.0
    np.testing.assert_array_equal(small().read(path)[0], sounds()[path])


@pytest.mark.parametrize(("start", "frames"), [(-1, 10), (0, 0), (5, -5), (0, 10**6), (10**6, None)])
def test_a_stretch_outside_is_refused(start: int, frames: int | None) -> None:
    with pytest.raises(AudioError, match=r"'knock/test-0000.wav' .* has \d+ frames, but frames"):
        small().read("knock/test-0000.wav", start, frames)


@pytest.mark.parametrize("path", ["belll/train-0000.wav", "bell/train-0012.wav", "bell/dev-0000.wav", "../x", ""])
def test_an_unknown_path_is_refused(path: str) -> None:
    with pytest.raises(AudioError, match=r"has no recording .* train = 12, valid = 1, test = 6"):
        small().read(path)
    with pytest.raises(AudioError, match="has no recording"):
        small().digest(path)


def test_an_unknown_label_suggests_the_nearest() -> None:
    with pytest.raises(AudioError, match="did you mean 'engine'"):
        small().read("engin/train-0000.wav")


@pytest.mark.parametrize("counts", [(-1, 1, 1), (0, 0, 0)])
def test_bad_counts_are_refused(counts: tuple[int, int, int]) -> None:
    train, valid, test = counts
    with pytest.raises(ConfigError, match=f"train = {train}"):
        SyntheticSounds(train=train, valid=valid, test=test)


def test_finish_takes_out_an_offset_and_fades() -> None:
    """A constant has nothing but its offset; a ramp keeps its odd shape."""
    ramp = np.linspace(0.0, 1.0, 8001)
    x = finish(ramp + 5.0, np.random.default_rng(0))
    y = finish(ramp, np.random.default_rng(0))
    np.testing.assert_allclose(x, y, atol=1e-5)
    np.testing.assert_allclose(x, -x[::-1], atol=1e-5)
    assert x[0] == 0.0


def test_recordings_of_a_class_differ_from_each_other() -> None:
    """The spectral centroid spreads by 5 % at least in every class."""
    for label in EVENTS:
        centroids = np.array([centroid_hz(x) for x in of(label)])
        assert centroids.std() / centroids.mean() > 0.05, label


@pytest.mark.parametrize(("classes", "least"), [(SEEN_CLASSES, 0.85), (EVENTS, 0.85)])
def test_the_nearest_centroid_tells_the_classes_apart(classes: tuple[str, ...], least: float) -> None:
    """Trained on split "train", asked about split "test"; chance is 1 in 16 or 1 in 20."""
    train = np.array([[statistics(x) for x in of(label, "train")] for label in classes])
    test = np.array([[statistics(x) for x in of(label, "test")] for label in classes])
    mean, deviation = train.mean(axis=(0, 1)), train.std(axis=(0, 1)) + 1e-9
    centres = ((train - mean) / deviation).mean(axis=1)
    distance = (((test - mean) / deviation)[:, :, None] - centres) ** 2
    guess = distance.sum(axis=-1).argmin(axis=-1)
    right = guess == np.arange(len(classes))[:, None]
    assert right.mean() >= least
    assert right.mean(axis=1).min() >= 0.5
