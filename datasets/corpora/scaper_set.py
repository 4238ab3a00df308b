"""A folder of soundscapes that Scaper made: JAMS files, and what was written beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ...core.errors import AudioError, CorpusError
from ..missing import MissingRecordingsError
from ..protocols.corpus import CORPORA, Recording, Samples
from ..signals.audio import AudioInfo
from .disk.audio_tree import AudioTree
from .disk.folder_listing import locate

_EVENT_FOLDERS = ("_events", "_sources")
_LISTED = "gt_events.csv"


@CORPORA.register("scaper_set")
class ScaperSet:
    """JAMS files at any depth, with or without rendered audio.

    The recordings are the isolated events, if they were kept: beside `<name>.jams`, the files
    `<name>_events/foreground0_<label>.wav` and so on (or `<name>_sources/`, as in FUSS). The
    builder `jams` reads the JAMS files; the files that they name are of other corpora.

    Args:
        name: what datasets call the corpus.
        root: folder of the JAMS files.
        version: of the set.
        licence: of the set.
    """

    def __init__(self, *, name: str, root: Path, version: str = "unknown", licence: str = "unknown") -> None:
        self.name, self.version, self.licence = name, version, licence
        self._where = f"corpus {name!r} (a set of Scaper)"
        self._files = AudioTree(root, where=self._where)
        self.root = self._files.root

    @cached_property
    def soundscapes(self) -> tuple[str, ...]:
        """Paths of the JAMS files, sorted.

        Raises:
            CorpusError: there are none.
        """
        if not self.root.is_dir():
            raise CorpusError(
                f"{self._where}: {str(self.root)!r} is not a folder; set --corpus {self.name}=DIR"
            )
        found: list[str] = []
        for parent, folders, files in os.walk(self.root, onerror=_refuse):
            folders[:] = [folder for folder in folders if not folder.startswith(".")]
            inside = Path(parent).relative_to(self.root)
            found += [
                (inside / name).as_posix()
                for name in files
                if name.endswith(".jams") and not name.startswith(".")
            ]
        if not found:
            raise CorpusError(
                f"{self._where}: {str(self.root)!r} holds no .jams file; set --corpus "
                f"{self.name}=DIR to the folder that Scaper wrote to"
            )
        return tuple(sorted(found))

    def file(self, path: str) -> Path:
        """Where a file of the set is.

        Raises:
            CorpusError: the path leads out of the folder.
        """
        return locate(self.root, path)

    def listed_events(self, path: str) -> Path | None:
        """The list of target labels beside a JAMS file (Waveformer's sets have one), if any."""
        listed = self.file(path).parent / _LISTED
        return listed if listed.is_file() else None

    def recordings(self) -> Sequence[Recording]:
        """The isolated events that were kept, sorted by path; their label is the event's."""
        return self._recordings

    def isolated(self, path: str) -> Mapping[str, Recording]:
        """The isolated events of a JAMS file by Scaper's name (`foreground0_dog`); may be empty."""
        return self._by_soundscape.get(path, {})

    def event_folder(self, path: str) -> str:
        """Folder of the isolated events of a JAMS file; where it would be if there is none."""
        return self._event_folder(path) or f"{path.removesuffix('.jams')}{_EVENT_FOLDERS[0]}"

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Mono samples [T] of a stretch of one isolated event, and its rate in Hz.

        Raises:
            MissingRecordingsError: the file is missing, outside the root, corrupt, shorter than
                asked, or not mono.
        """
        try:
            return self._files.read(path, start, frames)
        except AudioError as error:
            raise MissingRecordingsError({(self.name, path): str(error)}) from None

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of a file.

        Raises:
            AudioError: the file cannot be read.
        """
        return self._files.digest(path)

    @cached_property
    def _recordings(self) -> tuple[Recording, ...]:
        every = [one for events in self._by_soundscape.values() for one in events.values()]
        return tuple(sorted(every, key=lambda recording: recording.path))

    @cached_property
    def _by_soundscape(self) -> Mapping[str, Mapping[str, Recording]]:
        folders = {path: self._event_folder(path) for path in self.soundscapes}
        paths = {path: self._wavs(folder) for path, folder in folders.items() if folder}
        headers = self._headers([wav for wavs in paths.values() for wav in wavs])
        return {
            path: {
                PurePosixPath(wav).stem: Recording(
                    path=wav,
                    label=PurePosixPath(wav).stem.partition("_")[2],
                    frames=headers[wav].frames,
                    sample_rate_hz=headers[wav].sample_rate_hz,
                    split="test",
                    group=path,
                )
                for wav in wavs
                if wav in headers
            }
            for path, wavs in paths.items()
        }

    def _headers(self, paths: Sequence[str]) -> Mapping[str, AudioInfo]:
        """Headers by path; a file that cannot be read is as one that is not there."""
        try:
            return dict(zip(paths, self._files.headers(paths), strict=True))
        except CorpusError:
            unreadable = self._files.unreadable(paths)
            if not unreadable:
                raise
        left = [path for path in paths if path not in unreadable]
        return dict(zip(left, self._files.headers(left), strict=True))

    def _event_folder(self, path: str) -> str | None:
        stem = path.removesuffix(".jams")
        found = (f"{stem}{end}" for end in _EVENT_FOLDERS if (self.root / f"{stem}{end}").is_dir())
        return next(found, None)

    def _wavs(self, folder: str) -> list[str]:
        return sorted(f"{folder}/{file.name}" for file in (self.root / folder).glob("*.wav"))


def _refuse(error: OSError) -> NoReturn:
    raise CorpusError(
        f"cannot list the folder {str(error.filename)!r}: {error.strerror}; correct its permissions"
    ) from None
