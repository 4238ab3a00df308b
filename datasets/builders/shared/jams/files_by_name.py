"""Recordings that a JAMS file names, found by file name and the folders above it."""

from __future__ import annotations

from pathlib import PurePosixPath

from .....core.errors import DatasetError
from ....jams.events import SoundEvent
from ....jams.soundscapes import FoundFile
from ....manifest import FileKey
from ....missing import MissingRecordingsError
from ....protocols.corpus import Corpus, Listed, Recording, entries_of


class FilesByName:
    """Finds the recording that a JAMS file names, whatever folder it had when the JAMS file was written.

    Only recordings that are found are read, so other files of the corpus may be missing.

    Args:
        corpus: where to look; None finds nothing.
    """

    def __init__(self, corpus: Corpus | None) -> None:
        self._corpus = corpus
        self._by_name: dict[str, list[str]] = {}
        self._known: dict[str, Recording] = {}
        for entry in entries_of(corpus) if corpus else ():
            self._by_name.setdefault(PurePosixPath(entry.path).name, []).append(entry.path)

    def lists(self, event: SoundEvent) -> bool:
        """Whether the corpus lists a recording with that file name, missing or not."""
        return _path_of(event).name in self._by_name

    def find(self, event: SoundEvent) -> FoundFile:
        """The recording with that file name; of several, the one whose folders fit best."""
        wanted = _path_of(event)
        known = self._by_name.get(wanted.name, [])
        fits = [_common_tail(wanted, PurePosixPath(path)) for path in known]
        best = [path for path, fit in zip(known, fits, strict=True) if fit == max(fits)]
        if self._corpus is not None and len(best) == 1:
            return FoundFile(corpus=self._corpus.name, recording=self._recording(self._corpus, best[0]))
        where = repr(self._corpus.name) if self._corpus else "none"
        problem = f"{best[0]!r} and {best[1]!r} both fit" if best else "no recording has that name"
        line = (
            f"event {event.label!r} is of file {event.source_file!r}: {problem} (corpora looked "
            f"in: {where}); correct `events`, `background` or their folders"
        )
        if best or self._corpus is None:
            raise DatasetError(line)
        # The folder and the name; what is above it is of another machine.
        key: FileKey = (self._corpus.name, "/".join(wanted.parts[-2:]))
        raise MissingRecordingsError({key: line})

    def _recording(self, corpus: Corpus, path: str) -> Recording:
        if path not in self._known:
            if isinstance(corpus, Listed):
                self._known[path] = corpus.recording(path)
            else:
                self._known = {recording.path: recording for recording in corpus.recordings()}
        return self._known[path]


def _path_of(event: SoundEvent) -> PurePosixPath:
    return PurePosixPath(event.source_file.replace("\\", "/"))


def _common_tail(one: PurePosixPath, other: PurePosixPath) -> int:
    """Number of parts that two paths share, counted from their ends."""
    pairs = zip(reversed(one.parts), reversed(other.parts), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one.parts), len(other.parts)))
