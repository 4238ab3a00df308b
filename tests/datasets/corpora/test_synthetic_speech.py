"""The synthetic speech corpus: the same samples whatever was said before, in words one can hear."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tsebench.core.errors import AudioError, ConfigError, CorpusError
from tsebench.datasets.corpora.synthesis import espeak
from tsebench.datasets.corpora.synthesis.matrix_sentences import SLOTS, sentence
from tsebench.datasets.corpora.synthesis.voice_corpus import SPEAKERS, audible_span
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.protocols.corpus import CORPORA, Samples
from tsebench.datasets.signals.audio import resample
from tsebench.datasets.signals.sample_cache import SampleCache

# One of each family of variants, breathy and rough ones among them.
PATHS = (
    "f1_p50_r150/test-0000.wav",
    "f2_p20_r160/test-0003.wav",
    "f5_p40_r160/valid-0001.wav",
    "m2_p20_r155/test-0002.wav",
    "klatt4_p30_r155/train-0004.wav",
    "m8_p60_r140/train-0000.wav",
)
HASHES = """
import hashlib, json, sys
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
corpus = SyntheticSpeech()
json.dump({p: [hashlib.sha256(corpus.read(p)[0].tobytes()).hexdigest(), corpus.digest(p)]
           for p in sys.argv[1:]}, sys.stdout)
"""


@pytest.fixture
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SyntheticSpeech, "cache", SampleCache(max_bytes=0))


def _hash(samples: Samples) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()


def _speaker_split() -> list[tuple[str, str]]:
    return [(speaker, split) for split, speakers in SPEAKERS.items() for speaker in speakers]


def test_is_registered() -> None:
    assert CORPORA.get("synthetic_speech") is SyntheticSpeech


@pytest.mark.usefixtures("_no_cache")
def test_samples_do_not_depend_on_what_was_said_before() -> None:
    corpus = SyntheticSpeech()
    alone = {path: _hash(corpus.read(path)[0]) for path in PATHS}
    shuffled = list(PATHS) * 3
    random.Random(0).shuffle(shuffled)
    assert all(_hash(corpus.read(path)[0]) == alone[path] for path in shuffled)


@pytest.mark.usefixtures("_no_cache")
def test_samples_are_the_same_from_many_threads() -> None:
    corpus = SyntheticSpeech()
    alone = {path: _hash(corpus.read(path)[0]) for path in PATHS}
    jobs = list(PATHS) * 8
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda path: _hash(corpus.read(path)[0]), jobs))
    assert read == [alone[path] for path in jobs]


@pytest.mark.parametrize("order", [PATHS, PATHS[::-1]], ids=["forward", "backward"])
def test_samples_are_the_same_in_a_fresh_process(order: tuple[str, ...]) -> None:
    corpus = SyntheticSpeech()
    here = {path: [_hash(corpus.read(path)[0]), corpus.digest(path)] for path in PATHS}
    # Dirty memory, another hash seed and another locale must not matter either.
    environment = os.environ | {"MALLOC_PERTURB_": "85", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HASHES, *order], capture_output=True, check=True, env=environment
    )
    assert json.loads(done.stdout) == here
    assert done.stderr == b""


def test_samples_are_the_same_in_worker_processes() -> None:
    corpus = SyntheticSpeech()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        read = list(pool.map(corpus.read, PATHS))
    assert [_hash(samples) for samples, _ in read] == [_hash(corpus.read(p)[0]) for p in PATHS]


def test_without_unloading_the_library_speech_would_depend_on_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reset is needed, and its failure is noticed."""
    held = espeak._load()
    voice = espeak.Voice(variant="m1", pitch=50, rate=150)
    try:
        espeak.speak("heavy tables", voice=voice, seed=1)
        with pytest.raises(CorpusError, match=r"another package of this process keeps .* loaded"):
            espeak.speak("heavy tables", voice=voice, seed=1)
    finally:
        espeak._unload(held)
    assert len(espeak.speak("heavy tables", voice=voice, seed=1).codes) > 10_000


def test_recordings_follow_the_contract() -> None:
    corpus = SyntheticSpeech(utterances=3)
    recordings = corpus.recordings()
    assert [r.path for r in recordings] == sorted(r.path for r in recordings)
    assert len(recordings) == 3 * 30
    for r in recordings:
        samples, rate = corpus.read(r.path)
        assert (samples.dtype, samples.shape, rate) == (np.float32, (r.frames,), 22050)
        assert r.sample_rate_hz == 22050
        assert 2.0 <= r.frames / rate <= 4.0
        assert r.path == f"{r.label}/{r.split}-{r.path[-8:-4]}.wav"
        assert r.group == r.path
    assert corpus.recordings() is recordings


