"""Mixtures of sound events on a background: draws of clips, positions and levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ....core.errors import ConfigError
from ...protocols.builder import BuildContext, Pool, Selection, open_pool, stretch
from ...protocols.renderer import Rendered
from ...render import audible_ids, input_snr, limit_peak
from ...renderers import scaper
from ...renderers.shared.sox_rate import sox_length
from ...signals.clips import clip_reader
from ...signals.mixing import SILENT_DB, LevelScale, db_to_gain, level_db, power_db, round_gain
from ...types import Clip, Mixture, Source, Tag
from .audibility import Audibility
from .microphones import MicrophoneOptions, Placement
from .options import Level, LevelSpan, NotNegative, Peak, Quantise, SecondsSpan

Background = Annotated[
    Selection,
    Field(
        description="recordings of the background, one for each mixture, as long as it; shorter ones are left out. If "
        "they have several labels, these are the scenes, a tag of the trials. null: no background"
    ),
]
EventSeconds = Annotated[
    SecondsSpan,
    Field(
        description="shortest and longest event, drawn uniformly for each; a shorter recording is used whole, of a "
        "longer one a stretch at random"
    ),
]
EventLevels = Annotated[
    LevelSpan,
    Field(
        description="lowest and highest level of an event over `background_db`, drawn uniformly for each event by "
        "itself. It is not relative to the other events: with four classes, each of the four stands that far above "
        "the background, and the target's power over all the rest is the tag `input_snr_db` of its trial "
        "(`input_snr_lufs_db` with the renderer scaper). The level is that of the event's own clip, without the "
        "silence around it, before `fade_ms` and `peak`, on the scale of `level`"
    ),
]
BackgroundLevel = Annotated[
    Level,
    Field(
        description="level of the background's stretch in a mixture, re full scale, on the scale of `level`: LUFS, or "
        "dB of mean power. Without a background it is the level that `snr_db` is added to"
    ),
]
SceneScale = Annotated[
    LevelScale,
    Field(
        description='scale of `background_db` and `snr_db`: "lufs" is the gated loudness of ITU-R BS.1770 (at least '
        '−70 LUFS), as Scaper measures it; "power" the mean square re full scale, in dB'
    ),
]
ScenePeak = Annotated[
    Peak,
    Field(
        description="largest magnitude of a mixture and of each of its sources, full scale being 1; a louder mixture "
        "is scaled down as a whole. null: no limit. The renderer scaper takes 1 (its fix_clipping, which looks at the "
        "mixture alone) or null"
    ),
]
FadeMs = Annotated[
    NotNegative,
    Field(
        description="length of the fade at both ends of an event: a raised cosine, or with the renderer scaper a "
        "quarter sine"
    ),
]
RendererName = Annotated[
    Literal["standard", "scaper"],
    Field(
        description='"standard" measures each clip when a mixture is drawn, and stores its gain; "scaper" stores '
        "levels, mixtures are made as Scaper 1.6.5 makes them, and the set can be written as JAMS"
    ),
]

_TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneOptions:
    """Options of mixing events and background; the builder `sound_mix` describes each of them."""

    sample_rate_hz: int
    duration_s: float
    event_s: tuple[float, float]
    snr_db: tuple[float, float]
    background_db: float
    level: LevelScale
    peak: float | None
    fade_ms: float
    quantise: Quantise
    renderer: RendererName
    microphones: MicrophoneOptions | None = None

    @property
    def num_samples(self) -> int:
        """Length of a mixture."""
        return round(self.duration_s * self.sample_rate_hz)

    @property
    def fade(self) -> int:
        """Samples of the fade at both ends of an event; Scaper rounds them down."""
        samples = self.fade_ms * 1e-3 * self.sample_rate_hz
        return int(samples) if self.renderer == "scaper" else round(samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundMixture:
    """A mixture of sounds, and the facts that its trials need."""

    mixture: Mixture
    audible: frozenset[str]  # ids of the sources that are not silent
    rendered: Rendered | None = field(default=None, repr=False)  # its signals, if making it needed them
    origin: Mixture | None = None  # the same mixture with the recordings that its clips were made from, if they differ

    def level_tags(self, target_ids: tuple[str, ...]) -> dict[str, float]:
        """Level of the target against the rest, in 0.1 dB.

        This is `input_snr_db`, of powers, for a rendered mixture, or else `input_snr_lufs_db`, of the loudnesses that
        the recipe holds, which add as powers.
        """
        if self.rendered is not None:
            return input_snr(self.mixture, self.rendered, target_ids)
        target = sum(s.gain**2 for s in self.mixture.sources if s.id in target_ids)
        rest = sum(s.gain**2 for s in self.mixture.sources if s.id not in target_ids)
        if not (target and rest):
            return {}
        return {"input_snr_lufs_db": round(10.0 * float(np.log10(target / rest)), 1)}


class SoundScenes:
    """Draws backgrounds and events, and mixes them; backgrounds shorter than a mixture are left out."""

    def __init__(self, context: BuildContext, options: SceneOptions, background: Selection | None) -> None:
        _check(options)
        self._options = options
        self.placement = Placement(context, options.microphones)
        self.levels = (ScaperLevels if options.renderer == "scaper" else StandardLevels)(context, options)
        self._background = None
        if background:
            shortest_s = max(background.min_s, options.duration_s)
            self._background = open_pool(background.model_copy(update={"min_s": shortest_s}), context)

    @property
    def background_labels(self) -> tuple[str, ...]:
        """Labels of the backgrounds; none without one."""
        return self._background.labels if self._background else ()

    def backgrounds(self, rng: np.random.Generator) -> list[Source]:
        """The background of one mixture, if the set has one."""
        pool = self._background
        if pool is None:
            return []
        label = str(rng.choice(pool.labels))
        clip, _ = self._clip(pool, label, self._options.duration_s, rng)
        gain = self.levels.gain(clip, self._options.background_db)
        return [Source(id="background", label=label, role="background", clip=clip, gain=gain)]

    def event(self, source_id: str, pool: Pool, label: str, rng: np.random.Generator) -> Source:
        """One event of a class at a random position."""
        options = self._options
        clip, own_hz = self._clip(pool, label, float(rng.uniform(*options.event_s)), rng)
        level = options.background_db + float(rng.uniform(*options.snr_db))
        spare = max(0, options.num_samples - self.levels.length(clip, own_hz))
        onset = int(rng.integers(spare + 1))
        return Source(
            id=source_id,
            label=label,
            role="foreground",
            clip=clip,
            gain=self.levels.gain(clip, level),
            onset=onset,
            fade=options.fade,
        )

    def mix(self, mixture_id: str, sources: Sequence[Source]) -> SoundMixture:
        """The mixture of sources, tagged with the number of classes and the scene."""
        events = [source for source in sources if source.role == "foreground"]
        scenes = {s.label for s in sources if s.role == "background"}
        tags: dict[str, Tag] = {"n_classes": len({event.label for event in events})}
        if len(self.background_labels) > 1:
            tags["scene"] = "+".join(sorted(scenes))
        mixture = Mixture(
            id=mixture_id,
            sample_rate_hz=self._options.sample_rate_hz,
            num_samples=self._options.num_samples,
            sources=tuple(sources),
            quantise=self._options.quantise,
            tags=tags,
        )
        return self.levels.finish(self.placement.placed(mixture))

    def _clip(self, pool: Pool, label: str, seconds: float, rng: np.random.Generator) -> tuple[Clip, int]:
        """A stretch that is not silent, if a few draws find one, and the rate of its recording."""
        for _ in range(_TRIES):
            recording = pool.pick(label, rng)
            clip = stretch(pool, recording, seconds=seconds, position=float(rng.random()))
            if pool is self._background and self._options.renderer == "scaper":
                break  # a silent background is no target, and backgrounds are long to read
            if not self.levels.silent(clip):
                break
        return clip, recording.sample_rate_hz


class StandardLevels:
    """Levels of the renderer `standard`: clips are read, and gains are factors."""

    audibility: Audibility | None = None

    def __init__(self, context: BuildContext, options: SceneOptions) -> None:
        self._rate_hz, self._scale = options.sample_rate_hz, options.level
        self._peak = float("inf") if options.peak is None else options.peak
        self._corpora = context.corpora
        self._read = clip_reader(sample_rate_hz=self._rate_hz, corpora=context.corpora)

    def length(self, clip: Clip, own_hz: int) -> int:  # noqa: ARG002 (as ScaperLevels)
        """Samples of a clip at the mixture's rate."""
        return len(self._read(clip))

    def gain(self, clip: Clip, target_db: float) -> float:
        """The factor that brings a clip to a level; 1 for a silent one, which is never a target."""
        samples = self._read(clip)
        if power_db(samples) <= SILENT_DB:
            return 1.0
        return db_to_gain(target_db - level_db(samples, self._rate_hz, scale=self._scale))

    def silent(self, clip: Clip) -> bool:
        """Whether the clip is below the threshold of silence."""
        return power_db(self._read(clip)) <= SILENT_DB

    def finish(self, mixture: Mixture) -> SoundMixture:
        """Scale the mixture to its peak, and find out which sources are audible."""
        limited, rendered = limit_peak(mixture, self._peak, self._corpora, read=self._read)
        audible = frozenset(audible_ids(limited, rendered))
        return SoundMixture(mixture=limited, audible=audible, rendered=rendered)


