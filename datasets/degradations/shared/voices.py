"""Other enrollments of the voices and sound classes of a set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ...builders.shared.absent_speakers import ranked
from ...protocols.corpus import Placed, entries_of
from ...protocols.degradation import Degradation, To, UnfitTrialError
from ...types import Clip, EnrollmentClip, MixtureClip, Trial
from .recorded import clip_of, recording_of

if TYPE_CHECKING:
    from ...dataset import Dataset

LONGEST_S = 10.0
"""Longest other enrollment; of a longer recording its beginning is used."""


class Voices:
    """Enrollments that the trials of a set could have had.

    They come from the part of the corpus that the given enrollment is of, and neither from recordings, nor groups of
    recordings, that the mixture or the given enrollments use. Where enrollments are sources of other mixtures, so are
    the others. Their order depends on the seed and their names alone, so that the first of more are those of fewer.
    """

    def __init__(self, of: Dataset) -> None:
        self.of = of
        self._entries: dict[str, Mapping[str, Placed]] = {}
        self._labelled: dict[tuple[str, str | None], Mapping[str, Sequence[Placed]]] = {}

    def label(self, clip: EnrollmentClip) -> str:
        """The voice or class of an enrollment; UnfitTrialError if it is unknown."""
        if isinstance(clip, MixtureClip):
            return next(s.label for s in self.of.mixtures[clip.mixture_id].sources if s.id == clip.source_id)
        entry = self._of_corpus(clip.corpus).get(clip.path)
        if entry is None or not entry.label:
            raise UnfitTrialError("unknown speaker")
        return entry.label

    def labels(self, clip: EnrollmentClip) -> set[str]:
        """All voices or classes that an enrollment in place of this one could have."""
        if isinstance(clip, MixtureClip):
            return {s.label for m in self.of.mixtures.values() for s in m.sources if s.role == "foreground"}
        return self._near(clip).keys() - {""}

    def others(self, clip: EnrollmentClip, label: str, trial: Trial, seed: int) -> Iterator[EnrollmentClip]:
        """Enrollments of a label that could stand in place of one of a trial."""
        if isinstance(clip, MixtureClip):
            yield from self._of_mixtures(label, trial, seed)
            return
        used = self._used_groups(trial, clip.corpus)
        corpus = self.of.corpora[clip.corpus]
        free = {e.path: e for e in self._near(clip).get(label, ()) if e.group not in used}
        for path in ranked(free.keys(), (seed, "other enrollment", label)):
            yield clip_of(clip.corpus, recording_of(corpus, free[path]), longest_s=LONGEST_S)

    def seconds(self, clip: EnrollmentClip) -> float:
        """Length of an enrollment."""
        if isinstance(clip, MixtureClip):
            mixture = self.of.mixtures[clip.mixture_id]
            return mixture.num_samples / mixture.sample_rate_hz
        corpus = self.of.corpora[clip.corpus]
        return clip.frames / recording_of(corpus, self._of_corpus(clip.corpus)[clip.path]).sample_rate_hz

    def _of_corpus(self, name: str) -> Mapping[str, Placed]:
        if name not in self._entries:
            self._entries[name] = {entry.path: entry for entry in entries_of(self.of.corpora[name])}
        return self._entries[name]

    def _near(self, clip: Clip) -> Mapping[str, Sequence[Placed]]:
        """The recordings, by label, of the part of the corpus that a clip is of."""
        entries = self._of_corpus(clip.corpus)
        split = entries[clip.path].split if clip.path in entries else None
        if (clip.corpus, split) not in self._labelled:
            found: dict[str, list[Placed]] = {}
            for entry in entries.values():
                if entry.split == split:
                    found.setdefault(entry.label, []).append(entry)
            self._labelled[clip.corpus, split] = found
        return self._labelled[clip.corpus, split]

    def _used_groups(self, trial: Trial, corpus: str) -> set[str]:
        entries = self._of_corpus(corpus)
        clips = [source.clip for source in self.of.mixtures[trial.mixture_id].sources]
        clips += [clip for clip in trial.clue.enrollments if isinstance(clip, Clip)]
        return {entries[clip.path].group for clip in clips if clip.corpus == corpus and clip.path in entries}

    def _of_mixtures(self, label: str, trial: Trial, seed: int) -> Iterator[MixtureClip]:
        own = self.of.mixtures[trial.mixture_id]
        used = {source.clip.path for source in own.sources}
        given = [clip for clip in trial.clue.enrollments if isinstance(clip, MixtureClip)]
        places: dict[str, MixtureClip] = {}
        for mixture in self.of.mixtures.values():
            for source in mixture.sources:
                if source.role != "foreground" or source.label != label:
                    continue
                clip = MixtureClip(mixture_id=mixture.id, source_id=source.id)
                if clip in given:
                    used.add(source.clip.path)
                elif mixture is not own:
                    places.setdefault(source.clip.path, clip)
        yield from (places[path] for path in ranked(places.keys() - used, (seed, "other enrollment", label)))


class VoiceDegradation(Degradation):
    """Base of degradations that enroll with other recordings; it keeps the voices of the set that it changes."""

    to: To = "enrollment"

    def __init__(self) -> None:
        self._voices: Voices | None = None

    def voices(self, of: Dataset) -> Voices:
        """The voices of a set."""
        if self._voices is None or self._voices.of is not of:
            self._voices = Voices(of)
        return self._voices
