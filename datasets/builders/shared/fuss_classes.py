"""Classes of the released mixtures of FUSS, by way of their JAMS files and FSD50K."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath

from ....core.errors import CorpusError
from ...corpora.fsd50k import Fsd50k
from ...corpora.fuss import Example, Fuss
from ...jams.events import read_jams
from ...missing import MissingRecordingsError
from ...protocols.builder import Pool, pool_of
from ...protocols.corpus import Recording
from ...types import Clip, Mixture


class FussClasses:
    """Clips of FSD50K that the sources of FUSS's mixtures are, by their JAMS files."""

    def __init__(self, corpus: Fuss, fsd50k: Fsd50k, split: str) -> None:
        clips = corpus.classes(fsd50k)
        self._corpus = corpus
        self._folder = next(part.folder for part in corpus.parts if part.name == split)
        self._label_of = {path: clip.leaves[0] for path, clip in clips.items()}
        self._labels_of = {path: clip.labels for path, clip in clips.items()}
        self._recordings = {PurePosixPath(recording.path).name: recording for recording in corpus.recordings_of(split)}
        paths = [recording.path for recording in self._recordings.values()]
        listed = [path for path in paths if path in self._label_of]
        self.vocabulary = tuple(sorted({self._label_of[path] for path in listed}))
        self.note = (
            f"Classes are those of FSD50K, which lists {len(listed)} of the {len(paths)} sources "
            "of this split; mixtures with one of the others are left out"
        )

    def origins(self, example: Example) -> tuple[Recording, ...] | None:
        """The recordings that a mixture was made of, background first; None if one has no class."""
        jams = self._corpus.root / PurePosixPath(example.mixture).with_suffix(".jams")
        if not jams.is_file():
            line = (
                f"classes of {example.mixture!r} need its JAMS file {str(jams)!r}, which is not "
                "there; complete the corpus, or leave out `classes`"
            )
            if not any(jams.parent.glob("*.jams")):
                raise CorpusError(line)
            path = jams.relative_to(self._corpus.root).as_posix()
            raise MissingRecordingsError({(self._corpus.name, path): line})
        events = read_jams(jams).events
        ordered = [e for role in ("background", "foreground") for e in events if e.role == role]
        if len(ordered) != 1 + len(example.foregrounds):
            raise CorpusError(
                f"JAMS file {str(jams)!r} has {len(ordered)} events, but the list of mixtures has "
                f"{1 + len(example.foregrounds)} sources; get the corpus again"
            )
        names = [PurePosixPath(event.source_file).name for event in ordered]
        absent = [name for name in names if name not in self._recordings]
        if absent:
            line = f"{str(jams)!r} names {{!r}}, which is not among the sources of its split"
            raise MissingRecordingsError({(self._corpus.name, f"{self._folder}/{n}"): line.format(n) for n in absent})
        found = tuple(self._recordings[name] for name in names)
        return found if all(recording.path in self._label_of for recording in found) else None

    def named(self, mixture: Mixture, origins: tuple[Recording, ...]) -> Mixture:
        """The mixture with its sources' classes; any of them can be a target, so all are events."""
        pairs = zip(mixture.sources, origins, strict=True)
        labelled = (replace(s, label=self._label_of[r.path], role="foreground") for s, r in pairs)
        return replace(mixture, sources=tuple(labelled))

    def taken_from(self, mixture: Mixture, origins: tuple[Recording, ...]) -> Mixture:
        """The mixture with the files that its sources were made from, to enroll with others."""
        clips = [Clip(corpus=self._corpus.name, path=r.path, start=0, frames=r.frames) for r in origins]
        pairs = zip(mixture.sources, clips, strict=True)
        return replace(mixture, sources=tuple(replace(s, clip=clip) for s, clip in pairs))

    def labels(self, origins: tuple[Recording, ...]) -> tuple[str, ...]:
        """All labels that FSD50K gives some recordings, ancestors among them, sorted."""
        return tuple(sorted({label for r in origins for label in self._labels_of[r.path]}))

    @cached_property
    def pool(self) -> Pool:
        """The sources of the split by class."""
        listed = (r for r in self._recordings.values() if r.path in self._label_of)
        labelled = (replace(recording, label=self._label_of[recording.path]) for recording in listed)
        return pool_of(self._corpus.name, self._corpus, labelled)
