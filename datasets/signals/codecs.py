"""Lossy codecs: a signal as it comes out of a coder and its decoder, with the delay of both taken out.

libsndfile codes in memory: MP3 by LAME and mpg123, Opus by libopus, Vorbis by libvorbis. The reference of a signal
stays where it is, so that a delay of a few samples would count as distortion: it is measured and undone to the sample.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...core.errors import AudioError, ConfigError
from .audio import resample

Samples = NDArray[np.float32]
Codec = Literal["mp3", "opus", "vorbis"]

LIBRARY = f"libsndfile {soundfile.__libsndfile_version__}"
"""The coder; another release may give other samples."""

_MP3_DELAY = 576 + 529  # of LAME's coder and of the decoder: at low bit rates no header says so, and it stays
_SEARCH_S = 0.001  # longest other delay: that of Opus is a few samples, either way, below 64 kbit/s


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A codec of libsndfile: file format, subtype, and sample rates that it takes (none: all)."""

    format: str
    subtype: str
    rates_hz: tuple[int, ...] = ()

    def rate(self, sample_rate_hz: int) -> int:
        """The lowest rate that holds the signal, or the highest."""
        above = (rate for rate in self.rates_hz if rate >= sample_rate_hz)
        return next(above, max(self.rates_hz, default=sample_rate_hz))


_KINDS: dict[Codec, _Kind] = {
    "mp3": _Kind(
        format="MP3", subtype="MPEG_LAYER_III", rates_hz=(8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
    ),
    "opus": _Kind(format="OGG", subtype="OPUS", rates_hz=(8000, 12000, 16000, 24000, 48000)),
    "vorbis": _Kind(format="OGG", subtype="VORBIS"),
}
_LAYER_3 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_OPUS_KBPS = (6.0, 256.0)
_VORBIS_QUALITY = (0.0, 10.0)


def coded(samples: Samples, sample_rate_hz: int, *, codec: Codec, level: float) -> Samples:
    """A signal [T] coded and decoded, of the same length and aligned with it.

    A rate that the codec does not take is resampled to the next one above, and back.

    Args:
        samples: float32, full scale ±1.
        sample_rate_hz: of the signal.
        codec: its name.
        level: bit rate in kbit/s, constant for MP3, and the mean that Opus aims at; of Vorbis its quality, 0 to 10.

    Raises:
        ConfigError: the codec has no such bit rate at this sample rate.
        AudioError: libsndfile has no such codec.
    """
    kind = _KINDS[codec]
    rate = kind.rate(sample_rate_hz)
    compression = _compression(codec, level, rate)
    if not samples.any():
        return samples
    plain = resample(samples, from_hz=sample_rate_hz, to_hz=rate)
    decoded = _through(plain, rate, kind, compression)
    if codec == "mp3" and len(decoded) > len(plain):
        decoded = decoded[_MP3_DELAY:]
    back = resample(_aligned(decoded, plain, round(_SEARCH_S * rate)), from_hz=rate, to_hz=sample_rate_hz)
    return back[: len(samples)]


def check_level(codec: Codec, level: float, sample_rate_hz: int) -> None:
    """Raise a ConfigError for a level that a codec does not have at a sample rate."""
    _compression(codec, level, _KINDS[codec].rate(sample_rate_hz))


def _compression(codec: Codec, level: float, rate_hz: int) -> float:
    """The level as libsndfile takes it, from 0 (best) to 1: linear in the bit rate, or in the quality."""
    if codec == "mp3":
        rates = _MPEG_1 if rate_hz >= 32_000 else tuple(r for r in _LAYER_3 if r <= (64 if rate_hz <= 12_000 else 160))
        if level not in rates:
            listed = ", ".join(map(str, rates))
            raise ConfigError(f"level = {level:g} kbit/s is no bit rate of MP3 at {rate_hz} Hz; choose of {listed}")
        low, high = float(rates[0]), float(rates[-1])
    else:
        low, high = _OPUS_KBPS if codec == "opus" else _VORBIS_QUALITY
        if not low <= level <= high:
            unit = " kbit/s" if codec == "opus" else ""
            raise ConfigError(f"level = {level:g}{unit} of {codec} must lie within {low:g} and {high:g}")
    return min((high - level) / (high - low), 0.999)  # LAME refuses 1


def _through(samples: Samples, rate_hz: int, kind: _Kind, compression: float) -> Samples:
    """Code and decode; the length and the place of the result are those of the codec."""
    file = io.BytesIO()
    mode = "CONSTANT" if kind.format == "MP3" else None
    try:
        soundfile.write(
            file, samples, rate_hz, kind.subtype, format=kind.format, compression_level=compression, bitrate_mode=mode
        )
        decoded, found_hz = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        raise AudioError(
            f"{LIBRARY} cannot code {kind.subtype} at {rate_hz} Hz ({error}); install a newer one"
        ) from None
    if found_hz != rate_hz:
        raise AudioError(f"{LIBRARY} decodes {kind.subtype} of {rate_hz} Hz at {found_hz} Hz; install a newer one")
    out: Samples = decoded
    return out


def _aligned(decoded: Samples, plain: Samples, most: int) -> Samples:
    """The decoded signal as long as the plain one, moved by the lag at which both correlate best.

    Args:
        decoded: [T'], late or early by at most `most` samples.
        plain: [T].
        most: samples to search on either side.
    """
    padded = np.pad(decoded, (most, max(0, len(plain) - len(decoded)) + most))
    lagged = [padded[lag : lag + len(plain)] for lag in range(2 * most + 1)]
    return lagged[int(np.argmax([np.dot(each, plain) for each in lagged]))].copy()