class ScaperLevels:
    """Levels of the renderer `scaper`: gains hold loudnesses, and audio is read only by `Audibility`."""

    def __init__(self, context: BuildContext, options: SceneOptions) -> None:
        self._rate_hz = options.sample_rate_hz
        self._renderer = scaper.PLAIN if options.peak is None else scaper.FIX_CLIPPING
        fade_s = options.fade_ms * 1e-3
        self.audibility = Audibility(context.corpora, sample_rate_hz=self._rate_hz, fade_s=fade_s)

    def length(self, clip: Clip, own_hz: int) -> int:
        """Samples of a clip of a recording at `own_hz`, at the mixture's rate."""
        return sox_length(clip.frames, from_hz=own_hz, to_hz=self._rate_hz)

    def gain(self, clip: Clip, target_db: float) -> float:  # noqa: ARG002 (as StandardLevels)
        """The level itself, as 10^(LUFS/20)."""
        return level_gain(target_db)

    def silent(self, clip: Clip) -> bool:
        """Whether the clip is below the threshold of silence."""
        return not self.audibility.audible(clip)

    def finish(self, mixture: Mixture) -> SoundMixture:
        """Put the events into the order of time and name them by it, as Scaper does."""
        events = [source for source in mixture.sources if source.role == "foreground"]
        others = [source for source in mixture.sources if source.role != "foreground"]
        events.sort(key=lambda source: source.onset)
        named = [replace(source, id=f"s{place}") for place, source in enumerate(events, 1)]
        audible = frozenset(source.id for source in named if not self.silent(source.clip))
        ordered = replace(mixture, sources=(*others, *named), renderer=self._renderer)
        return SoundMixture(mixture=ordered, audible=audible)


def level_gain(level_db: float) -> float:
    """Gain of a recipe of the renderer `scaper` for a level in LUFS."""
    return round_gain(db_to_gain(level_db))


def _check(options: SceneOptions) -> None:
    if options.event_s[1] > options.num_samples / options.sample_rate_hz:
        raise ConfigError(
            f"event_s = {list(options.event_s)} holds events longer than the mixture; lower it or raise duration_s"
        )
    if options.renderer != "scaper":
        return
    if options.microphones is not None:
        raise ConfigError("renderer scaper has one channel; leave out microphones, or set renderer to standard")
    if options.level != "lufs":
        raise ConfigError(f"renderer scaper has no level {options.level!r}; set level to lufs")
    if options.peak not in {None, 1.0}:
        raise ConfigError(
            f"renderer scaper does not scale to peak = {options.peak}; set peak to 1.0 (its "
            "fix_clipping) or to null (mixtures may clip)"
        )
