"""What is heard and seen in one audio-visual mixture, before its gains are known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .....core.errors import DatasetError
from ....protocols.builder import Pool
from ....seeding import generator
from ....signals.clips import ClipReader
from ....types import Role, VideoClip
from .pools import Crop, Films, Pools

Key = tuple[str | int, ...]
Scenario = Literal["noise", "spk", "noise+spk", "2spk"]
Onset = Literal["random", "start", "end"]
Span = tuple[float, float]

_INTERFERERS = {"noise": 0, "spk": 1, "noise+spk": 1, "2spk": 2}
_PLACES = {"start": 0.0, "end": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One signal of a mixture.

    Attributes:
        id: "on", "off", "i1", "i2" or "noise".
        snr_db: power ratio of the on-screen speech to it.
        onset: its first sample in the mixture.
    """

    id: str
    role: Role
    crop: Crop
    snr_db: float
    onset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What was drawn for one mixture.

    Attributes:
        on_screen: who is seen; without a part "on", only the picture is left.
        off_pool: recordings of the off-screen speaker, and of others.
        off_label: the off-screen speaker, also if there is no part "off".
    """

    on_screen: Crop
    video: VideoClip
    off_pool: Pool
    off_label: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How scenes are drawn; `AvMix` says what each of these is.

    Attributes:
        mute: shares of scenes without on-screen and without off-screen speech.
    """

    scenario: Scenario
    sample_rate_hz: int
    duration_s: float
    off_screen_s: Span
    same_speaker: bool
    off_screen_onset: Onset
    off_screen_snr_db: Span
    interferer_snr_db: Span
    noise_snr_db: Span
    mute: Span


class Scenes:
    """Draws scenes.

    Every part has a generator of its own, so that an option changes its part alone.

    Args:
        rules: how.
        films: on-screen speech.
        off_screen: off-screen speech.
        interferers: interfering speech.
        noise: noise.
        read: reads clips at the rate of the mixtures.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        films: Films,
        off_screen: Pools,
        interferers: Pools,
        noise: Pools,
        read: ClipReader,
    ) -> None:
        self._rules, self._read = rules, read
        self._films, self._off_screen = films, off_screen
        self._interferers, self._noise = interferers, noise
        self._num_samples = round(rules.duration_s * rules.sample_rate_hz)

    def draw(self, key: Key) -> Scene:
        """The scene of one mixture.

        Raises:
            DatasetError: too few recordings, or too many silent ones.
        """
        on, video = self._films.draw(generator(*key, "on_screen"))
        parts = [Part(id="on", role="foreground", crop=on, snr_db=0.0, onset=0)]
        rng = generator(*key, "off_screen")
        if self._rules.same_speaker:
            pool, label = self._off_screen.with_label(on.label, rng)
        else:
            pool, label = self._off_screen.draw_label(rng, without={on.label})
        parts += self._draw_off(pool, label, on, rng)
        muted = self._muted(float(generator(*key, "mute").random()))
        parts = [part for part in parts if part.id != muted]
        parts += self._disturbances(key, present={on.label, label})
        return Scene(on_screen=on, video=video, off_pool=pool, off_label=label, parts=tuple(parts))

    def _draw_off(self, pool: Pool, label: str, on: Crop, rng: np.random.Generator) -> list[Part]:
        """The off-screen speech, or nothing if its length is zero or all of it a pause."""
        seconds = float(rng.uniform(*self._rules.off_screen_s))
        snr_db, place = float(rng.uniform(*self._rules.off_screen_snr_db)), float(rng.random())
        if round(seconds * self._rules.sample_rate_hz) == 0:
            return []
        used = {self._films.group(on.clip)} if on.clip.corpus == pool.corpus else set()
        crop = self._off_screen.crop(pool, label, rng, seconds=seconds, used=used)
        if crop is None:
            return []
        onset = self._onset(crop, _PLACES.get(self._rules.off_screen_onset, place))
        return [Part(id="off", role="foreground", crop=crop, snr_db=snr_db, onset=onset)]

    def _muted(self, chance: float) -> str | None:
        """Which of the wanted parts is muted."""
        on, off = self._rules.mute
        if chance < on:
            return "on"
        return "off" if chance < on + off else None

    def _disturbances(self, key: Key, *, present: Collection[str]) -> list[Part]:
        """Speakers who are not `present`, and differ from each other; then the noise."""
        rules = self._rules
        parts: list[Part] = []
        for number in range(1, _INTERFERERS[rules.scenario] + 1):
            without = {*present, *(part.crop.label for part in parts)}
            rng = generator(*key, "interferer", number)
            pool, label = self._interferers.draw_label(rng, without=without)
            crop = self._lasting(self._interferers, pool, label, rng)
            parts.append(self._part(f"i{number}", crop, rules.interferer_snr_db, rng))
        if "noise" in rules.scenario:
            rng = generator(*key, "noise")
            pool, label = self._noise.draw_label(rng, by_recording=True)
            crop = self._lasting(self._noise, pool, label, rng)
            parts.append(self._part("noise", crop, rules.noise_snr_db, rng))
        return parts

    def _lasting(self, pools: Pools, pool: Pool, label: str, rng: np.random.Generator) -> Crop:
        """A crop as long as the mixture, or a shorter recording."""
        crop = pools.crop(pool, label, rng, seconds=self._rules.duration_s)
        if crop is None:
            raise DatasetError(
                f"corpus {pool.corpus!r}: all stretches of label {label!r} that were tried are "
                "silent; exclude it"
            )
        return crop

    def _part(self, part_id: str, crop: Crop, snr_db: Span, rng: np.random.Generator) -> Part:
        return Part(
            id=part_id,
            role="background" if part_id == "noise" else "foreground",
            crop=crop,
            snr_db=float(rng.uniform(*snr_db)),
            onset=self._onset(crop, float(rng.random())),
        )

    def _onset(self, crop: Crop, place: float) -> int:
        """The onset at share `place` (0..1) of those at which the crop fits."""
        spare = max(0, self._num_samples - len(self._read(crop.clip)))
        return min(int(place * (spare + 1)), spare)
