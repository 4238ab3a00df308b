"""Synthetic talking mouths: they move with the sound, and are the same on every run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tsebench.core.errors import AudioError, ConfigError
from tsebench.datasets.corpora.synthesis import espeak, mouth_shapes
from tsebench.datasets.corpora.synthesis.matrix_sentences import SLOTS
from tsebench.datasets.corpora.synthesis.mouth_pictures import Motion, draw_face, draw_pictures
from tsebench.datasets.corpora.synthesis.mouth_shapes import REST, track
from tsebench.datasets.corpora.synthesis.voice_corpus import SPEAKERS, audible_span, voice_of
from tsebench.datasets.corpora.synthetic_av import SyntheticAv
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.protocols.corpus import VideoCorpus
from tsebench.datasets.seeding import generator

RATE, FPS = 22050, 25
PER_PICTURE = RATE // FPS
PATHS = [f"{speaker}/test-{k:04d}.wav" for speaker in SPEAKERS["test"] for k in range(2)]
HASHES = """
import hashlib, json, sys
from tsebench.datasets.corpora.synthetic_av import SyntheticAv
corpus = SyntheticAv()
json.dump([[hashlib.sha256(corpus.read_video(p)[0].tobytes()).hexdigest(), corpus.digest(p)]
           for p in sys.argv[1:]], sys.stdout)
