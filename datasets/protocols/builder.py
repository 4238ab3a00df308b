"""Protocol of builders, which draw mixture recipes and trials by index, and selection of recordings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Annotated, Protocol, TypeVar

import numpy as np
from pydantic import Field

from ...core.entry_checks import call_problem, face_problem
from ...core.errors import ConfigError, DatasetError, suggest
from ...core.registry import Registry
from ...core.validation import StrictModel
from ..types import Clip, Mixture, Trial
from .corpus import Corpora, Corpus, Listed, Recording, entries_of, recordings_of
from .renderer import Rendered

C = TypeVar("C")


Count = Annotated[int, Field(gt=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """Identity of the set, by the version that its mixtures are drawn for, and its open corpora."""

    name: str
    version: str
    seed: int
    split: str
    corpora: Corpora

    def mixture_id(self, index: int) -> str:
        """Id of mixture `index`; characters of the split's name that an id cannot hold become "_"."""
        return f"{re.sub(r'[^A-Za-z0-9_.+-]', '_', self.split)}-{index:06d}"

    def key(self, mixture_id: str) -> tuple[str | int, ...]:
        """Seed of all draws of one mixture."""
        return (self.name, self.version, self.seed, mixture_id)

    def corpus(self, name: str) -> Corpus:
        """The open corpus of that name, or ConfigError."""
        if name not in self.corpora:
            raise ConfigError(f"no corpus {name!r} in this config{suggest(name, self.corpora)}")
        return self.corpora[name]

    def corpus_of(self, kind: type[C], title: str, name: str) -> C:
        """The open corpus of that name, or ConfigError if it is not a `kind`, registered as `title`."""
        corpus = self.corpus(name)
        if not isinstance(corpus, kind):
            raise ConfigError(f"corpus {name!r} must be of kind {title}; correct the config")
        return corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One mixture with its trials, and the number of queries left out, by reason (reasons without any are dropped).

    `above_full_scale` is True for a mixture whose peak is above 1, where that was measured.
    """

    mixture: Mixture
    trials: tuple[Trial, ...]
    excluded: dict[str, int] = field(default_factory=dict)
    above_full_scale: bool = False
    rendered: Rendered | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "excluded", {why: count for why, count in self.excluded.items() if count})


class Builder(Protocol):
    """Draws the mixtures of a set; the i-th one does not depend on the others."""

    count: int
    sample_rate_hz: int
    vocabulary: tuple[str, ...]

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`, which may exceed `count` (training streams).

        Raises:
            MissingRecordingsError: recordings or other files that the mixture needs are not there.
        """


BuilderFactory = Callable[..., Builder]


def _problem(_: str, factory: BuilderFactory) -> str:
    """Why a class or function cannot be a builder."""
    faces = face_problem(factory, Builder) if isinstance(factory, type) else ""
    return call_problem(factory, keywords=["context"]) or faces


BUILDERS: Registry[BuilderFactory] = Registry(
    "builder", package="tsebench.datasets.builders", group="tsebench.datasets", check=_problem
)


class TooFewRecordingsError(DatasetError):
    """A label has too few recordings for one mixture, perhaps since some are missing."""


