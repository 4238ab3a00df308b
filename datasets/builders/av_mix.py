"""Audio-visual mixtures: on-screen speech, off-screen speech, and interference.

After Yoshinaga, Tanaka and Morishima, "Audio-visual speech enhancement with selective off-screen speech extraction"
(2023), section IV-A. The target is the sum of the on-screen speech, whose clue is a video of the lips, and of the
off-screen speech, whose clue is an enrollment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from ...core.errors import ConfigError
from ..protocols.builder import BUILDERS, BuildContext, Count, Drawn, Selection, enrollment_clips
from ..protocols.renderer import Rendered
from ..render import audible_ids, input_snr, limit_peak
from ..seeding import generator
from ..signals.active_level import active_level
from ..signals.clips import clip_reader
from ..signals.mixing import db_to_gain, power_db
from ..types import Clip, ClueSpec, Mixture, Source, Trial
from .shared.av.pools import Films, SpeakerPools
from .shared.av.scenes import AvRules, AvScene, AvScenes, Onset, Scenario
from .shared.av.shown import Shown
from .shared.options import Level, LevelSpan, MixtureCount, MixtureRate, NotNegative, Peak, Quantise, Seconds, Share
from .shared.target_trials import target_trial

Clue = Literal["video", "enrollment"]


@BUILDERS.register("av_mix")
class AvMix:
    """On-screen speech of a fixed length, off-screen speech of another length, and interference.

    The paper gives the lengths, the range of the SNRs and the four scenarios. It does not give how the SNR is measured,
    where the shorter signals lie, and how loud interfering speech is: these are parameters here, and their defaults are
    a choice.

    Wherever a speaker is drawn, the corpus is drawn first, with equal chances, then the speaker, then the recording,
    then the crop; of noise, every recording has the same chance. A crop that is silent, or a pause 40 dB below its
    recording, is drawn again.

    Args:
        on_screen: filmed speech, of a corpus with videos; recordings shorter than `duration_s` are left out.
        off_screen: off-screen speech; selections of one corpus are put together.
        interferers: speech of the interfering speakers; null: `on_screen` and `off_screen`.
        noise: recordings of noise, for the scenarios that have it.
        scenario: interference: by "noise", one speaker ("spk"), both ("noise+spk"), or two speakers ("2spk"); a list:
            one of them for each mixture, with equal chances.
        duration_s: length of the mixture, of the on-screen speech and of the noise.
        off_screen_s: shortest and longest off-screen speech, drawn uniformly; the paper has 2 to 4 s in training and 0
            to 4 s in the test. A shorter recording is taken whole. At 0 there is no off-screen speech; the enrollment
            is given all the same.
        off_screen_speaker: "other" is the paper's: another speaker than the one on the screen. "same" lets the one on
            the screen talk on without being seen, with another recording.
        off_screen_onset: where the off-screen speech begins: "random" is anywhere that it fits, "start" and "end" put
            it at that end of the mixture.
        off_screen_snr_db: lowest and highest power ratio of on-screen to off-screen speech, drawn uniformly; positive
            makes the on-screen speech louder. Powers are those of `snr_reference`.
        interferer_snr_db: the same of on-screen speech to each interfering speaker by itself, not to their sum.
        noise_snr_db: the same of on-screen speech to the noise.
        snr_reference: "whole" takes the mean power of a signal from its first to its last sample, pauses included;
            "active" that of its active parts (ITU-T P.56). The silence in which a shorter signal is placed never
            counts.
        clues: combinations of clues, a trial on every mixture for each. Video queries the on-screen, enrollment the
            off-screen speech, both their sum. With `off_screen_speaker: same` an enrollment queries both.
        videos: what is shown, a trial on every mixture and combination with a video for each: "right", "wrong" (another
            speaker who is not in the mixture), "missing" (black pictures), "frozen" (the first picture), "dropped" (it
            stops at a random place and its last picture stays), "late" (by `late_pictures`). The tag `video` has it.
        late_pictures: pictures that a late video is behind the sound.
        enrollments: enrollment recordings of the off-screen speaker for each trial, that the mixture does not use.
        enrollment_s: longest enrollment; of a longer recording its beginning is used.
        mute_on_screen: share of mixtures whose on-screen speech is silent, so that only its picture is there; 0.2 in
            the paper's training.
        mute_off_screen: share of mixtures without off-screen speech; 0.2 in the paper's training.
        level_db: level of the on-screen speech re full scale, measured as `snr_reference` says, before `peak`; null: as
            recorded.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        context: BuildContext,
        on_screen: Selection,
        off_screen: tuple[Selection, ...],
        interferers: tuple[Selection, ...] | None = None,
        noise: Selection | None = None,
        scenario: Scenario | tuple[Scenario, ...],
        count: MixtureCount,
        sample_rate_hz: MixtureRate = 16_000,
        duration_s: Seconds = 4.0,
        off_screen_s: tuple[NotNegative, NotNegative] = (0.0, 4.0),
        off_screen_speaker: Literal["other", "same"] = "other",
        off_screen_onset: Onset = "random",
        off_screen_snr_db: LevelSpan = (-2.5, 2.5),
        interferer_snr_db: LevelSpan = (-2.5, 2.5),
        noise_snr_db: LevelSpan = (-2.5, 2.5),
        snr_reference: Literal["whole", "active"] = "whole",
        clues: tuple[tuple[Clue, ...], ...] = (("video", "enrollment"),),
        videos: tuple[Shown, ...] = ("right",),
        late_pictures: Count = 2,
        enrollments: Count = 1,
        enrollment_s: Seconds = 10.0,
        mute_on_screen: Share = 0.0,
        mute_off_screen: Share = 0.0,
        level_db: Level | None = None,
        peak: Peak = 0.9,
        quantise: Quantise = "none",
    ) -> None:
        self.count, self.sample_rate_hz = count, sample_rate_hz
        self._context = context
        self._same, self._active = off_screen_speaker == "same", snr_reference == "active"
        self._clues = tuple(frozenset(names) for names in clues)
        self._enrollments, self._enrollment_s = enrollments, enrollment_s
        self._level_db, self._peak = level_db, peak
        self._quantise: Quantise = quantise
        self._rules = AvRules(
            scenarios=(scenario,) if isinstance(scenario, str) else scenario,
            sample_rate_hz=sample_rate_hz,
            duration_s=duration_s,
            off_screen_s=off_screen_s,
            same_speaker=self._same,
            off_screen_onset=off_screen_onset,
            off_screen_snr_db=off_screen_snr_db,
            interferer_snr_db=interferer_snr_db,
            noise_snr_db=noise_snr_db,
            mute=(mute_on_screen, mute_off_screen),
            videos=videos,
            late_pictures=late_pictures,
        )
        self._check(noise)
        self._read = clip_reader(sample_rate_hz=sample_rate_hz, corpora=context.corpora)
        others = (on_screen, *off_screen) if interferers is None else interferers
        self._scenes = self._open(on_screen, off_screen, others, noise)

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`."""
        mixture_id = self._context.mixture_id(index)
        scene = self._scenes.draw(self._context.key(mixture_id))
        mixture = Mixture(
            id=mixture_id,
            sample_rate_hz=self.sample_rate_hz,
            num_samples=self._rules.num_samples,
            sources=self._sources(scene),
            quantise=self._quantise,
            tags={"scenario": scene.scenario, "off_screen_s": self._off_screen_s(scene)},
        )
        mixture, rendered = limit_peak(mixture, self._peak, self._context.corpora, read=self._read)
        trials = self._trials(mixture, rendered, scene)
        asked = sum(len(self._rules.videos) if "video" in kinds else 1 for kinds in self._clues)
        silent = {"silent_target": asked - len(trials)}
        return Drawn(mixture=mixture, trials=trials, excluded=silent, rendered=rendered)

    def _open(
        self,
        on_screen: Selection,
        off_screen: tuple[Selection, ...],
        interferers: tuple[Selection, ...],
        noise: Selection | None,
    ) -> AvScenes:
        rules, context, read = self._rules, self._context, self._read
        speakers = interferers if any("spk" in name for name in rules.scenarios) else ()
        return AvScenes(
            rules=rules,
            films=Films(on_screen, context, read, seconds=rules.duration_s, lead=self._lead),
            off_screen=SpeakerPools(off_screen, context, read),
            interferers=SpeakerPools(speakers, context, read),
            noise=SpeakerPools([noise] if noise else [], context, read, min_s=rules.duration_s),
            read=read,
        )

    @property
    def _lead(self) -> int:
        """Pictures before each stretch of a film."""
        return self._rules.late_pictures if "late" in self._rules.videos else 0

    def _check(self, noise: Selection | None) -> None:
        rules = self._rules
        if not rules.videos or len(set(rules.videos)) < len(rules.videos):
            raise ConfigError(f"videos = {list(rules.videos)} must list different ones, such as [right, frozen]")
        low, high = rules.off_screen_s
        if not low <= high <= rules.duration_s:
            raise ConfigError(f"off_screen_s = {[low, high]} must rise, up to duration_s = {rules.duration_s:g}")
        if not rules.scenarios or len(set(rules.scenarios)) < len(rules.scenarios):
            raise ConfigError(f"scenario = {list(rules.scenarios)} must list different ones, such as [noise, spk]")
        if any("noise" in name for name in rules.scenarios) != (noise is not None):
            raise ConfigError(
                f"scenario {' and '.join(map(repr, rules.scenarios))} {'needs' if noise is None else 'has no'} noise; "
                f"{'add' if noise is None else 'take out'} `noise`"
            )
        if not self._clues or len(set(self._clues)) < len(self._clues) or not all(self._clues):
            raise ConfigError("clues must list different combinations, such as [[video, enrollment], [video]]")
        if sum(rules.mute) > 1:
            raise ConfigError(f"mute_on_screen + mute_off_screen = {sum(rules.mute):g} is more than 1; lower one")

    def _sources(self, scene: AvScene) -> tuple[Source, ...]:
        loud_db = self._measure(scene.on_screen.clip) if self._level_db is None else self._level_db
        return tuple(
            Source(
                id=part.id,
                label=part.crop.label,
                role=part.role,
                clip=part.crop.clip,
                gain=db_to_gain(loud_db - part.snr_db - self._measure(part.crop.clip)),
                onset=part.onset,
            )
            for part in scene.signals
        )

    def _measure(self, clip: Clip) -> float:
        """Level of a clip in dB re full scale, as `snr_reference` says."""
        samples = self._read(clip)
        if self._active:
            return active_level(samples, self.sample_rate_hz).level_db
        return power_db(samples)

    def _off_screen_s(self, scene: AvScene) -> float:
        lengths = [len(self._read(p.crop.clip)) for p in scene.signals if p.id == "off"]
        return round(sum(lengths) / self.sample_rate_hz, 3)

    def _trials(self, mixture: Mixture, rendered: Rendered, scene: AvScene) -> tuple[Trial, ...]:
        """One for each combination of clues whose target is audible."""
        audible = audible_ids(mixture, rendered)
        enrolled = enrollment_clips(
            scene.off_pool,
            scene.off_label,
            used=[scene.on_screen.clip, *(source.clip for source in mixture.sources)],
            rng=generator(*self._context.key(mixture.id), "enrollment"),
            count=self._enrollments,
            max_s=self._enrollment_s,
        )
        asked = self._asked(scene, enrolled, audible)
        return tuple(self._trial(mixture, rendered, each) for each in asked)

    def _asked(self, scene: AvScene, enrolled: tuple[Clip, ...], audible: Collection[str]) -> Iterator[_Asked]:
        """One for each combination of clues and each video, as far as its target is audible."""
        for number, kinds in enumerate(self._clues):
            wanted = {"on": "video" in kinds or self._same, "off": "enrollment" in kinds}
            targets = tuple(name for name, is_target in wanted.items() if is_target and name in audible)
            if not targets:
                continue
            voices = enrolled if "enrollment" in kinds else ()
            if "video" not in kinds:
                yield _Asked(f"q{number}", ClueSpec(enrollments=voices), targets)
                continue
            for fault, video in scene.shown.items():
                suffix = "" if fault == "right" else f"_{fault}"
                yield _Asked(f"q{number}{suffix}", ClueSpec(enrollments=voices, video=video), targets, fault)

    def _trial(self, mixture: Mixture, rendered: Rendered, asked: _Asked) -> Trial:
        tags = {
            **mixture.tags,
            "target": "+".join(asked.targets),
            "clues": "+".join(sorted(asked.clue.kinds(), reverse=True)),
            **input_snr(mixture, rendered, asked.targets),
            **({"video": asked.video} if asked.video and self._rules.videos != ("right",) else {}),
        }
        name = f"{mixture.id}_{asked.name}"
        return target_trial(mixture, *asked.targets, clue=asked.clue, tags=tags, trial_id=name)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query on a mixture: the end of its id, its clue, its targets, and what is shown."""

    name: str
    clue: ClueSpec
    targets: tuple[str, ...]
    video: Shown | None = None
