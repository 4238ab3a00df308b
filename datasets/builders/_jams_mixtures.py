"""From the JAMS files of a set to mixtures: files found by name, isolated events where needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from ...errors import DatasetError
from ..corpora.scaper_set import ScaperSet
from ..corpus import Corpora, Recording
from ..jams_files import SoundEvent, Soundscape, read_jams
from ..renderers.scaper import event_names
from ..soundscapes import FoundFile, mixture_of
from ..types import Clip, Mixture, Source, Tag

Isolated = Literal["never", "needed", "always"]


class FilesByName:
    """Finds the recording that a JAMS file means, wherever its files lay when it was written.

    Args:
        corpora: open corpora.
        names: those to look in.
    """

    def __init__(self, corpora: Corpora, names: Sequence[str]) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._by_name: dict[str, list[FoundFile]] = {}
        for name in self._names:
            for recording in corpora[name].recordings():
                found = FoundFile(corpus=name, recording=recording)
                self._by_name.setdefault(PurePosixPath(recording.path).name, []).append(found)

    def find(self, event: SoundEvent) -> FoundFile:
        """The recording with that file name; of several, the one whose folders fit best.

        Raises:
            DatasetError: there is none, or several fit equally well.
        """
        path = PurePosixPath(event.source_file.replace("\\", "/"))
        known = self._by_name.get(path.name, [])
        fits = [_common_tail(path, PurePosixPath(one.recording.path)) for one in known]
        best = [one for one, fit in zip(known, fits, strict=True) if fit == max(fits)]
        if len(best) == 1:
            return best[0]
        where = " and ".join(repr(name) for name in self._names) or "none"
        problem = (
            f"{best[0].recording.path!r} and {best[1].recording.path!r} both fit"
            if best
            else "no recording has that name"
        )
        raise DatasetError(
            f"event {event.label!r} is of file {event.source_file!r}: {problem} (corpora looked "
            f"in: {where}); correct `events`, `background` or their folders"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JamsMixture:
    """A recipe of a JAMS file.

    Attributes:
        origin: the same with the files that the events were taken from, if the recipe has their
            rendered audio instead and these files are known.
    """

    mixture: Mixture
    origin: Mixture | None = None


class JamsMixtures:
    """The soundscapes below a folder of a set.

    Args:
        soundscapes: the set.
        folder: only JAMS files below it.
        finders: where to look for files, by role.
        isolated: read the rendered isolated events "never", "always", or where "needed".

    Raises:
        DatasetError: a JAMS file cannot be read, or its mixture cannot be made.
    """

    def __init__(
        self,
        soundscapes: ScaperSet,
        *,
        folder: str,
        finders: Mapping[str, FilesByName],
        isolated: Isolated,
    ) -> None:
        self._set, self._finders, self._mode = soundscapes, finders, isolated
        self._read = {
            path: read_jams(soundscapes.file(path))
            for path in soundscapes.soundscapes
            if PurePosixPath(path).is_relative_to(folder)
        }
        self.paths = tuple(self._read)

    def labels(self, role: str) -> tuple[str, ...]:
        """All labels of events or backgrounds, sorted."""
        every = (event for scape in self._read.values() for event in scape.events)
        return tuple(sorted({event.label for event in every if event.role == role}))

    def rates(self) -> tuple[int, ...]:
        """All sample rates in Hz, sorted."""
        return tuple(sorted({scape.sample_rate_hz for scape in self._read.values()}))

    def mixture(self, path: str, mixture_id: str) -> JamsMixture:
        """The recipe of one JAMS file.

        Raises:
            DatasetError: it has changes of pitch or time and no isolated events, or what no source
                has (reverberation, a cut after it was made), or a file is not found.
        """
        scape = self._read[path]
        self._refuse(path, scape)
        tags = self._tags(scape)
        isolated = self._set.isolated(path) if self._mode != "never" else {}
        if self._mode == "always" or _changed(scape):
            if not isolated:
                raise self._no_isolated(path, scape)
            origin = self._scaper(scape, mixture_id, tags, path) if self._known(scape) else None
            return JamsMixture(mixture=self._written(path, mixture_id, tags), origin=origin)
        return JamsMixture(mixture=self._scaper(scape, mixture_id, tags, path))

    def _tags(self, scape: Soundscape) -> Mapping[str, Tag]:
        labels = {event.label for event in scape.events if event.role == "foreground"}
        scenes = sorted({event.label for event in scape.events if event.role == "background"})
        several = len(self.labels("background")) > 1
        return {"n_classes": len(labels), **({"scene": "+".join(scenes)} if several else {})}

    def _scaper(
        self, scape: Soundscape, mixture_id: str, tags: Mapping[str, Tag], path: str
    ) -> Mixture:
        try:
            return mixture_of(
                scape, mixture_id, lambda event: self._finders[event.role].find(event), tags=tags
            )
        except DatasetError as error:
            raise DatasetError(f"JAMS file {path!r}: {error}") from None

    def _known(self, scape: Soundscape) -> bool:
        """Can all files be looked up?"""
        try:
            for event in scape.events:
                self._finders[event.role].find(event)
        except DatasetError:
            return False
        return True

    def _written(self, path: str, mixture_id: str, tags: Mapping[str, Tag]) -> Mixture:
        """The mixture of the isolated events, as they were written."""
        scape, files = self._read[path], self._set.isolated(path)
        plan = mixture_of(scape, mixture_id, _any_file, tags=tags)
        names = event_names(plan)
        lost = sorted(set(names.values()) - set(files))
        if lost:
            raise DatasetError(
                f"JAMS file {path!r}: its isolated event {lost[0]!r} is missing; complete the set"
            )
        sources = tuple(self._as_written(s, files[names[s.id]], plan) for s in plan.sources)
        return replace(plan, sources=sources, renderer="standard")

    def _as_written(self, source: Source, file: Recording, plan: Mixture) -> Source:
        if (file.sample_rate_hz, file.frames) != (plan.sample_rate_hz, plan.num_samples):
            raise DatasetError(
                f"isolated event {file.path!r} has {file.frames} samples at {file.sample_rate_hz} "
                f"Hz, its JAMS file says {plan.num_samples} at {plan.sample_rate_hz} Hz; they do "
                "not belong together"
            )
        clip = Clip(corpus=self._set.name, path=file.path, start=0, frames=file.frames)
        return replace(source, clip=clip, gain=1.0, onset=0, fade=0)

    def _refuse(self, path: str, scape: Soundscape) -> None:
        what = None
        if scape.reverb is not None:
            what = "has reverberation of the whole mixture, which no isolated source has"
        elif scape.trimmed:
            what = "was trimmed after it was made"
        elif scape.fade_in_s != scape.fade_out_s:
            what = f"fades in over {scape.fade_in_s} s and out over {scape.fade_out_s} s"
        elif scape.n_channels != 1:
            what = f"has {scape.n_channels} channels"
        elif not scape.events:
            what = "has no events"
        if what:
            raise DatasetError(f"JAMS file {path!r} {what}; this cannot be read, remove it")

    def _no_isolated(self, path: str, scape: Soundscape) -> DatasetError:
        label = next((event.label for event in scape.events if _is_changed(event)), None)
        why = f"changes pitch or time of {label!r}" if label else "is to be read as rendered"
        return DatasetError(
            f"JAMS file {path!r} {why}, and there are no isolated events beside it "
            f"({path.removesuffix('.jams')}_events/) that can be read; make it again with "
            "save_isolated_events=True, and do not set `isolated: never`"
        )


def _changed(scape: Soundscape) -> bool:
    return any(map(_is_changed, scape.events))


def _is_changed(event: SoundEvent) -> bool:
    return event.pitch_shift is not None or event.time_stretch is not None


def _any_file(event: SoundEvent) -> FoundFile:
    """Stands for a file that is not read; only names and times of the plan are used."""
    frames = int((event.source_time_s + event.event_duration_s) * 1000) + 2
    recording = Recording(
        path=event.source_file,
        label=event.label,
        frames=frames,
        sample_rate_hz=1000,
        split="",
        group=event.source_file,
    )
    return FoundFile(corpus="", recording=recording)


def _common_tail(one: PurePosixPath, other: PurePosixPath) -> int:
    """How many parts two paths share, counted from their ends."""
    pairs = zip(reversed(one.parts), reversed(other.parts), strict=False)
    return next(
        (n for n, (a, b) in enumerate(pairs) if a != b), min(len(one.parts), len(other.parts))
    )
