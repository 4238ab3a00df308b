"""Short meetings: speakers take turns and interrupt each other; their references can be withheld."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ...core.errors import ConfigError
from ..activity import joined, share_covered, speech_times
from ..protocols.builder import (
    BUILDERS,
    BuildContext,
    Count,
    Drawn,
    Selection,
    TooFewRecordingsError,
    enrollment_clips,
    open_pool,
    stretch,
)
from ..protocols.corpus import Recording
from ..protocols.renderer import Rendered
from ..render import limit_peak
from ..seeding import generator
from ..signals.audio import resampled_length
from ..signals.clips import clip_reader
from ..signals.mixing import db_to_gain, power_db
from ..types import Clip, ClueSpec, Condition, Mixture, RecordedTarget, Source, Spans, Trial
from .shared.options import Level, LevelSpan, MixtureCount, MixtureRate, Peak, Seconds, SpeakerClues

NOTE = (
    "the references are withheld, as in real recordings: metrics that compare with a reference do not apply (SDR, "
    "SI-SDR, PESQ, STOI, ...)"
)
_MOST_TURNS = 40  # each is a signal of the mixture's length in memory
_FEWEST_TURNS = 2


@BUILDERS.register("meeting_mix")
class MeetingMix:
    """Speakers who take turns, with pauses between them or overlaps; each is the target of one trial.

    Every turn is one utterance. A trial's transcript is all that its speaker says, in order, and its activity the time
    in which the clean turns are within 40 dB of their loudest 10 ms, pauses under 0.2 s included.

    Args:
        speech: utterances; their labels are the speakers.
        n_speakers: fewest and most speakers of a meeting, drawn uniformly.
        turns: fewest and most turns, drawn uniformly; every speaker has one at least, and none has two in a row.
        gap_s: shortest and longest pause before the next turn; a negative one is an overlap with the turn before.
        spread_db: lowest and highest level of a speaker re `level_db`, drawn uniformly for each.
        references: "withheld" gives trials without reference, "kept" the same mixtures with the sum of the speaker's
            turns as reference, to compare metrics on.
        language: of the utterances, a code such as "en"; "": unknown.
        enrollments: enrollment utterances of each trial, of the target's voice, that the mixture does not hold.
        enrollment_s: longest enrollment; of a longer utterance its beginning is used.
        level_db: mean power of a turn re full scale, before `peak`.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        context: BuildContext,
        speech: Selection,
        count: MixtureCount,
        sample_rate_hz: MixtureRate = 8000,
        n_speakers: tuple[Count, Count] = (2, 3),
        turns: tuple[Annotated[int, Field(ge=_FEWEST_TURNS, le=_MOST_TURNS)], Count] = (4, 6),
        gap_s: LevelSpan = (-0.8, 0.4),
        spread_db: LevelSpan = (-5.0, 5.0),
        references: Literal["withheld", "kept"] = "withheld",
        language: str = "",
        clues: SpeakerClues = ("enrollment",),
        enrollments: Count = 1,
        enrollment_s: Seconds = 10.0,
        level_db: Level = -25.0,
        peak: Peak = 0.9,
    ) -> None:
        self.count, self.sample_rate_hz = count, sample_rate_hz
        self._context, self._speech = context, open_pool(speech, context)
        self._n_speakers, self._turns, self._gap_s, self._spread_db = n_speakers, turns, gap_s, spread_db
        self._withheld, self._language = references == "withheld", language
        self._enrollments, self._enrollment_s, self._clues = enrollments, enrollment_s, clues
        self._level_db, self._peak = level_db, peak
        self._read = clip_reader(sample_rate_hz=sample_rate_hz, corpora=context.corpora)
        self.notes: tuple[str, ...] = (NOTE,) if self._withheld else ()
        self._check()

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of meeting `index`."""
        mixture_id = self._context.mixture_id(index)
        rng = generator(*self._context.key(mixture_id))
        speakers = self._draw_speakers(rng)
        recordings = self._utterances(self._order(speakers, rng), rng)
        levels = dict(zip(speakers, rng.uniform(*self._spread_db, size=len(speakers)), strict=True))
        onsets, num_samples = self._onsets(recordings, rng)
        turns = zip(recordings, onsets, strict=True)
        mixture = Mixture(
            id=mixture_id,
            sample_rate_hz=self.sample_rate_hz,
            num_samples=num_samples,
            sources=tuple(self._source(f"t{n}", r, levels[r.label], on) for n, (r, on) in enumerate(turns, 1)),
        )
        mixture, rendered = limit_peak(mixture, self._peak, self._context.corpora, read=self._read)
        activity = self._activity(mixture, rendered)
        trials = tuple(self._trial(mixture, speaker, activity) for speaker in sorted(speakers))
        return Drawn(mixture=mixture, trials=trials, rendered=rendered)

    def _check(self) -> None:
        (fewest, most), (low, high) = self._n_speakers, self._turns
        known = len(self._speech.labels)
        if not 2 <= fewest <= most <= min(known, low):
            raise ConfigError(
                f"n_speakers = {[fewest, most]}: write the fewest (2 or more) and the most, at most {known} (the "
                f"speakers of corpus {self._speech.corpus!r} in split {self._context.split!r}) and {low} (the turns)"
            )
        if not low <= high <= _MOST_TURNS:
            raise ConfigError(f"turns = {[low, high]}: write the fewest and the most, at most {_MOST_TURNS}")

    def _draw_speakers(self, rng: np.random.Generator) -> list[str]:
        count = int(rng.integers(self._n_speakers[0], self._n_speakers[1] + 1))
        return [str(label) for label in rng.choice(self._speech.labels, size=count, replace=False)]

    def _order(self, speakers: list[str], rng: np.random.Generator) -> list[str]:
        """Speaker of each turn: all of them once, then any but the one before."""
        order = list(speakers)
        total = int(rng.integers(self._turns[0], self._turns[1] + 1))
        while len(order) < total:
            others = [name for name in speakers if name != order[-1]]
            order.append(others[int(rng.integers(len(others)))])
        return order

    def _utterances(self, order: list[str], rng: np.random.Generator) -> list[Recording]:
        """A different utterance for each turn; some are left to enroll with."""
        shuffled = {label: rng.permutation(len(self._speech.by_label[label])) for label in dict.fromkeys(order)}
        found = []
        for place, label in enumerate(order):
            before = order[:place].count(label)
            if before + self._enrollments >= len(shuffled[label]):
                raise TooFewRecordingsError(
                    f"label {label!r} of corpus {self._speech.corpus!r} has {len(shuffled[label])} recordings, too few "
                    f"for {before + 1} turns and {self._enrollments} enrollments; add recordings, or lower `turns`"
                )
            found.append(self._speech.by_label[label][int(shuffled[label][before])])
        return found

    def _length(self, recording: Recording) -> int:
        return resampled_length(recording.frames, from_hz=recording.sample_rate_hz, to_hz=self.sample_rate_hz)

    def _onsets(self, recordings: list[Recording], rng: np.random.Generator) -> tuple[list[int], int]:
        """First sample of each turn, and the length of the meeting; turns of one speaker never overlap."""
        onsets: list[int] = []
        ends: dict[str, int] = {}
        for recording in recordings:
            gap = round(float(rng.uniform(*self._gap_s)) * self.sample_rate_hz)
            onset = max(0, max(ends.values(), default=-gap) + gap, ends.get(recording.label, 0))
            onsets.append(onset)
            ends[recording.label] = onset + self._length(recording)
        return onsets, max(ends.values())

    def _source(self, name: str, recording: Recording, level_db: float, onset: int) -> Source:
        clip = stretch(self._speech, recording, seconds=recording.frames / recording.sample_rate_hz)
        gain = db_to_gain(self._level_db + level_db - power_db(self._read(clip)))
        return Source(
            id=name,
            label=recording.label,
            role="foreground",
            clip=clip,
            gain=gain,
            onset=onset,
            transcript=recording.transcript,
        )

    def _activity(self, mixture: Mixture, rendered: Rendered) -> dict[str, Spans]:
        """When each speaker speaks."""
        spans: dict[str, list[tuple[float, float]]] = {}
        for source, samples in zip(mixture.sources, rendered.sources, strict=True):
            spans.setdefault(source.label, []).extend(speech_times(samples, sample_rate_hz=mixture.sample_rate_hz))
        return {label: joined(each) for label, each in spans.items()}

    def _trial(self, mixture: Mixture, speaker: str, activity: dict[str, Spans]) -> Trial:
        own = sorted((s for s in mixture.sources if s.label == speaker), key=lambda source: source.onset)
        rng = generator(*self._context.key(mixture.id), "enrollment", speaker)
        used: list[Clip] = [source.clip for source in mixture.sources]
        clips = enrollment_clips(
            self._speech, speaker, used=used, rng=rng, count=self._enrollments, max_s=self._enrollment_s
        )
        others = [spans for label, spans in activity.items() if label != speaker]
        said = [source.transcript for source in own if source.transcript]
        facts = RecordedTarget(
            speaker=speaker,
            transcript=" ".join(said) if len(said) == len(own) else None,
            language=self._language,
            activity=activity[speaker],
        )
        return Trial(
            id=f"{mixture.id}_{speaker}",
            mixture_id=mixture.id,
            clue=ClueSpec(
                enrollments=clips if "enrollment" in self._clues else (),
                activity=activity[speaker] if "activity" in self._clues else None,
            ),
            target_ids=() if self._withheld else tuple(source.id for source in own),
            condition=Condition(n_active=1, n_inactive=0),
            cluster=mixture.id,
            tags={
                "n_speakers": len(activity),
                "overlap": round(share_covered(activity[speaker], others) or 0.0, 3),
                **({"language": self._language} if self._language else {}),
            },
            recorded=facts if self._withheld else None,
        )