def test_voices_of_the_splits_are_different() -> None:
    speakers = [speaker for speaker, _ in _speaker_split()]
    assert len(speakers) == len(set(speakers)) == 30
    assert len(SPEAKERS["test"]) == 8
    for (a, _), (b, _) in itertools.combinations(_speaker_split(), 2):
        variant_a, pitch_a, _ = a.split("_")
        variant_b, pitch_b, _ = b.split("_")
        assert variant_a != variant_b or abs(int(pitch_a[1:]) - int(pitch_b[1:])) >= 20, (a, b)


def test_level_and_silence_at_the_ends() -> None:
    corpus = SyntheticSpeech()
    for path in PATHS:
        samples, rate = corpus.read(path)
        assert 10 * np.log10(np.mean(samples.astype(np.float64) ** 2)) == pytest.approx(-26, abs=1e-4)
        peak = np.abs(samples).max()
        assert peak < 0.7
        loud = np.flatnonzero(np.abs(samples) > peak / 316)
        assert loud[0] <= 0.05 * rate + 1
        assert len(samples) - 1 - loud[-1] <= 0.05 * rate + 1


def test_trimming_keeps_all_within_50_db_of_the_peak() -> None:
    codes = np.zeros(9000, dtype=np.int16)
    codes[3000:5000] = -10_000
    codes[2500], codes[6000] = 40, -40  # 48 dB below the peak: speech
    codes[1000], codes[7500] = 30, -30  # 50.5 dB below: silence
    margin = 1102  # 50 ms
    assert audible_span(codes) == (2500 - margin, 6001 + margin)
    assert audible_span(codes[2000:6500]) == (0, 4500)


def test_test_speakers_sound_different() -> None:
    """Any two differ by 10 % in pitch or 2 dB in their long-term spectrum (or both)."""
    corpus = SyntheticSpeech()
    voices = {
        speaker: np.concatenate([corpus.read(f"{speaker}/test-{k:04d}.wav")[0] for k in range(3)])
        for speaker in SPEAKERS["test"]
    }
    pitch_hz = {speaker: _pitch_hz(samples) for speaker, samples in voices.items()}
    spectrum_db = {speaker: _spectrum_db(samples) for speaker, samples in voices.items()}
    assert all((hz < 140) == (speaker[0] in "mk") for speaker, hz in pitch_hz.items()), pitch_hz
    for a, b in itertools.combinations(voices, 2):
        octave = abs(np.log2(pitch_hz[a] / pitch_hz[b]))
        colour_db = float(np.sqrt(np.mean((spectrum_db[a] - spectrum_db[b]) ** 2)))
        assert octave > np.log2(1.1) or colour_db > 2.0, (a, b, octave, colour_db)


def _pitch_hz(samples: Samples, rate: int = 22050) -> float:
    """Median over voiced frames of the autocorrelation's first high peak."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), 1024)[::512]
    found = []
    for frame in frames[np.std(frames, axis=1) > 0.5 * samples.std()]:
        power = np.abs(np.fft.rfft(frame - frame.mean(), 2048)) ** 2
        lags = np.fft.irfft(power)[: rate // 60]
        best = rate // 400 + int(np.argmax(lags[rate // 400 :]))
        if lags[best] > 0.5 * lags[0]:
            found.append(rate / best)
    return float(np.median(found))


def _spectrum_db(samples: Samples, rate: int = 22050) -> np.ndarray:
    """Long-term spectrum in third-octave bands, mean removed."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::256] * np.hanning(512)
    power = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0)
    edges = np.round(np.geomspace(150, 9000, 18) * 512 / rate).astype(int)
    bands = [10 * np.log10(power[a : max(b, a + 1)].mean()) for a, b in itertools.pairwise(edges)]
    return np.array(bands) - np.mean(bands)


def test_sentences_fill_every_slot_evenly() -> None:
    assert all(len(words) == len(set(words)) == 10 for _, words in SLOTS)
    assert sentence(bytes(24)) == " ".join(words[0] for _, words in SLOTS)
    assert sentence((3).to_bytes(4, "big") + bytes(20)).startswith(SLOTS[0][1][3])
    corpus = SyntheticSpeech()
    transcripts = [r.transcript or "" for r in corpus.recordings()]
    assert len(set(transcripts)) == 360
    for (_, words), spoken in zip(SLOTS, zip(*(t.split() for t in transcripts), strict=True), strict=True):
        counts = np.array([spoken.count(word) for word in words])
        assert counts.sum() == 360
        # Chi-square with 9 degrees of freedom; 33.7 is exceeded with probability 1e-4.
        assert ((counts - 36) ** 2 / 36).sum() < 33.7


def test_seed_changes_the_sentences_and_utterances_only_add() -> None:
    small, large = SyntheticSpeech(utterances=1), SyntheticSpeech(utterances=2)
    assert set(small.recordings()) < set(large.recordings())
    path = PATHS[0]
    other = SyntheticSpeech(seed=1)
    assert other.digest(path) != small.digest(path) == SyntheticSpeech(name="x").digest(path)
    assert _hash(other.read(path)[0]) != _hash(small.read(path)[0])


