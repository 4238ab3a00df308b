"""Audio files in and out, and resampling; only `codecs`, in memory, also codes and decodes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ...core.allocator import room_for
from ...core.errors import AudioError, OutputError
from ...core.file_kinds import stand_in_at
from ...core.files import draft_of
from .audio_kinds import UNREAD_SUFFIXES, how_to_read, why_missing

Samples = NDArray[np.float32]

_BELOW_1 = np.nextafter(np.float32(1.0), np.float32(0.0))
_BELOW_HALF_STEP = np.nextafter(np.float32(2.0**-17), np.float32(0.0))
_REST_OF_HALF_STEP = np.float32(2.0**-41)

_SAMPLE_BYTES = re.compile(r"^ ?(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN_LENGTH = 0x7FFF0000
"""Programs that write to a pipe put a size near 2³¹ or 2³² into the header."""

# soundfile raises a TypeError for a suffix that means headerless audio (.raw).
_NOT_AUDIO = (soundfile.LibsndfileError, OSError, TypeError)

_PLAUSIBLE_BYTES = 2**26  # decoded; more is compared with the file and with the memory
_SAMPLES_PER_BYTE = 20_000  # of a FLAC file of digital silence, the densest there is
_MAX_RATE_HZ = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """Header of an audio file: length at its own rate, rate and channels."""

    frames: int
    sample_rate_hz: int
    channels: int


def info(path: Path) -> AudioInfo:
    """Read the header of any file that libsndfile knows; AudioError if it is missing, damaged, empty or cut."""
    try:
        with soundfile.SoundFile(_name(path)) as file:
            header = AudioInfo(frames=file.frames, sample_rate_hz=file.samplerate, channels=file.channels)
            log = file.extra_info
    except _NOT_AUDIO as error:
        raise _unreadable(path, error) from None
    if header.frames <= 0:
        raise AudioError(f"audio file {str(path)!r} has no samples; replace or remove it")
    # libsndfile takes the length from the size of the file, and gives that of the header only in its log.
    for stated, found in _SAMPLE_BYTES.findall(log):
        if int(found) < int(stated) < _UNKNOWN_LENGTH:
            raise AudioError(
                f"audio file {str(path)!r} is cut: {found} bytes of samples are there, and its "
                f"header says {stated}; copy it again"
            )
    _check_claim(path, header.frames, header.channels, read=False)
    if not 0 < header.sample_rate_hz <= _MAX_RATE_HZ:
        raise AudioError(f"audio file {str(path)!r} is damaged: its header says {header.sample_rate_hz} Hz; replace it")
    return header


def check_whole(path: Path) -> None:
    """Raise an AudioError for a file that was copied in part, without decoding all of it.

    Reads the last sample of a FLAC file, whose header says nothing about the size; compares other files with their
    header, as `info` does.
    """
    frames = info(path).frames
    if path.suffix.lower() == ".flac":
        try:
            with soundfile.SoundFile(_name(path)) as file:
                file.seek(frames - 1)
                found = len(file.read(1))
        except _NOT_AUDIO:
            found = 0
        if not found:
            raise AudioError(
                f"audio file {str(path)!r} is cut: its header says {frames} samples, and the last one is "
                "missing; copy it again"
            )


def read(path: Path, start: int = 0, frames: int | None = None, *, finite: bool = True) -> tuple[Samples, int]:
    """Decode a stretch (to the end if `frames` is None) of any file that libsndfile knows (wav, flac, ogg, mp3, ...).

    Returns:
        float32 samples [C, T], full scale ±1, and the sample rate in Hz.

    Raises:
        AudioError: the file is missing, corrupt, shorter than asked, empty, or holds NaN or inf.
    """
    decoded, rate = _decode(path, start, frames, finite=finite)
    return _full_scale_1(decoded.T), rate


def read_mono(
    path: Path, start: int = 0, frames: int | None = None, *, channel: int | str | None = None, finite: bool = True
) -> tuple[Samples, int]:
    """As `read`, but one channel [T]; `channel` is its number, "mean", or None to refuse other files."""
    decoded, rate = _decode(path, start, frames, finite=finite)
    channels = decoded.shape[1]
    if channels == 1 and channel in (None, "mean", 0):
        return _full_scale_1(decoded[:, 0]), rate
    if channel == "mean":
        return _full_scale_1(decoded.T).mean(axis=0, dtype=np.float32), rate
    if isinstance(channel, int) and 0 <= channel < channels:
        return _full_scale_1(decoded[:, channel]), rate
    raise AudioError(
        f"audio file {str(path)!r} has {channels} channels where mono is needed"
        + (f" and channel {channel!r} is asked for" if channel is not None else "")
        + "; set `channel` to 0, 1, ... or mean"
    )


def resampled_length(frames: int, *, from_hz: int, to_hz: int) -> int:
    """Length of a signal after `resample`."""
    return -(-frames * to_hz // from_hz)


def resample(samples: Samples, *, from_hz: int, to_hz: int) -> Samples:
    """Resample [..., T] along the last axis with soxr (very high quality).

    Returns:
        float32, exactly ceil(T * to_hz / from_hz) samples long: soxr rounds the length, so the last sample may be a
        zero that is added here.
    """
    if from_hz == to_hz or not samples.size:
        return samples
    length = resampled_length(samples.shape[-1], from_hz=from_hz, to_hz=to_hz)
    flat = samples.reshape(-1, samples.shape[-1])
    if not room_for(4 * length * len(flat)):
        raise AudioError(
            f"{samples.shape[-1]} samples at {from_hz} Hz are {length} at {to_hz} Hz, more than the memory holds; "
            "correct the sample rate"
        )
    out = np.zeros((len(flat), length), dtype=np.float32)
    for row, signal in zip(out, flat, strict=True):
        resampled = soxr.resample(signal, from_hz, to_hz, quality="VHQ")[:length]
        row[: len(resampled)] = resampled
    return out.reshape(*samples.shape[:-1], length)


def quantise_int16(samples: Samples | NDArray[np.float64]) -> Samples:
    """The samples of a 16-bit wav file written from these, as floats in [-1, 1).

    libsndfile scales to 32-bit codes, rounds these to nearest, clips, and drops the lower 16 bits: a floor but for
    values within 2^-32 below a code. (Its FLAC writer rounds to nearest instead.)

    In float32 it is the floor of a sum of three (compared for all 2^32 floats): where codes have fractions as fine as
    2^-17, adding that lifts the values in question over the next code, a tie included; where they have not, it is less
    than half a step and changes nothing. Two summands, since 2^-17 itself would be half a step from 128 on.
    """
    if samples.dtype == np.float32:
        scaled: Samples = np.clip(samples, np.float32(-1.0), _BELOW_1)
        scaled *= np.float32(2.0**15)
        scaled += _BELOW_HALF_STEP
        scaled += _REST_OF_HALF_STEP
        np.floor(scaled, out=scaled)
        scaled *= np.float32(2.0**-15)
        return scaled
    codes = samples.astype(np.float64) * 2.0**31
    np.rint(codes, out=codes)
    np.clip(codes, -(2.0**31), 2.0**31 - 1.0, out=codes)
    codes *= 2.0**-16
    np.floor(codes, out=codes)
    codes *= 2.0**-15
    return codes.astype(np.float32)


def write(path: Path, samples: Samples, sample_rate_hz: int, *, subtype: str = "FLOAT") -> None:
    """Write [T] or [C, T] samples as wav or flac (by suffix), by a temporary name; `subtype` PCM_16, PCM_24, FLOAT."""
    kind = path.suffix.lstrip(".").upper()
    if not soundfile.check_format(kind, subtype):
        raise OutputError(
            f"cannot write {subtype} samples to {str(path)!r}; use the suffix .wav, or .flac for PCM_16 and PCM_24"
        )
    draft = draft_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(os.fsencode(draft), samples.T, sample_rate_hz, subtype=subtype, format=kind)
        if kind == "WAV":
            _clear_time(draft)
        draft.replace(path)
    except (soundfile.LibsndfileError, OSError) as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


@contextmanager
def written_in_pieces(path: Path, sample_rate_hz: int) -> Iterator[Callable[[Samples], None]]:
    """A function that appends [n] samples to a float wav file, which takes its name once it is whole.

    Raises:
        OutputError: it cannot be written.
    """
    draft = draft_of(path)
    try:
        with soundfile.SoundFile(os.fsencode(draft), "w", sample_rate_hz, 1, subtype="FLOAT", format="WAV") as file:
            yield file.write
        _clear_time(draft)
        draft.replace(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _unwritable(path, error) from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _unwritable(path: Path, error: Exception) -> OutputError:
    # libsndfile keeps no errno: a full disk is a "System error".
    reason = _reason(error).replace("System error", "no space left on the disk, or it is gone")
    return OutputError(f"cannot write {str(path)!r}: {reason}; free the disk or choose another folder")


def _clear_time(path: Path) -> None:
    """Set the time of writing in the PEAK chunk of a float wav to 0: equal samples make equal files.

    A RIFF file is `RIFF`, size, `WAVE`, then chunks: name, size, content, padded to even length. PEAK begins with its
    version and the time, 4 bytes each.
    """
    with path.open("r+b") as file:
        place, end = 12, path.stat().st_size
        while place + 8 <= end:
            file.seek(place)
            name, size = file.read(4), int.from_bytes(file.read(4), "little")
            if name == b"PEAK":
                file.seek(place + 12)
                file.write(bytes(4))
            if name in {b"PEAK", b"data"}:
                return
            place += 8 + size + size % 2


def _decode(path: Path, start: int, frames: int | None, *, finite: bool) -> tuple[NDArray[np.int16] | Samples, int]:
    """A stretch of a file [T, C], 16-bit codes as they are and all else as floats; and its rate."""
    try:
        with soundfile.SoundFile(_name(path)) as file:
            rate = int(file.samplerate)
            _check_stretch(path, file.frames, start, frames)
            file.seek(start)
            # libsndfile makes floats of the codes one by one, NumPy many at once: the same floats, in a sixth of the
            # time.
            kind = "int16" if file.subtype == "PCM_16" else "float32"
            wanted = file.frames - start if frames is None else frames
            _check_claim(path, wanted, file.channels)
            decoded = file.read(wanted, dtype=kind, always_2d=True)
    except _NOT_AUDIO as error:
        raise _unreadable(path, error) from None
    if frames is not None and len(decoded) < frames:  # fewer than the header says
        _check_stretch(path, start + len(decoded), start, frames)
    if not len(decoded):
        raise AudioError(f"audio file {str(path)!r} has no samples; replace or remove it")
    if finite and kind == "float32" and not np.isfinite(decoded).all():
        raise AudioError(f"audio file {str(path)!r} holds NaN or inf; replace or remove it")
    return decoded, rate


def _name(path: Path) -> bytes:
    """The file's name for libsndfile, in any encoding; AudioError for a pipe or device, which would block."""
    with suppress(OSError, ValueError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise AudioError(f"cannot decode audio file {str(path)!r}: it is not a regular file; replace it")
    return os.fsencode(path)


def _check_claim(path: Path, frames: int, channels: int, *, read: bool = True) -> None:
    """Compare what a header claims with the size of the file, and with the memory if it is to be read."""
    size = 4 * frames * channels
    if size <= _PLAUSIBLE_BYTES:
        return
    there = path.stat().st_size
    if frames * channels > there * _SAMPLES_PER_BYTE:
        raise AudioError(
            f"audio file {str(path)!r} is damaged: its header claims {frames} samples of {channels} channels, and it "
            f"has {there} bytes; replace it"
        )
    if read and not room_for(size):
        raise AudioError(
            f"audio file {str(path)!r} has {frames} samples of {channels} channels, more than the memory holds; cut it"
        )


def _full_scale_1(decoded: NDArray[np.int16] | Samples) -> Samples:
    """Decoded codes or floats as contiguous floats, full scale ±1."""
    samples: Samples = np.ascontiguousarray(decoded, dtype=np.float32)
    if decoded.dtype == np.int16:
        samples *= np.float32(2.0**-15)
    return samples


def _check_stretch(path: Path, known: int, start: int, frames: int | None) -> None:
    stop = known if frames is None else start + frames
    if not 0 <= start <= stop <= known:
        raise AudioError(
            f"audio file {str(path)!r} has {known} frames, but frames {start} to {stop} are asked "
            "for; is it cut, or of another version of the corpus?"
        )


def _unreadable(path: Path, error: Exception) -> AudioError:
    if not path.exists():
        return AudioError(f"audio file {str(path)!r} does not exist{why_missing(path)}")
    kind = path.suffix.lower()
    if kind in UNREAD_SUFFIXES:
        return AudioError(f"cannot decode audio file {str(path)!r}: not read: {kind}; {how_to_read(kind)}")
    if (other := stand_in_at(path)) is not None:
        return AudioError(f"cannot decode audio file {str(path)!r}: it is {other}; replace it")
    return AudioError(f"cannot decode audio file {str(path)!r}: {_reason(error)}; replace it")


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return text.strip().rstrip(".") or type(error).__name__
