"""Draws of audio-visual scenes: signals, their positions and SNRs, before gains are known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .....core.errors import DatasetError
from ....protocols.builder import Pool
from ....seeding import generator
from ....signals.clips import ClipReader
from ....types import Role, VideoClip
from .pools import Crop, Films, SpeakerPools
from .shown import Shown, shown

Scenario = Literal["noise", "spk", "noise+spk", "2spk"]
Onset = Literal["random", "start", "end"]
Span = tuple[float, float]

_INTERFERERS = {"noise": 0, "spk": 1, "noise+spk": 1, "2spk": 2}
_PLACES = {"start": 0.0, "end": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class AvSignal:
    """One signal of a mixture."""

    id: str  # "on", "off", "i1", "i2" or "noise"
    role: Role
    crop: Crop
    snr_db: float  # power ratio of the on-screen speech to it
    onset: int  # its first sample in the mixture


@dataclass(frozen=True, slots=True, kw_only=True)
class AvScene:
    """The draws of one mixture."""

    scenario: Scenario
    on_screen: Crop  # on-screen speech; without a signal "on", only its video is used
    off_pool: Pool  # recordings of the off-screen speaker, and of others
    off_label: str  # the off-screen speaker, also if there is no signal "off"
    signals: tuple[AvSignal, ...]
    shown: Mapping[Shown, VideoClip]  # the video with each fault that trials have


@dataclass(frozen=True, slots=True, kw_only=True)
class AvRules:
    """Options of the draws; the builder `AvMix` describes them."""

    scenarios: tuple[Scenario, ...]  # one for each scene, with equal chances
    sample_rate_hz: int
    duration_s: float
    off_screen_s: Span
    same_speaker: bool
    off_screen_onset: Onset
    off_screen_snr_db: Span
    interferer_snr_db: Span
    noise_snr_db: Span
    mute: Span  # shares of scenes without on-screen and without off-screen speech
    videos: tuple[Shown, ...]
    late_pictures: int

    @property
    def num_samples(self) -> int:
        """Length of a mixture."""
        return round(self.duration_s * self.sample_rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvScenes:
    """Draws scenes; every signal has a generator of its own, so that an option changes its signal alone."""

    rules: AvRules
    films: Films
    off_screen: SpeakerPools
    interferers: SpeakerPools
    noise: SpeakerPools
    read: ClipReader

    def draw(self, key: tuple[str | int, ...]) -> AvScene:
        """The scene of one mixture."""
        scenarios = self.rules.scenarios
        scenario = scenarios[int(generator(*key, "scenario").integers(len(scenarios)))]
        on, video = self.films.draw(generator(*key, "on_screen"))
        signals = [AvSignal(id="on", role="foreground", crop=on, snr_db=0.0, onset=0)]
        rng = generator(*key, "off_screen")
        if self.rules.same_speaker:
            pool, label = self.off_screen.with_label(on.label, rng)
        else:
            pool, label = self.off_screen.draw_label(rng, without={on.label})
        signals += self._draw_off(pool, label, on, rng)
        mute_on, mute_off = self.rules.mute
        chance = float(generator(*key, "mute").random())
        muted = "on" if chance < mute_on else "off" if chance < mute_on + mute_off else None
        signals = [signal for signal in signals if signal.id != muted]
        signals += self._interference(scenario, key, present={on.label, label})
        videos = self._videos(video, key, present={on.label, label})
        return AvScene(
            scenario=scenario, on_screen=on, off_pool=pool, off_label=label, signals=tuple(signals), shown=videos
        )

    def _videos(
        self, video: VideoClip, key: tuple[str | int, ...], *, present: Collection[str]
    ) -> dict[Shown, VideoClip]:
        """The video with each fault of the rules; a wrong one is of a speaker who is not `present`."""
        rules, other = self.rules, video
        if "wrong" in rules.videos:
            _, other = self.films.draw(generator(*key, "wrong_video"), without=present)
        return {
            fault: shown(
                video, fault, late_pictures=rules.late_pictures, other=other, rng=generator(*key, "video", fault)
            )
            for fault in rules.videos
        }

    def _draw_off(self, pool: Pool, label: str, on: Crop, rng: np.random.Generator) -> list[AvSignal]:
        """The off-screen speech, or nothing if its length is zero or all of it a pause."""
        seconds = float(rng.uniform(*self.rules.off_screen_s))
        snr_db, place = float(rng.uniform(*self.rules.off_screen_snr_db)), float(rng.random())
        if round(seconds * self.rules.sample_rate_hz) == 0:
            return []
        used = {self.films.group(on.clip)} if on.clip.corpus == pool.corpus else set()
        crop = self.off_screen.crop(pool, label, rng, seconds=seconds, used=used)
        if crop is None:
            return []
        onset = self._onset(crop, _PLACES.get(self.rules.off_screen_onset, place))
        return [AvSignal(id="off", role="foreground", crop=crop, snr_db=snr_db, onset=onset)]

    def _interference(
        self, scenario: Scenario, key: tuple[str | int, ...], *, present: Collection[str]
    ) -> list[AvSignal]:
        """Speakers who are not `present`, and differ from each other; then the noise."""
        rules = self.rules
        signals: list[AvSignal] = []
        for number in range(1, _INTERFERERS[scenario] + 1):
            without = {*present, *(signal.crop.label for signal in signals)}
            rng = generator(*key, "interferer", number)
            pool, label = self.interferers.draw_label(rng, without=without)
            signals.append(self._lasting(f"i{number}", pool, label, rules.interferer_snr_db, rng))
        if "noise" in scenario:
            rng = generator(*key, "noise")
            pool, label = self.noise.draw_label(rng, by_recording=True)
            signals.append(self._lasting("noise", pool, label, rules.noise_snr_db, rng))
        return signals

    def _lasting(self, signal_id: str, pool: Pool, label: str, snr_db: Span, rng: np.random.Generator) -> AvSignal:
        """A signal as long as the mixture, or a shorter recording."""
        pools = self.noise if signal_id == "noise" else self.interferers
        crop = pools.crop(pool, label, rng, seconds=self.rules.duration_s)
        if crop is None:
            raise DatasetError(
                f"corpus {pool.corpus!r}: all stretches of label {label!r} that were tried are silent; exclude it"
            )
        return AvSignal(
            id=signal_id,
            role="background" if signal_id == "noise" else "foreground",
            crop=crop,
            snr_db=float(rng.uniform(*snr_db)),
            onset=self._onset(crop, float(rng.random())),
        )

    def _onset(self, crop: Crop, place: float) -> int:
        """The onset at share `place` (0..1) of those at which the crop fits."""
        spare = max(0, self.rules.num_samples - len(self.read(crop.clip)))
        return min(int(place * (spare + 1)), spare)
