"""STOI and ESTOI in batches against pystoi, file by file."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from helpers.paths import SHARED
from numpy.typing import NDArray
from pystoi import stoi as pystoi_stoi
from pystoi.utils import resample_oct
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tsebench.bench.metrics import stoi as module
from tsebench.bench.metrics.protocol import BatchMetric, Signals
from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.metrics.shared import third_octaves
from tsebench.bench.metrics.shared.octave import resampled, resampled_length
from tsebench.bench.metrics.stoi import stoi
from tsebench.datasets.signals.audio import read_mono, resample

needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real audio at {SHARED}")
both = pytest.mark.parametrize("extended", [False, True], ids=["stoi", "estoi"])

Signal = NDArray[np.float64]
Pair = tuple[Signal, Signal]


def noise(frames: int, seed: int = 0) -> Signal:
    return np.random.default_rng(seed).standard_normal(frames)


def speech(rate_hz: int, lengths_s: list[float]) -> list[Pair]:
    """Real words one after another, with another speaker below: (estimate, reference)."""
    paths = sorted((SHARED / "digits").rglob("*.flac")) or sorted(SHARED.rglob("digits/**/*.ogg"))
    words = []
    for path in paths[:: max(1, len(paths) // 40)]:
        samples, own_hz = read_mono(path, channel="mean")
        words.append(resample(samples, from_hz=own_hz, to_hz=rate_hz).astype(np.float64))
    pairs = []
    for number, length_s in enumerate(lengths_s):
        frames = round(length_s * rate_hz)
        target = np.resize(np.concatenate(words[number::3]), frames)
        other = np.resize(np.concatenate(words[number + 1 :: 4]), frames)
        # From the target alone to hardly any of it, with a colour that STOI does not forgive.
        estimate = np.convolve(target, [1.0, -0.6])[:frames] + 0.3 * number * other
        pairs.append((estimate, target))
    return pairs


def together(pairs: list[Pair], rate_hz: int, *, extended: bool) -> list[float]:
    estimates, references = ([torch.from_numpy(pair[role]) for pair in pairs] for role in (0, 1))
    values = stoi(
        estimate=pad_sequence(estimates, batch_first=True),
        reference=pad_sequence(references, batch_first=True),
        lengths=torch.tensor([len(signal) for signal in references]),
        sample_rate_hz=rate_hz,
        extended=extended,
    )
    assert values.dtype == torch.float64
    return values.tolist()


def by_pystoi(pair: Pair, rate_hz: int, *, extended: bool) -> float:
    """NaN where it warns that there are too few frames."""
    estimate, reference = pair
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(pystoi_stoi(reference, estimate, rate_hz, extended=extended))
        except RuntimeWarning:
            return float("nan")


@pytest.mark.parametrize("rate_hz", [8000, 10000, 11025, 16000, 22050, 44100, 48000])
def test_resampling_is_that_of_pystoi(rate_hz: int) -> None:
    signal = noise(3001)
    theirs = resample_oct(signal, 10000, rate_hz)
    ours = resampled([torch.from_numpy(signal)], from_hz=rate_hz, to_hz=10000)[0]
    length = resampled_length(torch.tensor(3001), from_hz=rate_hz, to_hz=10000)
    assert int(length) == len(theirs)
    np.testing.assert_allclose(ours[: len(theirs)].numpy(), theirs, rtol=0, atol=1e-12)


@both
@needs_data
@pytest.mark.parametrize("rate_hz", [8000, 10000, 16000, 44100])
def test_real_speech_of_mixed_lengths_has_the_values_of_pystoi(rate_hz: int, extended: bool) -> None:
    pairs = speech(rate_hz, [0.2, 60.0 if rate_hz == 8000 else 12.0, 0.9, 3.0, 0.5, 6.0])
    ours = together(pairs, rate_hz, extended=extended)
    theirs = [by_pystoi(pair, rate_hz, extended=extended) for pair in pairs]
    assert np.isnan(theirs[0])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
    assert len({round(value, 3) for value in ours[1:]}) == 5


@both
def test_roles_are_not_exchanged(extended: bool) -> None:
    # The silent half of the reference is left out, that of the estimate is not.
    reference = noise(20000) * (np.arange(20000) < 10000)
    estimate = noise(20000) * (np.arange(20000) >= 5000) + 0.1 * noise(20000, seed=1)
    (value,) = together([(estimate, reference)], 10000, extended=extended)
    (exchanged,) = together([(reference, estimate)], 10000, extended=extended)
    assert value == pytest.approx(by_pystoi((estimate, reference), 10000, extended=extended), abs=1e-9)
    assert abs(value - exchanged) > 0.1


@both
@pytest.mark.parametrize("level", [1e-6, 1e6])
def test_levels_are_those_of_pystoi(extended: bool, level: float) -> None:
    reference = noise(12000)
    pair = (level * (reference + noise(12000, seed=2)), reference)
    (value,) = together([pair], 10000, extended=extended)
    assert value == pytest.approx(by_pystoi(pair, 10000, extended=extended), abs=1e-6)


@both
@pytest.mark.parametrize("excess", range(-2, 3))
def test_the_shortest_signal_is_that_of_pystoi(extended: bool, excess: int) -> None:
    # 31 frames of 256, of which the last must not end with the signal.
    frames = 30 * 128 + 256 + 1 + excess
    pair = (noise(frames) + noise(frames, seed=1), noise(frames))
    (value,) = together([pair], 10000, extended=extended)
    assert np.isnan(value) == (excess < 0)
    expected = by_pystoi(pair, 10000, extended=extended)
    assert value == pytest.approx(expected, abs=1e-9, nan_ok=True)


@both
@pytest.mark.parametrize("frames", [0, 1, 100, 204, 205, 300, 3000])
def test_too_few_frames_are_undefined(extended: bool, frames: int) -> None:
    long = noise(8000)
    short = together([(long, long), (long[:frames],) * 2], 8000, extended=extended)
    assert short[0] == pytest.approx(1.0)
    assert np.isnan(short[1])
    (alone,) = together([(long[:frames],) * 2], 8000, extended=extended)
    assert np.isnan(alone)


@both
def test_chunks_do_not_change_a_value(extended: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = torch.tensor([9000, 20000, 4500, 12345, 100])
    inside = torch.arange(20000) < lengths[:, None]
    reference = torch.from_numpy(noise(100000)).reshape(5, -1) * inside
    estimate = (reference + torch.from_numpy(noise(100000, seed=1)).reshape(5, -1)) * inside
    signals = Signals(estimate=estimate, reference=reference, mixture=estimate, lengths=lengths, sample_rate_hz=8000)
    metric = load_metric("estoi" if extended else "stoi")
    assert isinstance(metric, BatchMetric)
    found: list[Tensor] = []
    for samples, values in [(1, 1), (1 << 16, 20000), (1 << 24, 1 << 24)]:
        monkeypatch.setattr(module, "CPU_SAMPLES", samples)
        monkeypatch.setattr(module, "CPU_VALUES", values)
        found.append(metric.compute(signals))
    assert found[0].isnan().tolist() == [False] * 4 + [True]
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=1e-9, equal_nan=True)


@both
@pytest.mark.parametrize("rate_hz", [8000, 10000])
@pytest.mark.parametrize("period", [3, 7, 40])
def test_frames_after_every_kind_of_gap_are_those_of_pystoi(extended: bool, rate_hz: int, period: int) -> None:
    # Silences of one to three frames, so often that most frames that are left have a gap next to
    # them, at the beginning and at the end too.
    block = np.arange(40000) // 128
    pairs = []
    for number in range(3):
        loud = (block + number) % period > number
        reference = noise(40000, seed=number) * np.where(loud, 1.0, 1e-4)
        pairs.append((reference + 0.5 * noise(40000, seed=9 + number), reference))
    expected = [by_pystoi(pair, rate_hz, extended=extended) for pair in pairs]
    np.testing.assert_allclose(together(pairs, rate_hz, extended=extended), expected, atol=1e-9)
    alone = [together([pair], rate_hz, extended=extended)[0] for pair in pairs]
    np.testing.assert_allclose(alone, expected, atol=1e-9)


@pytest.mark.parametrize("frames", [1, 7, 1 << 20])
def test_the_size_of_a_transform_does_not_change_a_value(monkeypatch: pytest.MonkeyPatch, frames: int) -> None:
    reference = noise(30000) * (np.arange(30000) % 9000 < 7000)
    pairs = [(reference + noise(30000, seed=seed), reference) for seed in (1, 2)]
    expected = together(pairs, 10000, extended=False)
    monkeypatch.setattr(third_octaves, "CPU_FRAMES", frames)
    np.testing.assert_allclose(together(pairs, 10000, extended=False), expected, atol=1e-12)


def test_how_bands_are_grouped_does_not_change_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(noise(30000) + noise(30000, seed=1), noise(30000))]
    expected = together(pairs, 10000, extended=False)
    monkeypatch.setattr(third_octaves, "NEIGHBOURS", (0, third_octaves.BANDS))  # as on a GPU
    third_octaves._groups.cache_clear()
    try:
        np.testing.assert_allclose(together(pairs, 10000, extended=False), expected, atol=1e-12)
    finally:
        third_octaves._groups.cache_clear()


@both
def test_a_few_words_in_long_silences_have_the_values_of_pystoi(extended: bool) -> None:
    # Silences longer than what is transformed at once, and another trial that has none.
    seconds = np.arange(300000) / 10000
    speaks = ((seconds > 9.0) & (seconds < 10.5)) | ((seconds > 21.0) & (seconds < 21.7))
    reference = noise(300000) * np.where(speaks, 1.0, 1e-5)
    pairs = [(reference + 0.3 * noise(300000, seed=1), reference)]
    pairs.append((noise(20000, seed=2) + noise(20000, seed=3), noise(20000, seed=2)))
    expected = [by_pystoi(pair, 10000, extended=extended) for pair in pairs]
    np.testing.assert_allclose(together(pairs, 10000, extended=extended), expected, atol=1e-9)


@pytest.mark.parametrize("deviation", [1.0, 1e-6, 1e-12, 0.0])
def test_moments_of_segments_keep_the_digits_of_small_deviations(deviation: float) -> None:
    values = 1000.0 + 1000.0 * deviation * noise(200)
    run = module._Run.of(torch.from_numpy(values))
    for place in range(171):
        segment = values[place : place + 30].astype(np.longdouble)
        squares = float(((segment - segment.mean()) ** 2).sum())
        assert float(run.total[place]) == pytest.approx(float(segment.sum()), rel=1e-14)
        assert float(run.squares[place]) == pytest.approx(squares, rel=1e-3, abs=1e-24)


@both
def test_an_empty_batch_has_no_values(extended: bool) -> None:
    nothing = torch.zeros(0, 100)
    lengths = torch.zeros(0, dtype=torch.long)
    values = stoi(estimate=nothing, reference=nothing, lengths=lengths, sample_rate_hz=8000, extended=extended)
    assert values.shape == (0,)


@both
def test_a_silent_estimate_has_exactly_0(extended: bool) -> None:
    assert together([(0 * noise(16000), noise(16000))], 16000, extended=extended) == [0.0]


def test_a_digitally_silent_part_is_what_pystoi_draws_on_average() -> None:
    reference = noise(20000)
    estimate = reference * (np.arange(20000) < 10000)
    (value,) = together([(estimate, reference)], 10000, extended=True)
    np.random.seed(0)  # the generator that pystoi draws from
    draws = [by_pystoi((estimate, reference), 10000, extended=True) for _ in range(12)]
    spread = float(np.std(draws))
    assert spread > 1e-6  # its own noise, where ours has none
    assert abs(value - float(np.mean(draws))) < 4.0 * spread


@pytest.mark.parametrize(
    ("rate_hz", "signature"),
    [
        (8000, "stoi|torch|f64|fs:8000>10000|pystoi:0.4.1|tsebench:2"),
        (10000, "stoi|torch|f64|fs:10000|pystoi:0.4.1|tsebench:2"),
    ],
)
def test_the_signature_says_whose_values_these_are(rate_hz: int, signature: str) -> None:
    assert load_metric("stoi").signature(rate_hz) == signature
