"""Overlap of a test set with the training data that a system declares.

Training data is declared by names: `corpus:split` (a kind of `tsebench list corpora`, or the name in a config for a
folder of one's own), `corpus` for all of it, `dataset:split` for the recipe of a set, or the fingerprint of a set (12
digits or more). A network that was trained here also lists its recordings and speakers, which are compared one by one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from .contents import Contents, contents_of, short, speakers_in
from .dataset import Dataset
from .manifest import DatasetCard, files_of
from .types import MixtureClip, Trial

_FINGERPRINT = re.compile(r"[0-9a-f]{12,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Training data that a test set shares.

    Attributes:
        named: entries of the training data that name the set or a part of it.
        listed: whether the recordings of the training are known; if not, `recordings` and `speakers` are 0.
        trials: that hold one of these recordings or speakers, or all if only names agree.
    """

    named: tuple[str, ...]
    listed: bool
    recordings: int
    of_recordings: int
    speakers: int
    of_speakers: int
    trials: int
    of_trials: int


def overlap(dataset: Dataset, *, training_data: Sequence[str], trained_on: Contents | None = None) -> Overlap | None:
    """Compare a test set with training data, named as above; None if nothing is known to be in both."""
    tested, trained = contents_of(dataset), trained_on or Contents()
    stated = dict.fromkeys((*training_data, *trained.parts))
    named = tuple(item for item in stated if _names(item, dataset.card, tested.parts))
    recordings = set(tested.recordings) & set(trained.recordings)
    speakers = set(tested.speakers) & set(trained.speakers)
    # Where recordings are compared one by one, a part of a corpus that both use proves nothing.
    unlisted = set(named) - (set(trained.parts) if trained.recordings else set())
    if not (unlisted or recordings or speakers):
        return None
    return Overlap(
        named=named,
        listed=bool(trained.recordings),
        recordings=len(recordings),
        of_recordings=len(tested.recordings),
        speakers=len(speakers),
        of_speakers=len(tested.speakers),
        trials=_touched(dataset, recordings, speakers) or len(dataset),
        of_trials=len(dataset),
    )


def _names(item: str, card: DatasetCard, parts: Iterable[str]) -> bool:
    """Whether an entry of training data names this set, or a part of it."""
    text = item.strip().casefold()
    if _FINGERPRINT.fullmatch(text):
        return card.fingerprint.startswith(text)
    name, _, split = text.partition(":")
    own = {f"{card.name}:{card.split}".casefold(), *(part.casefold() for part in parts)}
    return text in own if split else name in {part.partition(":")[0] for part in own}


def _touched(dataset: Dataset, recordings: Collection[str], speakers: Collection[str]) -> int:
    """Number of trials with one of these recordings, or speakers, in their mixture or clue."""
    shared = {(file.corpus, file.path) for file in dataset.manifest.files if short(file.sha256) in recordings}

    def touched(trial: Trial) -> bool:
        mixture = dataset.mixtures[trial.mixture_id]
        sources = [clip for clip in trial.clue.enrollments if isinstance(clip, MixtureClip)]
        enrolled = [dataset.mixtures[clip.mixture_id] for clip in sources]
        if not shared.isdisjoint(files_of([mixture, *enrolled], [trial])):
            return True
        return bool(speakers and speakers_in(trial, mixture, dataset.card.corpora) & set(speakers))

    return sum(touched(trial) for trial in dataset.trials)
