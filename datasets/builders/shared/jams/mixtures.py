"""Mixtures of the JAMS files of a set: files found by name, isolated events where needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from .....core.errors import DatasetError
from .....core.file_tree import nfc
from ....corpora.scaper_set import ScaperSet
from ....jams.events import SoundEvent, Soundscape, read_jams
from ....jams.soundscapes import FoundFile, mixture_of
from ....manifest import FileKey
from ....missing import MissingRecordingsError
from ....protocols.corpus import Corpus, Listed, Recording, entries_of
from ....renderers.scaper import event_names
from ....types import Clip, Mixture, Source, Tag

Isolated = Literal["never", "needed", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JamsMixture:
    """A recipe of a JAMS file; `origin` is the one over the original files, if isolated events are used."""

    mixture: Mixture
    origin: Mixture | None = None


class JamsMixtures:
    """The soundscapes below a folder of a set; `finders` find the files of each role."""

    def __init__(
        self, soundscapes: ScaperSet, *, folder: str, finders: Mapping[str, FilesByName], isolated: Isolated
    ) -> None:
        self._set, self._finders, self._mode = soundscapes, finders, isolated
        self.paths = tuple(path for path in soundscapes.soundscapes if PurePosixPath(path).is_relative_to(folder))
        self._read: dict[str, Soundscape] = {}
        self._damaged: dict[str, DatasetError] = {}
        for path in self.paths:
            try:
                self._read[path] = read_jams(soundscapes.file(path))
            except DatasetError as error:
                self._damaged[path] = error
        if self._damaged and not self._read:
            raise self._damaged[self.paths[0]]

    def labels(self, role: str) -> tuple[str, ...]:
        """All labels of events or backgrounds, sorted."""
        return tuple(sorted({e.label for scape in self._read.values() for e in scape.events if e.role == role}))

    def rates(self) -> tuple[int, ...]:
        """All sample rates in Hz, sorted."""
        return tuple(sorted({scape.sample_rate_hz for scape in self._read.values()}))

    def mixture(self, path: str, mixture_id: str) -> JamsMixture:
        """The recipe of one JAMS file."""
        if path in self._damaged:
            raise MissingRecordingsError({(self._set.name, path): str(self._damaged[path])})
        scape = self._read[path]
        _refuse(path, scape)
        tags = self._tags(scape)
        if self._mode != "always" and not any(map(_is_changed, scape.events)):
            return JamsMixture(mixture=self._from_files(scape, mixture_id, tags, path))
        if self._mode == "never" or not self._set.isolated(path):
            raise self._no_isolated(path, scape)
        known = all(self._finders[event.role].lists(event) for event in scape.events)
        origin = self._from_files(scape, mixture_id, tags, path) if known else None
        return JamsMixture(mixture=self._from_isolated(path, mixture_id, tags), origin=origin)

    def _tags(self, scape: Soundscape) -> Mapping[str, Tag]:
        labels = {event.label for event in scape.events if event.role == "foreground"}
        scenes = sorted({event.label for event in scape.events if event.role == "background"})
        several = len(self.labels("background")) > 1
        return {"n_classes": len(labels), **({"scene": "+".join(scenes)} if several else {})}

    def _from_files(self, scape: Soundscape, mixture_id: str, tags: Mapping[str, Tag], path: str) -> Mixture:
        """The mixture of the files that the events name; all that are missing are counted first."""
        reasons: dict[FileKey, str] = {}
        try:
            for event in scape.events:
                try:
                    self._find(event)
                except MissingRecordingsError as error:
                    reasons |= {key: f"JAMS file {path!r}: {why}" for key, why in error.reasons.items()}
            if reasons:
                raise MissingRecordingsError(reasons)
            return mixture_of(scape, mixture_id, self._find, tags=tags)
        except DatasetError as error:
            raise DatasetError(f"JAMS file {path!r}: {error}") from None

    def _find(self, event: SoundEvent) -> FoundFile:
        return self._finders[event.role].find(event)

    def _from_isolated(self, path: str, mixture_id: str, tags: Mapping[str, Tag]) -> Mixture:
        """The mixture of the isolated events, as they were written."""
        scape, files = self._read[path], self._set.isolated(path)
        plan = mixture_of(scape, mixture_id, _unread_file, tags=tags)
        names = event_names(plan)
        folder = self._set.event_folder(path)
        lost = {
            (self._set.name, f"{folder}/{name}.wav"): (
                f"JAMS file {path!r}: its isolated event {name!r} is missing, cut or unreadable"
            )
            for name in sorted(names.values())
            if name not in files or _is_cut(files[name], plan)
        }
        if lost:
            raise MissingRecordingsError(lost)
        sources = tuple(self._as_written(s, files[names[s.id]], plan) for s in plan.sources)
        return replace(plan, sources=sources, renderer="standard")

    def _as_written(self, source: Source, file: Recording, plan: Mixture) -> Source:
        if (file.sample_rate_hz, file.frames) != (plan.sample_rate_hz, plan.num_samples):
            raise DatasetError(
                f"isolated event {file.path!r} has {file.frames} samples at {file.sample_rate_hz} Hz, its "
                f"JAMS file says {plan.num_samples} at {plan.sample_rate_hz} Hz; they do not belong together"
            )
        clip = Clip(corpus=self._set.name, path=file.path, start=0, frames=file.frames)
        return replace(source, clip=clip, gain=1.0, onset=0, fade=0)

    def _no_isolated(self, path: str, scape: Soundscape) -> DatasetError | MissingRecordingsError:
        """Isolated events of some soundscapes may be missing; of all: they were not written."""
        label = next((event.label for event in scape.events if _is_changed(event)), None)
        why = f"changes pitch or time of {label!r}" if label else "is to be read as rendered"
        folder = self._set.event_folder(path)
        line = (
            f"JAMS file {path!r} {why}, and there are no isolated events in its folder ({folder}/) that can "
            "be read; make it again with save_isolated_events=True, and do not set `isolated: never`"
        )
        if self._mode == "never" or not any(map(self._set.isolated, self.paths)):
            return DatasetError(line)
        return MissingRecordingsError({(self._set.name, f"{folder}/"): line})


def _refuse(path: str, scape: Soundscape) -> None:
    problem = None
    if scape.reverb is not None:
        problem = "has reverberation of the whole mixture, which no isolated source has"
    elif scape.trimmed:
        problem = "was trimmed after it was made"
    elif scape.fade_in_s != scape.fade_out_s:
        problem = f"fades in over {scape.fade_in_s} s and out over {scape.fade_out_s} s"
    elif scape.n_channels != 1:
        problem = f"has {scape.n_channels} channels"
    elif not scape.events:
        problem = "has no events"
    if problem:
        raise DatasetError(f"JAMS file {path!r} {problem}; this cannot be read, remove it")


def _is_cut(file: Recording, plan: Mixture) -> bool:
    return file.sample_rate_hz == plan.sample_rate_hz and file.frames < plan.num_samples


def _is_changed(event: SoundEvent) -> bool:
    return event.pitch_shift is not None or event.time_stretch is not None


def _unread_file(event: SoundEvent) -> FoundFile:
    """Stands for a file that is not read; only names and times of the plan are used."""
    frames = int((event.source_time_s + event.event_duration_s) * 1000) + 2
    name = event.source_file
    return FoundFile(
        corpus="",
        recording=Recording(path=name, label=event.label, frames=frames, sample_rate_hz=1000, split="", group=name),
    )


class FilesByName:
    """Finds the recording that a JAMS file names, whatever folder it had when the JAMS file was written.

    Only recordings that are found are read, so other files of the corpus may be missing.
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
    return PurePosixPath(nfc(event.source_file.replace("\\", "/")))


def _common_tail(one: PurePosixPath, other: PurePosixPath) -> int:
    """Number of parts that two paths share, counted from their ends."""
    pairs = zip(reversed(one.parts), reversed(other.parts), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one.parts), len(other.parts)))
