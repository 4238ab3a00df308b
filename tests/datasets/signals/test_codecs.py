"""Codecs: what comes out is aligned with what went in, to the sample."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tsebench.core.errors import ConfigError
from tsebench.datasets.signals.codecs import Codec, check_level, coded

Samples = NDArray[np.float32]


def voice(rate_hz: int, seconds: float = 0.6) -> Samples:
    """Harmonics with a pitch that glides, in syllables: like speech, it correlates with itself at no other lag."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * (110 * times + 25 * times**2)
    tones = sum(np.sin(k * phase + k * k) / k for k in range(1, 30) if 30 * 145 * k < 15 * rate_hz)
    signal = tones * (0.15 + np.sin(2 * np.pi * 3.7 * times) ** 2)
    return np.asarray(0.3 * signal / np.abs(signal).max(), np.float32)


def lag(decoded: Samples, plain: Samples, most: int = 2000) -> int:
    """The lag of the largest cross-correlation, over all lags up to `most`."""
    size = 2 * len(plain)
    product = np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(plain, size))
    correlation = np.fft.irfft(product, size)
    lags = np.r_[0:most, -most:0]
    return int(lags[np.argmax(correlation[lags])])


def snr_db(decoded: Samples, plain: Samples) -> float:
    error = decoded.astype(np.float64) - plain
    return float(10 * np.log10(np.sum(np.square(plain, dtype=np.float64)) / np.sum(error**2)))


# The lowest MP3 rates have no header of their delay (1105 samples); below 64 kbit/s Opus is late or early at 48 kHz.
CASES: list[tuple[Codec, int, float]] = [
    *(("mp3", 8000, level) for level in (8, 16, 24, 64)),
    *(("mp3", 16000, level) for level in (8, 24, 160)),
    *(("mp3", 44100, level) for level in (32, 320)),
    *(("opus", 8000, level) for level in (6, 12, 64)),
    *(("opus", 16000, level) for level in (6, 24)),
    *(("opus", 44100, level) for level in (6, 16, 32, 96)),
    *(("opus", 48000, level) for level in (8, 24)),
    ("vorbis", 8000, 0.0),
    ("vorbis", 44100, 5.0),
]


@pytest.mark.parametrize(("codec", "rate_hz", "level"), CASES)
def test_a_decoded_signal_is_aligned_to_the_sample(codec: Codec, rate_hz: int, level: float) -> None:
    plain = voice(rate_hz)
    decoded = coded(plain, rate_hz, codec=codec, level=level)
    assert decoded.dtype == np.float32
    assert decoded.shape == plain.shape
    assert lag(decoded, plain) == 0
    middle = slice(100, -100)
    own = snr_db(decoded[middle], plain[middle])
    late, early = (snr_db(np.roll(decoded, shift)[middle], plain[middle]) for shift in (1, -1))
    assert own > max(late, early), "a sample more or less of delay would give a higher SNR"


def test_a_higher_bit_rate_is_nearer() -> None:
    plain = voice(8000)
    assert snr_db(coded(plain, 8000, codec="opus", level=48), plain) > 15.0
    for codec, levels in (("mp3", (8, 16, 32)), ("opus", (6, 16, 48)), ("vorbis", (0, 5, 10))):
        found = [snr_db(coded(plain, 8000, codec=codec, level=level), plain) for level in levels]  # type: ignore[arg-type]
        assert found == sorted(found), (codec, found)


def test_silence_stays() -> None:
    assert not coded(np.zeros(800, np.float32), 8000, codec="mp3", level=8).any()


@pytest.mark.parametrize(
    ("codec", "rate_hz", "level", "text"),
    [
        ("mp3", 8000, 17, "no bit rate of MP3 at 8000 Hz; choose of 8, 16, 24"),
        ("mp3", 8000, 128, "choose of 8, 16, 24, 32, 40, 48, 56, 64$"),
        ("mp3", 44100, 8, "choose of 32, 40"),
        ("opus", 8000, 5, "must lie within 6 and 256"),
        ("vorbis", 8000, 11, "must lie within 0 and 10"),
    ],
)
def test_a_level_that_a_codec_does_not_have(codec: Codec, rate_hz: int, level: float, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        check_level(codec, level, rate_hz)
