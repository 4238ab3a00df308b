"""Audio files below one folder: reading, hashing, and their headers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ....core.errors import AudioError, CorpusError
from ...missing import MissingRecordingsError
from ...protocols.corpus import Samples
from ...signals import audio as audio_files
from ...signals.audio import AudioInfo
from ...signals.sample_cache import SampleCache
from .file_entries import locate

Channel = Annotated[
    int | Literal["mean"] | None,
    Field(description='channel to read of files with several, from 0, or "mean"; null refuses such files'),
]

_CACHE_BYTES = 256 * 2**20

# Formats in which a seek lands on the very frame. In Ogg Vorbis and MP3 it does not (measured: 4 % of the stretches of
# ESC-10 differ from the same stretch of the whole file), so these are decoded whole and cached.
_EXACT_SEEK = frozenset({".aif", ".aiff", ".au", ".caf", ".flac", ".rf64", ".w64", ".wav"})


class AudioTree:
    """The audio files of one corpus, by path relative to its root."""

    def __init__(self, root: Path, *, corpus: str, channel: Channel = None) -> None:
        self.root = Path(root).expanduser().absolute()
        self._corpus = corpus
        self._channel = channel
        self._cache = SampleCache(_CACHE_BYTES)

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Mono samples [T] of a stretch of one file, and its rate in Hz."""
        try:
            return self._read(path, start, frames)
        except AudioError as error:
            raise MissingRecordingsError({(self._corpus, path): str(error)}) from None

    def _read(self, path: str, start: int, frames: int | None) -> tuple[Samples, int]:
        file = locate(self.root, path, error=AudioError)
        if file.suffix.lower() in _EXACT_SEEK:
            return audio_files.read_mono(file, start, frames, channel=self._channel_of(file))
        rate = audio_files.info(file).sample_rate_hz
        whole = self._cache.get_or_make(path, lambda: audio_files.read_mono(file, channel=self._channel_of(file))[0])
        stop = len(whole) if frames is None else start + frames
        if not 0 <= start < stop <= len(whole):
            raise AudioError(
                f"audio file {str(file)!r} has {len(whole)} frames, but frames {start} to {stop} "
                "are asked for; is it cut, or of another version of the corpus?"
            )
        return whole[start:stop].copy(), rate

    def _channel_of(self, file: Path) -> Channel:
        """The channel to read of a file, such as a mono enrollment among recordings of an array."""
        further = isinstance(self._channel, int) and self._channel > 0
        return None if further and audio_files.info(file).channels == 1 else self._channel

    def read_channels(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """All channels [C, T] of a stretch of one file, and its rate in Hz."""
        try:
            return self._read_channels(path, start, frames)
        except AudioError as error:
            raise MissingRecordingsError({(self._corpus, path): str(error)}) from None

    def _read_channels(self, path: str, start: int, frames: int | None) -> tuple[Samples, int]:
        file = locate(self.root, path, error=AudioError)
        if file.suffix.lower() in _EXACT_SEEK:
            return audio_files.read(file, start, frames)
        whole, rate = audio_files.read(file)
        stop = whole.shape[-1] if frames is None else start + frames
        if not 0 <= start < stop <= whole.shape[-1]:
            raise AudioError(f"audio file {str(file)!r} has {whole.shape[-1]} frames, not {stop}; is it cut?")
        return whole[:, start:stop], rate

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of a file."""
        file = locate(self.root, path, error=AudioError)
        try:
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise AudioError(f"cannot read audio file {str(file)!r}: {error.strerror}; complete the corpus") from None
        audio_files.check_whole(file)
        return found

    def header(self, path: str) -> AudioInfo:
        """Length, rate and channels of one file; AudioError if the file is missing, outside the root or damaged."""
        return audio_files.info(locate(self.root, path, error=AudioError))

    def unreadable(self, paths: Sequence[str]) -> set[str]:
        """The files that are missing or damaged; reads all headers."""
        return {path for path in paths if isinstance(self._info(path), AudioError)}

    def headers(self, paths: Sequence[str]) -> list[AudioInfo]:
        """The headers of many files, in their order."""
        # Opening files waits for the disk, or for a network drive, so more threads than cores.
        with ThreadPoolExecutor(max_workers=min(32, 4 * (os.cpu_count() or 1))) as pool:
            scanned = list(pool.map(self._mono_header, paths))
        errors = [result for result in scanned if isinstance(result, AudioError)]
        if errors:
            raise CorpusError(
                f"corpus {self._corpus!r}: {len(errors)} of {len(scanned)} files cannot be used; the first: {errors[0]}"
            )
        return [result for result in scanned if isinstance(result, AudioInfo)]

    def _mono_header(self, path: str) -> AudioInfo | AudioError:
        header = self._info(path)
        if isinstance(header, AudioInfo) and not self._makes_one(header.channels):
            return AudioError(
                f"audio file {str(self.root / path)!r} has {header.channels} channels, and "
                f"channel = {self._channel}; set `channel` to 0 ... {header.channels - 1} or mean"
            )
        return header

    def _info(self, path: str) -> AudioInfo | AudioError:
        try:
            return self.header(path)
        except AudioError as error:
            return error

    def _makes_one(self, channels: int) -> bool:
        """Whether `channel` reduces this many channels to one; one is one, whatever the number."""
        if self._channel is None or self._channel == "mean":
            return channels == 1 or self._channel == "mean"
        return self._channel >= 0 and (channels == 1 or self._channel < channels)
