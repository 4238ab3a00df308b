"""Finds the recordings that a JAMS file means, by their names and the folders above them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from .....core.errors import DatasetError
from ....jams.files import SoundEvent
from ....jams.soundscapes import FoundFile
from ....missing import FileKey, MissingRecordingsError
from ....protocols.corpus import Corpora, Corpus, Listed, Recording, entries_of


class FilesByName:
    """Finds the recording that a JAMS file means, wherever its files lay when it was written.

    Only what is found is read, so that it does not matter what else a corpus lacks.

    Args:
        corpora: open corpora.
        names: those to look in.
    """

    def __init__(self, corpora: Corpora, names: Sequence[str]) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._by_name: dict[str, list[FileKey]] = {}
        self._known: dict[FileKey, Recording] = {}
        self._open = {name: _opener(corpora[name]) for name in self._names}
        for name in self._names:
            for entry in entries_of(corpora[name]):
                stem = PurePosixPath(entry.path).name
                self._by_name.setdefault(stem, []).append((name, entry.path))

    def lists(self, event: SoundEvent) -> bool:
        """Has a corpus a recording with that file name, as far as it knows, there or not?"""
        return _path_of(event).name in self._by_name

    def find(self, event: SoundEvent) -> FoundFile:
        """The recording with that file name; of several, the one whose folders fit best.

        Raises:
            MissingRecordingsError: there is none, or it cannot be read.
            DatasetError: there is no corpus to look in, or several files fit equally well.
        """
        path = _path_of(event)
        known = self._by_name.get(path.name, [])
        fits = [_common_tail(path, PurePosixPath(place)) for _, place in known]
        best = [one for one, fit in zip(known, fits, strict=True) if fit == max(fits)]
        if len(best) == 1:
            return FoundFile(corpus=best[0][0], recording=self._recording(best[0]))
        where = " and ".join(repr(name) for name in self._names) or "none"
        problem = f"{best[0][1]!r} and {best[1][1]!r} both fit" if best else "no recording has that name"
        line = (
            f"event {event.label!r} is of file {event.source_file!r}: {problem} (corpora looked "
            f"in: {where}); correct `events`, `background` or their folders"
        )
        if best or not self._names:
            raise DatasetError(line)
        # The folder and the name; what is above it is of another machine.
        raise MissingRecordingsError({(self._names[0], "/".join(path.parts[-2:])): line})

    def _recording(self, key: FileKey) -> Recording:
        name, path = key
        if key not in self._known:
            self._known[key] = self._open[name](path)
        return self._known[key]


def _opener(corpus: Corpus) -> Callable[[str], Recording]:
    """Gives a recording by its path."""
    if isinstance(corpus, Listed):
        return corpus.recording
    return {recording.path: recording for recording in corpus.recordings()}.__getitem__


def _path_of(event: SoundEvent) -> PurePosixPath:
    return PurePosixPath(event.source_file.replace("\\", "/"))


def _common_tail(one: PurePosixPath, other: PurePosixPath) -> int:
    """How many parts two paths share, counted from their ends."""
    pairs = zip(reversed(one.parts), reversed(other.parts), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one.parts), len(other.parts)))