"""


@cache
def _corpus() -> SyntheticAv:
    return SyntheticAv()


def _envelope_db(path: str) -> NDArray[np.float64]:
    """Level of the sound in each whole picture."""
    samples, _ = _corpus().read(path)
    count = len(samples) // PER_PICTURE
    power = np.square(samples[: count * PER_PICTURE], dtype=np.float64)
    return 10 * np.log10(power.reshape(count, PER_PICTURE).mean(axis=1) + 1e-6)


def _correlation(late: NDArray[np.float64], early: NDArray[np.float64], lag: int) -> float:
    """Correlation of two series when the first is taken `lag` steps later."""
    if lag < 0:
        return _correlation(early, late, -lag)
    return float(np.corrcoef(late[lag:], early[: len(early) - lag])[0, 1])


def test_it_is_a_corpus_with_videos() -> None:
    assert isinstance(_corpus(), VideoCorpus)
    assert not isinstance(SyntheticSpeech(), VideoCorpus)


def test_pictures_last_as_long_as_the_sound() -> None:
    for path in PATHS[::5]:
        samples, rate = _corpus().read(path)
        known = _corpus().video_info(_corpus().video_path(path))
        assert known.fps == FPS
        assert known.frames == -(-len(samples) * FPS // rate)
        pictures, fps = _corpus().read_video(path)
        assert (pictures.shape, pictures.dtype, fps) == ((known.frames, 64, 64), np.uint8, FPS)
        assert 4.0 < len(samples) / rate < 8.0


def test_a_stretch_is_a_slice() -> None:
    whole, _ = _corpus().read_video(PATHS[0])
    np.testing.assert_array_equal(_corpus().read_video(PATHS[0], 30, 41)[0], whole[30:71])
    np.testing.assert_array_equal(_corpus().read_video(PATHS[0], 80)[0], whole[80:])


def test_the_mouth_opens_with_the_sound() -> None:
    """Highest at lag 0 in every recording, and far lower when 200 ms off in either direction."""
    for path in PATHS:
        level_db = _envelope_db(path)
        opening = _corpus().shapes(path)[: len(level_db), 0]
        by_lag = {lag: _correlation(opening, level_db, lag) for lag in range(-8, 9)}
        assert max(by_lag, key=lambda lag: by_lag[lag]) == 0, (path, by_lag)
        assert by_lag[0] > 0.35
        assert by_lag[0] - max(by_lag[-5], by_lag[5]) > 0.35


def test_the_pictures_show_it() -> None:
    """The middle of the pictures changes with the sound, in spite of the motion of the head."""
    by_lag = np.zeros(17)
    for path in PATHS:
        level_db = _envelope_db(path)
        pictures, _ = _corpus().read_video(path, 0, len(level_db))
        contrast = pictures[:, 20:50, 12:52].astype(np.float64).std(axis=(1, 2))
        by_lag += [_correlation(contrast, level_db, lag) / len(PATHS) for lag in range(-8, 9)]
    assert int(by_lag.argmax()) == 8
    assert by_lag[8] > 0.3
    assert by_lag[[3, 13]].max() < 0.1


def test_lips_close_and_open_with_the_phonemes() -> None:
    """Against the events of the synthesiser, within one picture."""
    closed, apart, rounded = [], [], []
    for path in PATHS:
        said = _corpus()._spoken(path)
        shapes = _corpus().shapes(path)
        ends = [*(p.start for p in said.speech.phonemes[1:]), said.stop]
        for phoneme, end in zip(said.speech.phonemes, ends, strict=True):
            middle = ((phoneme.start + end) / 2 - said.start) / PER_PICTURE
            near = shapes[max(0, int(middle) - 1) : int(middle) + 2]
            if phoneme.name in {"p", "b", "m"}:
                closed.append(near[:, 0].min())
            elif phoneme.name in {"'a", "'aa", "'0"}:
                apart.append(near[:, 0].max())
            elif phoneme.name in {"'u:", "w"}:
                rounded.append(near[:, 2].max())
    assert min(len(closed), len(apart), len(rounded)) > 10
    assert np.mean(closed) < 0.12
    assert np.mean(apart) > 0.75
    assert np.mean(rounded) > 0.7


def test_lips_are_where_the_sound_is_and_not_one_picture_later() -> None:
    """Vowels that are between silences: the opening is centred on the vowel."""
    phonemes = [("_:", 0), ("'aa", RATE), ("_:", 2 * RATE)]
    events = [espeak.Phoneme(name=name, start=start) for name, start in phonemes]
    shapes = track(events, start=0, stop=3 * RATE, fps=100.0)
    opening = shapes[:, 0]
    centre_s = float((opening * (np.arange(300) + 0.5)).sum() / opening.sum() / 100)
    assert centre_s == pytest.approx(1.48, abs=0.01)  # 20 ms ahead
    half = np.flatnonzero(opening > 0.5 * opening.max()) / 100
    assert 0.8 < half[-1] - half[0] < 1.2
    np.testing.assert_allclose(shapes[[0, -1]], [REST, REST], atol=1e-3)


def test_every_phoneme_of_every_word_has_a_shape() -> None:
    words = " ".join(word for _, slot in SLOTS for word in slot).lower()
    for speaker in ("f1_p50_r150", "m5_p50_r140", "klatt6_p35_r160"):
        said = espeak.speak(words, voice=voice_of(speaker), seed=1)
        names = {p.name.strip(mouth_shapes._STRESSES) for p in said.phonemes}
        unknown = names - {*mouth_shapes._VISEME, *mouth_shapes._GLIDES}
        assert not unknown
        assert len({p.name for p in said.phonemes}) > 40


def test_phonemes_are_in_order_and_fricatives_are_where_they_are_said() -> None:
    """A sibilant has far more energy above 5 kHz than what is said otherwise."""
    for speaker in SPEAKERS["test"]:
        said = espeak.speak("sarah sells six black baskets", voice=voice_of(speaker), seed=1)
        starts = [p.start for p in said.phonemes]
        assert starts == sorted(starts)
        ends = [*starts[1:], len(said.codes)]
        high = np.fft.rfftfreq(1024, 1 / RATE) > 5000
        frames = np.lib.stride_tricks.sliding_window_view(said.codes.astype(float), 1024)[::64]
        power = (np.abs(np.fft.rfft(frames * np.hanning(1024))) ** 2)[:, high].sum(axis=1)
        inside = np.zeros(len(power), dtype=bool)
        for phoneme, start, end in zip(said.phonemes, starts, ends, strict=True):
            if phoneme.name in {"s", "z"}:
                inside[max(0, (start - 512) // 64) : (end - 512) // 64] = True
        assert power[inside].mean() > 8 * power[~inside].mean(), speaker


def test_opening_the_mouth_shows_more_and_more_of_its_inside() -> None:
    still = Motion(x=np.zeros(6), y=np.zeros(6), angle=np.zeros(6), scale=np.ones(6))
    opening = np.linspace(0.0, 1.0, 6)
    shapes = np.column_stack([opening, np.full(6, 0.5), np.zeros(6), np.zeros(6)])
    for speaker in range(5):
        face = draw_face(generator("face", speaker))
        pictures = draw_pictures(face, shapes, still, np.zeros((6, 64, 64), np.int8))
        dark = (pictures < 0.25 * 255).sum(axis=(1, 2))
        assert (np.diff(dark) > 0).all(), dark
        assert dark[-1] > 100


def test_edges_are_anti_aliased() -> None:
    """A smaller picture is nearer to the average of a larger one than single pixels of it are."""
    still = Motion(x=np.zeros(1), y=np.zeros(1), angle=np.zeros(1), scale=np.ones(1))
    shapes = np.array([[0.8, 0.5, 0.0, 0.5]])
    face = draw_face(generator("face"))
    small = draw_pictures(face, shapes, still, np.zeros((1, 48, 48), np.int8))[0].astype(float)
    large = draw_pictures(face, shapes, still, np.zeros((1, 240, 240), np.int8))[0].astype(float)
    blocks = large.reshape(48, 5, 48, 5)
    mean = blocks.mean(axis=(1, 3))
    averaged, picked = (np.square(x - mean).mean() for x in (small, blocks[:, 2, :, 2]))
    assert averaged < 0.7 * picked
    assert np.abs(small - mean).mean() < 1.5


def test_speakers_have_faces_of_their_own() -> None:
    """The mean picture of a speaker is nearer to the speaker's other one than to any other's."""
    means = np.stack([_corpus().read_video(path, 0, 75)[0].mean(axis=0) for path in PATHS])
    distance = np.abs(means[:, None] - means[None]).mean(axis=(2, 3))
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    assert [place // 2 for place in nearest] == [place // 2 for place in range(len(PATHS))]


def test_pictures_are_the_same_in_a_fresh_process() -> None:
    paths = PATHS[:3]
    here = [[hashlib.sha256(_corpus().read_video(p)[0].tobytes()).hexdigest(), _corpus().digest(p)] for p in paths]
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "error", "-c", HASHES, *reversed(paths)]
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert json.loads(done.stdout) == here[::-1]


def test_what_is_said_is_in_the_transcript() -> None:
    recording = _corpus().recordings()[0]
    words = (recording.transcript or "").split()
    slots = [slot for _, slot in SLOTS] * 2
    assert len(words) == 12
    assert all(word in slot for word, slot in zip(words, slots, strict=True))


def test_seed_and_size_and_count() -> None:
    path = PATHS[0]
    small, other = SyntheticAv(size=48), SyntheticAv(seed=1)
    assert small.read_video(path, 0, 3)[0].shape == (3, 48, 48)
    assert len({corpus.digest(path) for corpus in (_corpus(), small, other)}) == 3
    assert SyntheticAv(name="x", utterances=1).digest(path) == _corpus().digest(path)
    np.testing.assert_array_equal(small.read(path)[0], _corpus().read(path)[0])
    assert other.transcript(path) != _corpus().transcript(path)
    few = SyntheticAv(utterances=1)
    assert set(few.recordings()) < set(_corpus().recordings())
    start, stop = audible_span(_corpus()._spoken(path).speech.codes)
    assert stop - start == len(_corpus().read(path)[0])


@pytest.mark.parametrize(("option", "value"), [("size", 15), ("size", 257), ("utterances", 0)])
def test_options_out_of_range(option: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"{option} = {value}"):
        SyntheticAv(**{option: value})


@pytest.mark.parametrize(("start", "frames"), [(0, 10**4), (10**4, None), (-1, 3), (5, 0)])
def test_pictures_outside_the_recording(start: int, frames: int | None) -> None:
    with pytest.raises(AudioError, match=r"pictures, but pictures .* are asked for"):
        _corpus().read_video(PATHS[0], start, frames)


def test_unknown_paths() -> None:
    for ask in (_corpus().video_path, _corpus().video_info, _corpus().read_video):
        with pytest.raises(AudioError, match="has no recording 'unknown/test-0000"):
            ask("unknown/test-0000.wav")
