"""Any folder of labelled audio: one folder for each label, or a CSV file that lists the files."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from ...errors import AudioError, ConfigError, CorpusError
from .. import audio as audio_files
from ..corpus import CORPORA, Recording, Samples
from ._cache import SampleCache
from ._folder_listing import Columns, Entry, assign_splits, found, hold_out, listed, locate
from ._table import read_table

_CACHE_BYTES = 256 * 2**20

# Formats in which a seek lands on the very frame. In Ogg Vorbis and MP3 it does not (measured: 4 %
# of the stretches of ESC-10 differ from the same stretch of the whole file), so these are decoded
# whole and kept for a while.
_EXACT_SEEK = frozenset({".aif", ".aiff", ".au", ".caf", ".flac", ".rf64", ".w64", ".wav"})


@CORPORA.register("folder")
class FolderCorpus:
    """A user's own recordings.

    Without `metadata`, `<root>/<audio>/<label>/` holds the files of one label, and a file
    `<root>/transcripts.csv` with the columns path, speaker and text, if there is one, gives the
    transcripts and the labels of the files that it lists. Paths in a CSV file are relative to
    `<root>/<audio>`; hidden files, and files that are not audio, are ignored.

    Args:
        name: what datasets call the corpus.
        root: folder of the corpus.
        audio: folder of the audio files, relative to the root.
        metadata: CSV file that lists the files, relative to the root.
        path_column: column of the paths.
        label_column: column of the labels (speaker or sound class).
        split_column: column of the splits; all files are of `default_split` without one.
        group_column: column of what must not be on both sides of a split (uploader, original file).
        text_column: column of the transcripts.
        splits: name of a split to values of the split column; files with other values are left
            out. Without it the values are the names.
        valid_share: this share of the groups of "train" becomes "valid", chosen by SHA-256.
        default_split: see `split_column`.
        channel: channel to read of files with several, or "mean"; None refuses such files.
        licence: of the recordings.
        version: of the corpus.
        min_s: shorter recordings are left out.

    Raises:
        ConfigError: options contradict each other.
    """

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        audio: str = ".",
        metadata: str | None = None,
        path_column: str = "path",
        label_column: str = "label",
        split_column: str | None = None,
        group_column: str | None = None,
        text_column: str | None = None,
        splits: dict[str, list[str]] | None = None,
        valid_share: float = 0.0,
        default_split: str = "test",
        channel: int | Literal["mean"] | None = None,
        licence: str = "unknown",
        version: str = "unknown",
        min_s: float = 0.0,
    ) -> None:
        self.name = name
        self.version = version
        self.licence = licence
        self.root = Path(root).expanduser().absolute()
        self._audio = posixpath.normpath(audio)
        self._metadata = metadata
        self._columns = Columns(
            path=path_column,
            label=label_column,
            split=split_column,
            group=group_column,
            text=text_column,
        )
        self._splits = splits
        self._valid_share = valid_share
        self._default_split = default_split
        self._channel = channel
        self._min_s = min_s
        self._where = f"corpus {name!r}"
        self._recordings: tuple[Recording, ...] = ()
        self._cache = SampleCache(_CACHE_BYTES)
        self._check_options()

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by path; the first call reads the headers of all files.

        Raises:
            CorpusError: the folder, its metadata or its files are not as described above.
        """
        if not self._recordings:
            entries = sorted(self._entries(), key=lambda entry: entry.path)
            every = tuple(self._with_headers(entries))
            kept = tuple(r for r in every if r.frames >= self._min_s * r.sample_rate_hz)
            if not kept:
                raise CorpusError(
                    f"{self._where}: none of the {len(every)} recordings in {str(self.root)!r} is "
                    f"{self._min_s} s long; set `min_s` lower"
                )
            self._recordings = kept
        return self._recordings

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Mono samples [T] of a stretch of one file, and its rate in Hz.

        Raises:
            AudioError: the file is missing, outside the root, corrupt, empty, shorter than asked,
                not finite, or of several channels while `channel` is not set.
        """
        file = locate(self.root, path, error=AudioError)
        if file.suffix.lower() in _EXACT_SEEK:
            return audio_files.read_mono(file, start, frames, channel=self._channel)
        rate = audio_files.info(file).sample_rate_hz
        whole = self._cache.get_or_make(
            path, lambda: audio_files.read_mono(file, channel=self._channel)[0]
        )
        stop = len(whole) if frames is None else start + frames
        if not 0 <= start < stop <= len(whole):
            raise AudioError(
                f"audio file {str(file)!r} has {len(whole)} frames, but frames {start} to {stop} "
                "are asked for; is it cut, or of another version of the corpus?"
            )
        return whole[start:stop].copy(), rate

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of a file.

        Raises:
            AudioError: the file cannot be read.
        """
        file = locate(self.root, path, error=AudioError)
        try:
            with file.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise AudioError(
                f"cannot read audio file {str(file)!r}: {error.strerror}; complete the corpus"
            ) from None

    def _check_options(self) -> None:
        columns = self._columns
        if not self._metadata and (columns.split or columns.group or columns.text):
            raise ConfigError(f"{self._where}: columns are named without `metadata`; set it")
        if self._splits is not None and not columns.split:
            raise ConfigError(f"{self._where}: `splits` needs `split_column`; set it")
        values = [value for values in (self._splits or {}).values() for value in values]
        if self._splits is not None and not values:
            raise ConfigError(
                f"{self._where}: `splits` names no values; fill it in or leave it out"
            )
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ConfigError(f"{self._where}: `splits` names {twice[0]!r} twice; name it once")
        if not 0 <= self._valid_share < 1:
            raise ConfigError(
                f"{self._where}: valid_share = {self._valid_share}; set it to 0 or more, below 1"
            )

    def _entries(self) -> list[Entry]:
        """Files with their labels and splits, before their headers are read."""
        base = self.root / self._audio
        if not base.is_dir():
            problem = "is not a folder" if base.exists() else "does not exist"
            raise CorpusError(
                f"{self._where}: {str(base)!r} {problem}; set `root` (and `audio`) to the folder "
                "of the recordings"
            )
        if self._metadata:
            table = read_table(self.root / self._metadata)
            entries = listed(self.root, self._audio, table, self._columns, self._default_split)
        else:
            entries = found(self.root, self._audio, self._default_split)
        if self._splits is not None:
            entries = assign_splits(entries, self._splits, where=self._where)
        if self._valid_share:
            entries = hold_out(entries, self._valid_share, where=self._where)
        return entries

    def _with_headers(self, entries: Sequence[Entry]) -> list[Recording]:
        # Opening files waits for the disk, or for a network drive, so more threads than cores.
        with ThreadPoolExecutor(max_workers=min(32, 4 * (os.cpu_count() or 1))) as pool:
            scanned = list(pool.map(self._recording, entries))
        errors = [result for result in scanned if isinstance(result, AudioError)]
        if errors:
            raise CorpusError(
                f"{self._where}: {len(errors)} of {len(scanned)} files cannot be used; the first: "
                f"{errors[0]}"
            )
        return [result for result in scanned if isinstance(result, Recording)]

    def _recording(self, entry: Entry) -> Recording | AudioError:
        try:
            header = audio_files.info(self.root / entry.path)
        except AudioError as error:
            return error
        if not self._mono(header.channels):
            return AudioError(
                f"audio file {str(self.root / entry.path)!r} has {header.channels} channels, and "
                f"channel = {self._channel}; set `channel` to 0 ... {header.channels - 1} or mean"
            )
        return Recording(
            path=entry.path,
            label=entry.label,
            frames=header.frames,
            sample_rate_hz=header.sample_rate_hz,
            split=entry.split,
            group=entry.group,
            transcript=entry.transcript,
        )

    def _mono(self, channels: int) -> bool:
        """Does `channel` make one channel of so many?"""
        if self._channel is None:
            return channels == 1
        return self._channel == "mean" or 0 <= self._channel < channels
