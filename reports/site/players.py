"""Players: the tracks of a trial as files of the report, with a picture of each."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.files import make_folder, write_atomic
from ...core.text import error_text
from ..trial_signals import MOST_FRAMES
from . import pictures
from .films import FilmFile, write_film
from .sounds import Samples, Sound

KEYS = "1234567890abcdefghijklmnopqrstuvwxyz"
"""Keys of the tracks of a player, in their order; tracks beyond have none."""
_DIGITS = 16
_LOWERED_PEAK = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A track of a player.

    Attributes:
        sound: the file, from the report's folder; "" without samples.
        picture: spectrogram, from the report's folder.
        wave: SVG path.
        gain_db: gain that avoids clipping in 16 bits; mostly 0.
        own_clock: not on the time axis of the others (an enrollment).
        key: that plays it, "" for none.
    """

    role: str
    title: str
    system: str = ""
    reason: str = ""
    sound: str = ""
    picture: str = ""
    wave: str = ""
    duration_s: float = 0.0
    top_khz: float = 0.0
    gain_db: float = 0.0
    own_clock: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Tracks of one trial; those on one time axis share the position of playback."""

    tracks: tuple[Track, ...]
    files: tuple[Path, ...]
    film: FilmFile | None = None  # video of the clue, which keeps the position of playback

    @property
    def audible(self) -> bool:
        """Whether any track has a sound."""
        return any(track.sound for track in self.tracks)


def write_player(sounds: Sequence[Sound], out: Path) -> Player:
    """Write the tracks of one trial: `audio/HASH.wav`, `images/HASH.png` and `video/HASH.webm` in a report's folder.

    Names are hashes of the contents, so that trials share the mixture, and no name of a dataset or a system reaches the
    disk. Levels and colours of all tracks are on one scale.
    """
    measured = [_measured(sound) for sound in sounds]
    sounds = [sound for sound, _ in measured]
    powers = {id(sound): found for sound, found in measured if found is not None}
    audible = [sound for sound in sounds if id(sound) in powers]
    # Mixture and target set the scale: one loud estimate must not darken all the others.
    shared = [s for s in audible if s.role in {"mixture", "target"}] or audible
    top = max((float(powers[id(s)].max()) for s in shared), default=0.0)
    peak = max((float(np.abs(_samples(s)).max()) for s in shared), default=0.0)
    files: list[Path] = []
    tracks = []
    for sound in sounds:
        track = Track(role=sound.role, title=sound.title, system=sound.system)
        if sound.samples is None or id(sound) not in powers:
            tracks.append(replace(track, reason=sound.reason or "empty"))
            continue
        samples, gain_db = _fitting(sound.samples)
        image = pictures.spectrogram_png(powers[id(sound)], top=top)
        written = [_write_sound(out, samples, sound.sample_rate_hz), _write_picture(out, image)]
        files += written
        tracks.append(
            replace(
                track,
                sound=f"audio/{written[0].name}",
                picture=f"images/{written[1].name}",
                wave=pictures.waveform_path(sound.samples, peak=peak),
                duration_s=len(sound.samples) / sound.sample_rate_hz,
                top_khz=sound.sample_rate_hz / 2000.0,
                gain_db=gain_db,
                own_clock=sound.role == "enrollment",
            )
        )
    film = next((write_film(sound.film, out) for sound in sounds if sound.film is not None), None)
    files += [] if film is None else [out / film.path]
    return Player(tracks=with_keys(tracks), files=tuple(files), film=film)


def with_keys(tracks: Sequence[Track], keys: str = KEYS) -> tuple[Track, ...]:
    """The tracks, each that has a sound with its key: 1 to 9, 0 for the tenth, then letters."""
    left = iter(keys)
    return tuple(replace(track, key=next(left, "")) if track.sound else replace(track, key="") for track in tracks)


def _measured(sound: Sound) -> tuple[Sound, NDArray[np.float64] | None]:
    """A sound with its power spectrogram; one that cannot be drawn has the reason instead of samples."""
    samples = _samples(sound)
    if not len(samples):
        return sound, None
    seconds = len(samples) / sound.sample_rate_hz
    if len(samples) > MOST_FRAMES:
        return replace(sound, samples=None, reason=f"{seconds:.0f} s are too long to be played"), None
    try:
        return sound, pictures.power(samples, sample_rate_hz=sound.sample_rate_hz)
    except (MemoryError, ValueError, ArithmeticError) as error:
        return replace(sound, samples=None, reason=f"no picture can be made: {error_text(error, 120)}"), None


def _samples(sound: Sound) -> Samples:
    return np.zeros(0, np.float32) if sound.samples is None else sound.samples


def _fitting(samples: Samples) -> tuple[Samples, float]:
    """The samples without clipping in 16 bits, and the gain in dB that this takes."""
    peak = float(np.abs(samples).max())
    if peak < 1.0:
        return samples, 0.0
    gain = _LOWERED_PEAK / peak
    return samples * np.float32(gain), 20.0 * math.log10(gain)


def _write_sound(out: Path, samples: Samples, sample_rate_hz: int) -> Path:
    from ...datasets.signals.audio import write  # noqa: PLC0415 - slow to import, and needed for sounds alone

    content = f"{sample_rate_hz}".encode() + samples.astype("<f4").tobytes()
    path = out / "audio" / f"{_name(content)}.wav"
    if not path.is_file():
        write(path, samples, sample_rate_hz, subtype="PCM_16")
    return path


def _write_picture(out: Path, content: bytes) -> Path:
    path = make_folder(out / "images") / f"{_name(content)}.png"
    if not path.is_file():
        write_atomic(path, content)
    return path


def _name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
