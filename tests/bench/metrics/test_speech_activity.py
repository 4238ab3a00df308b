"""Speech in silence and timing: frames counted by hand, Silero VAD by its package, known signals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.metrics.shared.silero import (
    SILERO,
    _stretches,
    choose_silero,
    near_edges,
    speech_frames,
    speech_spans,
)
from tsebench.bench.metrics.speech_in_silence import stray_frames
from tsebench.bench.metrics.timing import frame_scores
from tsebench.bench.outcome import Score, UndefinedValueError
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.core.errors import ConfigError
from tsebench.core.packages import packaged_file
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.signals.audio import resample

RATE_HZ = 16000
needs_silero = pytest.mark.skipif(
    SILERO.file is None, reason="silero-vad is not installed: pip install 'tsebench[vad]'"
)


def drawn(text: str) -> np.ndarray:
    """Frames by a drawing; "#" is speech."""
    return np.array([mark == "#" for mark in text])


# Counted by hand ----------------------------------------------------------------------------------


def test_frames_near_an_edge_do_not_count() -> None:
    target = drawn("..........####################..........")
    assert "".join("x" if n else "." for n in near_edges(target, 5)) == ".....xxxxxxxxxx..........xxxxxxxxxx....."
    assert not near_edges(drawn("####"), 5).any()
    assert not near_edges(drawn(""), 5).any()


@pytest.mark.parametrize(
    ("target", "found", "stray"),
    [
        ("..........####################..........", "..........####################..........", 0),
        ("..........####################..........", ".....##############################.....", 0),  # within 50 ms
        ("..........####################..........", "....################################....", 2),
        ("..........####################..........", "########################################", 10),
        ("..........####################..........", "........................................", 0),
        ("........................................", "####....................................", 4),
        ("########################################", "########################################", 0),
    ],
)
def test_stray_speech(target: str, found: str, stray: int) -> None:
    assert stray_frames(drawn(target), drawn(found)) == stray


@pytest.mark.parametrize(
    ("target", "found", "f1", "precision", "recall"),
    [
        ("..........####################..........", "..........####################..........", 1, 1, 1),
        (
            "..........####################..........",
            "........####################............",
            1,
            1,
            1,
        ),  # 20 ms early
        # Of the target count 15..24, of the rest 0..4 and 35..39.
        ("..........####################..........", "########################################", 2 / 3, 0.5, 1),
        ("..........####################..........", "....................####################", 0.5, 0.5, 0.5),
        ("..........####################..........", "###.....................................", 0, 0, 0),
        ("..........####################..........", "........................................", 0, 0, 0),
    ],
)
def test_timing(target: str, found: str, f1: float, precision: float, recall: float) -> None:
    assert frame_scores(drawn(target), drawn(found)) == pytest.approx((f1, precision, recall))


def test_a_target_without_speech_that_counts_is_undefined() -> None:
    for target in ("." * 40, "." * 15 + "#" * 10 + "." * 15):
        with pytest.raises(UndefinedValueError, match="no_speech"):
            frame_scores(drawn(target), drawn("#" * 40))


def test_stretches_of_probabilities() -> None:
    """Chunks of 32 ms: 8 are speech, 7 are too short; a pause of 3 does not end it, one of 5 does."""
    high, low, between = [0.9], [0.1], [0.4]

    def spans(probabilities: list[float]) -> list[tuple[int, int]]:
        found = _stretches(np.array(probabilities), 512 * len(probabilities))
        return [(start // 512, end // 512) for start, end in found]

    assert spans(low + 8 * high + 5 * low) == [(1, 9)]
    assert spans(low + 7 * high + 5 * low) == []
    assert spans(8 * high + 3 * low + 8 * high + 6 * low) == [(0, 19)]
    assert spans(8 * high + 5 * low + 8 * high) == [(0, 8), (13, 21)]
    assert spans(8 * high + 9 * between + high + 5 * low) == [(0, 18)]
    assert spans([]) == spans(9 * low) == []


# Silero -------------------------------------------------------------------------------------------


def speech(place: int = 0) -> np.ndarray:
    corpus = SyntheticSpeech(utterances=1)
    samples, rate = corpus.read(corpus.recordings()[place].path)
    return resample(samples, from_hz=rate, to_hz=RATE_HZ)


def with_pause(seconds: float = 1.0) -> np.ndarray:
    return np.concatenate([speech(0), np.zeros(int(seconds * RATE_HZ), np.float32), speech(1)])


@needs_silero
def test_spans_are_those_of_the_package() -> None:
    from silero_vad import get_speech_timestamps, load_silero_vad

    package, ours = load_silero_vad(onnx=True), choose_silero(None, where="test").model
    threads = torch.get_num_threads()
    rng = np.random.default_rng(0)
    signals = [with_pause(seconds) for seconds in (0.05, 0.12, 0.4, 1.0)]
    signals += [np.tile(with_pause(0.3), 4)]  # longer than a block of 16 s
    signals += [speech(2) + 0.02 * rng.standard_normal(len(speech(2))).astype(np.float32), np.zeros(9000, np.float32)]
    for signal in signals:
        theirs = get_speech_timestamps(torch.from_numpy(signal), package)
        assert speech_spans(signal, ours) == [(span["start"], span["end"]) for span in theirs]
    torch.set_num_threads(threads)


@needs_silero
def test_frames_of_speech_have_their_middle_in_a_span() -> None:
    model = choose_silero(None, where="test").model
    signal = with_pause()
    frames = speech_frames(signal, sample_rate_hz=RATE_HZ, model=model)
    expected = np.zeros(len(frames), dtype=bool)
    for start, end in speech_spans(signal, model):
        expected |= (np.arange(len(frames)) * 160 + 80 >= start) & (np.arange(len(frames)) * 160 + 80 < end)
    np.testing.assert_array_equal(frames, expected)
    assert len(frames) == -(-len(signal) // 160)
    assert not len(speech_frames(signal[:0], sample_rate_hz=RATE_HZ, model=model))


@needs_silero
def test_spans_of_embedded_speech_are_where_it_is() -> None:
    model = choose_silero(None, where="test").model
    (first, _), (_, last) = speech_spans(with_pause(), model)[0], speech_spans(with_pause(), model)[-1]
    assert first < 0.1 * RATE_HZ
    assert len(with_pause()) - last < 0.1 * RATE_HZ
    frames = speech_frames(with_pause(), sample_rate_hz=RATE_HZ, model=model)
    pause = slice(len(speech(0)) // 160 + 10, len(speech(0)) // 160 + 90)
    assert not frames[pause].any()


def scored(name: str, estimate: np.ndarray, reference: np.ndarray | None) -> list[Score]:
    mixture = torch.from_numpy(estimate if reference is None else reference)
    target = None if reference is None else mixture
    item = Scorable(trial_id="t", estimate=torch.from_numpy(estimate), reference=target, mixture=mixture)
    with FilePool(0) as pool:
        return Scorer(plan_metrics([name]), sample_rate_hz=RATE_HZ, device="cpu", pool=pool).submit([item]).result()


@needs_silero
def test_seconds_of_another_talker_in_a_pause() -> None:
    other, target = speech(2), speech(0)
    clean = np.concatenate([target, np.zeros(len(other) + RATE_HZ, np.float32)])
    leaking = clean.copy()
    leaking[len(target) + RATE_HZ // 2 :][: len(other)] += 0.3 * other
    assert [s.value for s in scored("speech_in_silence", clean, clean)] == [0.0]
    (found,) = scored("speech_in_silence", leaking, clean)
    assert found.value == pytest.approx(len(other) / RATE_HZ, abs=0.15)
    f1, precision, recall = (s.value for s in scored("timing_f1", leaking, clean))
    assert recall == 1.0
    assert precision == pytest.approx(len(target) / (len(target) + len(other)), abs=0.05)
    assert f1 == pytest.approx(2 * precision / (1 + precision))


@needs_silero
def test_without_a_target_all_speech_counts() -> None:
    (found,) = scored("speech_in_silence", with_pause(), None)
    assert found.value == pytest.approx((len(with_pause()) / RATE_HZ) - 1.0, abs=0.15)
    (quiet,) = scored(
        "speech_in_silence",
        np.zeros(RATE_HZ, np.float32) + np.float32(1e-3) * np.sin(np.arange(RATE_HZ, dtype=np.float32)),
        None,
    )
    assert quiet.value == 0.0
    assert {s.reason for s in scored("timing_f1", with_pause(), None)} == {"absent_target"}


@needs_silero
def test_signature_and_wrong_files() -> None:
    for name in ("speech_in_silence", "timing_f1"):
        text = load_metric(name).signature(8000)
        assert text.startswith(f"{name}|model:silero_vad_16k_sequence.onnx|sha256:")
        assert (
            "|threshold:0.5|speech:250ms|silence:100ms|pad:30ms|frames:10ms|collar:50ms|fs:8000>16000|soxr:VHQ" in text
        )
        other = packaged_file("silero-vad", "silero_vad/data/silero_vad.onnx")
        with pytest.raises(ConfigError, match=r"has the inputs input, state, sr, not input, h, c"):
            load_metric(name, {"model": str(other)})
