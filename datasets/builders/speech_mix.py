"""Speech mixtures: N speakers, one of them queried by an enrollment of the same voice."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ...core.errors import ConfigError
from ..activity import joined, speech_times
from ..protocols.builder import (
    BUILDERS,
    BuildContext,
    Count,
    Drawn,
    Pool,
    Selection,
    enrollment_clips,
    open_pool,
    stretch,
)
from ..protocols.corpus import Recording
from ..protocols.renderer import Rendered
from ..render import audible_ids, input_snr, limit_peak
from ..seeding import generator
from ..signals.audio import resampled_length
from ..signals.clips import clip_reader
from ..signals.mixing import db_to_gain, overlap_onsets, power_db
from ..types import Clip, ClueSpec, Mixture, Source, Trial
from .shared.absent_speakers import AbsentSpeakers
from .shared.microphones import MicrophoneOptions, Placement
from .shared.options import (
    AbsentSpeakerCount,
    Level,
    LevelSpan,
    MixtureCount,
    MixtureRate,
    Peak,
    PlacedSpeakerClues,
    Quantise,
    Seconds,
    ShareSpan,
    SpeakerTargets,
)
from .shared.target_trials import target_trial


@BUILDERS.register("speech_mix")
class SpeechMix:
    """Mixtures of N different speakers, with optional noise.

    Levels are mean powers over the whole utterance: the first speaker stands at `level_db`, each other one `snr_db`
    below it, the noise `noise_snr_db` below it.

    Args:
        speech: utterances; their labels are the speakers.
        noise: recordings of noise that last as long as the mixture, one for each; null: none.
        family: sets of one family, version and seed have the same mixtures, whatever their names; null: the set's name.
        n_speakers: different speakers in each mixture.
        snr_db: lowest and highest power ratio of the first speaker to each other one, drawn uniformly for each other
            one by itself: positive makes the first louder. With more than two speakers it is not the ratio to the sum
            of the others; that of a target to all the rest is the tag `input_snr_db` of its trial. Powers are means
            over whole utterances, pauses included, also where `mode: min` cuts them.
        noise_snr_db: lowest and highest power ratio of the first speaker to the noise, drawn uniformly; the noise's
            power is the mean over the mixture.
        mode: "min" cuts all to the shortest utterance, "max" pads all to the end of the last. Only an utterance that is
            in the mixture to its end has a transcript.
        overlap: lowest and highest share, drawn uniformly, of the shorter of two successive utterances that overlaps
            the one before it, 0 (one after the other) to 1; needs `mode: max`. null: all start together.
        enrollments: enrollment utterances of each trial, of the target's voice, that the mixture does not hold.
        enrollment_s: longest enrollment; of a longer utterance its beginning is used.
        level_db: mean power of the first speaker's whole utterance re full scale, before `peak`.
        microphones: several channels, and where the sources are drawn around them; the noise comes from a point, too.
            null: one channel.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        context: BuildContext,
        speech: Selection,
        noise: Selection | None = None,
        family: str | None = None,
        count: MixtureCount,
        sample_rate_hz: MixtureRate = 8000,
        n_speakers: Count = 2,
        snr_db: LevelSpan = (-5.0, 5.0),
        noise_snr_db: LevelSpan = (10.0, 20.0),
        mode: Literal["min", "max"] = "min",
        overlap: ShareSpan | None = None,
        targets: SpeakerTargets = "all",
        absent_speakers: AbsentSpeakerCount = 0,
        clues: PlacedSpeakerClues = ("enrollment",),
        enrollments: Count = 1,
        enrollment_s: Seconds = 10.0,
        level_db: Level = -25.0,
        peak: Peak = 0.9,
        quantise: Quantise = "none",
        microphones: MicrophoneOptions | None = None,
    ) -> None:
        self.count, self.sample_rate_hz = count, sample_rate_hz
        context = self._context = replace(context, name=family or context.name)
        self._speech = open_pool(speech, context)
        self._noise = open_pool(noise, context) if noise else None
        self._n_speakers, self._snr_db, self._noise_snr_db = n_speakers, snr_db, noise_snr_db
        self._mode, self._overlap, self._targets = mode, overlap, targets
        self._enrollments, self._enrollment_s, self._clues = enrollments, enrollment_s, clues
        self._level_db, self._peak = level_db, peak
        self._quantise: Quantise = quantise
        self._read = clip_reader(sample_rate_hz=sample_rate_hz, corpora=context.corpora)
        self._absent = AbsentSpeakers(
            self._speech.by_label, self._enroll_absent, context=context, count=absent_speakers
        )
        self._placement = Placement(context, microphones)
        self.notes = self._placement.notes
        self._check(absent_speakers)

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`."""
        mixture_id = self._context.mixture_id(index)
        rng = generator(*self._context.key(mixture_id))
        chosen = rng.choice(self._speech.labels, size=self._n_speakers, replace=False)
        utterances = [self._speech.pick(str(speaker), rng) for speaker in chosen]
        levels = [0.0, *(-rng.uniform(*self._snr_db, size=self._n_speakers - 1))]
        onsets, num_samples = self._timing(utterances, rng)
        sources = [
            self._source(f"s{n}", recording, level, onset, num_samples)
            for n, (recording, level, onset) in enumerate(zip(utterances, levels, onsets, strict=True), 1)
        ]
        if self._noise:
            sources.append(self._draw_noise(self._noise, num_samples, rng))
        mixture = Mixture(
            id=mixture_id,
            sample_rate_hz=self.sample_rate_hz,
            num_samples=num_samples,
            sources=tuple(sources),
            quantise=self._quantise,
            tags={"n_speakers": self._n_speakers},
        )
        placed = self._placement.placed(mixture)
        mixture, rendered = limit_peak(placed, self._peak, self._context.corpora, read=self._read)
        targets = mixture.sources[: self._n_speakers if self._targets == "all" else 1]
        # In min mode, an utterance may be cut to the pause that it begins with.
        audible = audible_ids(mixture, rendered)
        trials = tuple(self._trial(mixture, rendered, s) for s in targets if s.id in audible)
        silent = {"silent_target": len(targets) - len(trials)}
        every = self._absent.join(mixture, trials)
        return Drawn(mixture=mixture, trials=every, excluded=silent, rendered=rendered)

    def _check(self, absent_speakers: int) -> None:
        speakers = len(self._speech.labels)
        if self._n_speakers > speakers:
            raise ConfigError(
                f"n_speakers = {self._n_speakers} is more than the {speakers} speakers of corpus "
                f"{self._speech.corpus!r} in split {self._context.split!r}; lower it"
            )
        if "activity" in self._clues and absent_speakers:
            raise ConfigError(
                "a speaker who is not there has no times of speech; set absent_speakers: 0, or clues: [enrollment]"
            )
        if "direction" in self._clues and (absent_speakers or not self._placement.places):
            why = "a speaker who is not there has no direction" if absent_speakers else "one microphone hears none"
            raise ConfigError(
                f"clues: {list(self._clues)}: {why}; add microphones with absent_speakers: 0, or leave out direction"
            )
        if self._overlap and self._mode == "min":
            raise ConfigError("overlap needs `mode: max`; in min mode all speakers start together")

    def _length(self, recording: Recording) -> int:
        return resampled_length(recording.frames, from_hz=recording.sample_rate_hz, to_hz=self.sample_rate_hz)

    def _timing(self, utterances: list[Recording], rng: np.random.Generator) -> tuple[list[int], int]:
        lengths = [self._length(recording) for recording in utterances]
        if self._mode == "min":
            return [0] * len(lengths), min(lengths)
        onsets = [0] * len(lengths)
        if self._overlap:
            onsets = overlap_onsets(lengths, float(rng.uniform(*self._overlap)))
        return onsets, max(on + length for on, length in zip(onsets, lengths, strict=True))

    def _source(self, source_id: str, recording: Recording, level_db: float, onset: int, num_samples: int) -> Source:
        clip = Clip(corpus=self._speech.corpus, path=recording.path, start=0, frames=recording.frames)
        whole = onset + self._length(recording) <= num_samples
        return Source(
            id=source_id,
            label=recording.label,
            role="foreground",
            clip=clip,
            gain=self._gain(clip, self._level_db + level_db),
            onset=onset,
            transcript=recording.transcript if whole else None,
        )

    def _draw_noise(self, pool: Pool, num_samples: int, rng: np.random.Generator) -> Source:
        seconds = num_samples / self.sample_rate_hz
        label = str(rng.choice(pool.labels))
        long_enough = [r for r in pool.by_label[label] if self._length(r) >= num_samples]
        if not long_enough:
            raise ConfigError(
                f"noise {label!r} of corpus {pool.corpus!r} has no recording of {seconds:.1f} s, "
                "the length of the mixture; choose longer noise or shorter speech"
            )
        recording = long_enough[int(rng.integers(len(long_enough)))]
        clip = stretch(pool, recording, seconds=seconds, position=float(rng.random()))
        level = self._level_db - float(rng.uniform(*self._noise_snr_db))
        return Source(id="noise", label=label, role="background", clip=clip, gain=self._gain(clip, level))

    def _gain(self, clip: Clip, target_db: float) -> float:
        level = power_db(self._read(clip))
        if not np.isfinite(level):
            raise ConfigError(f"recording {clip.path!r} of corpus {clip.corpus!r} is silent; remove it")
        return db_to_gain(target_db - level)

    def _enroll(self, mixture: Mixture, speaker: str, name: str, *held: Clip) -> tuple[Clip, ...]:
        return enrollment_clips(
            self._speech,
            speaker,
            used=[*(source.clip for source in mixture.sources), *held],
            rng=generator(*self._context.key(mixture.id), "enrollment", name),
            count=self._enrollments,
            max_s=self._enrollment_s,
        )

    def _enroll_absent(self, mixture: Mixture, recording: Recording, _turn: int) -> tuple[Clip, ...]:
        held = Clip(corpus=self._speech.corpus, path=recording.path, start=0, frames=recording.frames)
        return self._enroll(mixture, recording.label, f"absent {recording.label}", held)

    def _trial(self, mixture: Mixture, rendered: Rendered, target: Source) -> Trial:
        clue = ClueSpec()
        if "enrollment" in self._clues:
            clue = replace(clue, enrollments=self._enroll(mixture, target.label, target.id))
        if "activity" in self._clues:
            samples = rendered.sources[mixture.sources.index(target)]
            clue = replace(clue, activity=joined(speech_times(samples, sample_rate_hz=mixture.sample_rate_hz)))
        if "direction" in self._clues:
            clue = replace(clue, direction=self._placement.direction(target))
        tags = {"target": target.label, **mixture.tags, **input_snr(mixture, rendered, (target.id,))}
        return target_trial(mixture, target.id, clue=clue, tags=tags)