def test_reads_stretches_and_gives_them_away() -> None:
    corpus = SyntheticSpeech()
    whole, _ = corpus.read(PATHS[0])
    part, _ = corpus.read(PATHS[0], 1000, 500)
    assert np.array_equal(part, whole[1000:1500])
    part += 1  # the caller's own copy
    assert np.array_equal(corpus.read(PATHS[0])[0], whole)


def test_survives_pickling() -> None:
    corpus = pickle.loads(pickle.dumps(SyntheticSpeech(seed=2, utterances=2)))
    assert corpus.digest(PATHS[0]) == SyntheticSpeech(seed=2).digest(PATHS[0])


@pytest.mark.parametrize(
    "path", ["f1_p50_r150/train-0000.wav", "f1_p50_r150/test-0012.wav", "unknown/test-0000.wav", "../x", ""]
)
def test_unknown_path(path: str) -> None:
    with pytest.raises(AudioError, match="has no recording"):
        SyntheticSpeech().read(path)
    with pytest.raises(AudioError, match="has no recording"):
        SyntheticSpeech().digest(path)


@pytest.mark.parametrize(("start", "frames"), [(0, 10**7), (10**7, None), (-1, 5), (5, 0)])
def test_stretch_outside_the_recording(start: int, frames: int | None) -> None:
    with pytest.raises(AudioError, match=r"frames .* are asked for"):
        SyntheticSpeech().read(PATHS[0], start, frames)


@pytest.mark.parametrize("utterances", [0, -1, 10_001])
def test_utterances_out_of_range(utterances: int) -> None:
    with pytest.raises(ConfigError, match=f"utterances = {utterances}; set it to 1"):
        SyntheticSpeech(utterances=utterances)


def test_synthesiser_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(CorpusError, match="pip install espeakng-loader"):
        SyntheticSpeech(seed=-1).read(PATHS[0])


def test_synthesiser_for_another_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = tmp_path / "libespeak-ng.so"
    library.write_bytes(b"not a library")
    loader = SimpleNamespace(get_library_path=lambda: library)
    monkeypatch.setattr(espeak, "_loader", lambda: loader)
    with pytest.raises(CorpusError, match=r"cannot load the speech synthesiser .* reinstall it"):
        SyntheticSpeech(seed=-1).read(PATHS[0])


def test_data_of_the_synthesiser_missing(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    real = importlib.import_module("espeakng_loader")
    loader = SimpleNamespace(get_library_path=real.get_library_path, get_data_path=lambda: "/nowhere/espeak-ng-data")
    with monkeypatch.context() as patched:
        patched.setattr(espeak, "_loader", lambda: loader)
        with pytest.raises(CorpusError, match=r"no voice 'en-us\+f1' in its data folder '/nowhere"):
            SyntheticSpeech(seed=-1).read(PATHS[0])
    assert len(SyntheticSpeech(seed=-1).read(PATHS[0])[0]) > 22050  # and it recovers


@pytest.mark.long
def test_pocketsphinx_understands_every_test_voice() -> None:
    """Word error rate with the grammar; 3.1 % over the twelve utterances of each test voice."""
    pocketsphinx = pytest.importorskip("pocketsphinx")
    jiwer = pytest.importorskip("jiwer")
    corpus = SyntheticSpeech(utterances=6)
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    decoder.add_jsgf_string("matrix", corpus.grammar())
    decoder.activate_search("matrix")
    said: dict[str, list[str]] = {speaker: [] for speaker in SPEAKERS["test"]}
    recognised: dict[str, list[str]] = {speaker: [] for speaker in SPEAKERS["test"]}
    for r in corpus.recordings():
        if r.split == "test":
            said[r.label].append(r.transcript or "")
            recognised[r.label].append(_recognise(decoder, corpus.read(r.path)[0]))
    rates = {speaker: 100 * jiwer.wer(said[speaker], recognised[speaker]) for speaker in said}
    print("word error rates in %:", {speaker: round(rate, 1) for speaker, rate in rates.items()})
    assert max(rates.values()) <= 15, rates
    assert np.mean(list(rates.values())) <= 6, rates


def _recognise(decoder: object, samples: Samples) -> str:
    codes = (resample(samples, from_hz=22050, to_hz=16000) * 32767).astype(np.int16)
    decoder.start_utt()  # type: ignore[attr-defined]
    decoder.process_raw(codes.tobytes(), full_utt=True)  # type: ignore[attr-defined]
    decoder.end_utt()  # type: ignore[attr-defined]
    best = decoder.hyp()  # type: ignore[attr-defined]
    return best.hypstr.upper() if best else ""