class Selection(StrictModel):
    """Recordings of a corpus that take part.

    Attributes:
        corpus: name of a corpus in the config's `corpora`.
        labels: only recordings of these labels (speakers or sound classes); null: all.
        exclude: no recordings of these labels.
        split: part of the corpus that recordings are taken from; null: the dataset's own split.
        min_s: shortest recording; shorter ones are left out.
    """

    corpus: str
    labels: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    split: str | None = None
    min_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Selected recordings by label, both sorted; `group_of` finds the group of any path there."""

    corpus: str
    by_label: dict[str, tuple[Recording, ...]]
    group_of: Callable[[str], str] = field(repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(self.by_label)

    def filtered(self, condition: Callable[[Recording], bool]) -> Pool:
        """The recordings that fulfil a condition; labels may be left without any."""
        by_label = {label: tuple(filter(condition, some)) for label, some in self.by_label.items()}
        return replace(self, by_label=by_label)

    def pick(self, label: str, rng: np.random.Generator) -> Recording:
        """One recording of a label."""
        choices = self.by_label[label]
        return choices[int(rng.integers(len(choices)))]


def open_pool(selection: Selection, context: BuildContext) -> Pool:
    """Resolve a selection; files that are missing in other splits do not matter."""
    corpus = context.corpus(selection.corpus)
    split = selection.split or context.split
    of_split = recordings_of(corpus, split)
    there = {recording.label for recording in of_split}
    _check_labels(selection, corpus, there)
    wanted = (there if selection.labels is None else {*selection.labels}) - {*selection.exclude}
    pool = pool_of(
        selection.corpus,
        corpus,
        (r for r in of_split if r.label in wanted and r.frames >= selection.min_s * r.sample_rate_hz),
    )
    absent = [] if selection.labels is None else sorted(wanted - set(pool.labels))
    if not pool.labels or absent:
        splits = ", ".join(sorted({entry.split for entry in entries_of(corpus)}))
        raise DatasetError(
            f"corpus {selection.corpus!r} has no recording {f'of label {absent[0]!r} ' if absent else ''}of "
            f"at least {selection.min_s} s in split {split!r} (its splits: {splits}); correct the selection"
        )
    return pool


def pool_of(name: str, corpus: Corpus, recordings: Iterable[Recording]) -> Pool:
    """Some recordings of a corpus by label, in their order."""
    by_label: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_label.setdefault(recording.label, []).append(recording)
    ordered = {label: tuple(by_label[label]) for label in sorted(by_label)}
    if isinstance(corpus, Listed):
        return Pool(corpus=name, by_label=ordered, group_of=corpus.group_of)
    groups = {recording.path: recording.group for recording in corpus.recordings()}
    return Pool(corpus=name, by_label=ordered, group_of=groups.__getitem__)


def stretch(pool: Pool, recording: Recording, *, seconds: float, position: float = 0.0) -> Clip:
    """A clip of at most `seconds`, at the share `position` (0..1) of the possible starts."""
    frames = min(recording.frames, max(1, round(seconds * recording.sample_rate_hz)))
    start = int(position * (recording.frames - frames))
    return Clip(corpus=pool.corpus, path=recording.path, start=start, frames=frames)


def enrollment_clips(
    pool: Pool, label: str, *, used: Sequence[Clip], rng: np.random.Generator, count: int, max_s: float
) -> tuple[Clip, ...]:
    """Clips of `label` from recordings, and groups of recordings, that the mixture does not use.

    The first free recordings in a random order are taken: for a given generator, a fixed list without the recordings of
    the mixture.
    """
    groups = {pool.group_of(clip.path) for clip in used if clip.corpus == pool.corpus}
    choices = pool.by_label[label]
    order = [choices[int(place)] for place in rng.permutation(len(choices))]
    free = [recording for recording in order if recording.group not in groups]
    if len(free) < count:
        raise TooFewRecordingsError(
            f"label {label!r} of corpus {pool.corpus!r} has {len(free)} recordings that the mixture does not "
            f"use, but {count} are needed as enrollment; add recordings, exclude the label, or ask for fewer"
        )
    return tuple(stretch(pool, recording, seconds=max_s) for recording in free[:count])


def _check_labels(selection: Selection, corpus: Corpus, of_split: Set[str]) -> None:
    """Check the labels of a selection; other splits are listed only if those of its own do not suffice."""
    named = (*(selection.labels or ()), *selection.exclude)
    chosen = of_split if selection.labels is None else {*selection.labels}
    if {*named} <= of_split and chosen - {*selection.exclude}:
        return
    known = {*of_split, *(entry.label for entry in entries_of(corpus))}
    for label in named:
        if label not in known:
            raise ConfigError(f"corpus {selection.corpus!r} has no label {label!r}{suggest(label, known)}")
    chosen = known if selection.labels is None else {*selection.labels}
    if not chosen - {*selection.exclude}:
        raise ConfigError(
            f"corpus {selection.corpus!r}: no label is left of labels = "
            f"{list(selection.labels) if selection.labels is not None else 'all'} without exclude "
            f"= {list(selection.exclude)}; correct one of them"
        )
