"""Utterances of WSJ0 by name, and the gains that bring them to one active level."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from .....core.errors import ConfigError, DatasetError
from ....corpora.wsj0_mix_lists import Wsj0MixLists
from ....missing import MissingRecordingsError
from ....protocols.builder import BuildContext, Pool, pool_of
from ....protocols.corpus import Corpora, Recording
from ....renderers.wsj0_mix import resampled
from ....signals.active_level import active_level
from ....signals.mixing import db_to_gain, round_gain
from ....types import Clip
from .mixture_lists import part_of, read_levels, utterance_id

Level = Callable[[Clip], float]  # Mean power of an utterance while active, at 8 kHz

LEVEL_RATE_HZ = 8000  # Levels are measured at this rate, whatever the rate of the mixtures is


@dataclass(frozen=True, slots=True)
class Wsj0Utterances:
    """Utterances of one corpus, by speaker and by id."""

    pool: Pool
    _by_id: Mapping[str, Recording] = field(repr=False)

    def recordings(self, paths: Iterable[str]) -> tuple[Recording, ...]:
        """The recordings of a list's paths, or MissingRecordingsError."""
        wanted = [(path, self._by_id.get(utterance_id(path))) for path in paths]
        absent = {
            (self.pool.corpus, f"{part_of(path)}/{utterance_id(path)[:3]}/{utterance_id(path)}.wav")
            for path, recording in wanted
            if recording is None
        }
        if absent:
            reason = f"utterance {{}} is not in the splits that corpus {self.pool.corpus!r} has"
            raise MissingRecordingsError({key: reason.format(repr(key[1])) for key in absent})
        return tuple(recording for _, recording in wanted if recording is not None)

    def find(self, utterance: str) -> Recording | None:
        """The recording of an utterance, if the corpus has it."""
        return self._by_id.get(utterance)

    def clip(self, recording: Recording) -> Clip:
        """The whole of a recording."""
        return Clip(corpus=self.pool.corpus, path=recording.path, start=0, frames=recording.frames)


def open_utterances(name: str, context: BuildContext) -> Wsj0Utterances:
    """Index the corpus of that name."""
    corpus = context.corpus(name)
    recordings = corpus.recordings()
    pool = pool_of(name, corpus, recordings)
    return Wsj0Utterances(pool, {utterance_id(recording.path): recording for recording in recordings})


def listed_levels(lists: Wsj0MixLists, paths: Iterable[str]) -> Level:
    """Published levels, in files `activlev_<part>.txt`, or a folder `activlev` of such files."""
    wanted = set(paths)
    levels: dict[str, float] = {}
    for part in sorted({part_of(path) for path in wanted}):
        name = f"activlev_{part}.txt"
        levels.update(read_levels(lists.file(f"activlev/{name}", name)))
    absent = sorted({utterance_id(path) for path in wanted} - set(levels))
    if absent:
        raise DatasetError(
            f"the active levels of {len(absent)} utterances, the first is {absent[0]!r}, are not in the "
            f"files of corpus {lists.name!r}; complete them, or set `levels: computed`"
        )
    return lambda clip: levels[utterance_id(clip.path)]


def measured_levels(corpora: Corpora) -> Level:
    """Levels measured as the published ones were, with six significant digits.

    Rounding makes recipes the same on every processor. The published levels differ by a common factor, the gain of
    MATLAB's resampler (0.1 % of the power in some releases), which cancels.
    """

    @cache
    def measure(clip: Clip) -> float:
        samples = resampled(clip, LEVEL_RATE_HZ, corpora)
        level = active_level(samples, LEVEL_RATE_HZ, high_pass_hz=200.0, thresholds_per_octave=2).power
        if level <= 0:
            raise ConfigError(f"recording {clip.path!r} of corpus {clip.corpus!r} is silent; replace it")
        return round_gain(level)

    return measure


def gain_to(snr_db: float, level: float) -> float:
    """10^(snr/20) / sqrt(level), to twelve digits: processors differ in the last ones."""
    return float(f"{db_to_gain(snr_db) / math.sqrt(level):.12g}")
