"""What a builder is: a function from an index to a mixture recipe and its trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..errors import ConfigError, DatasetError, suggest
from ..registry import Registry
from ..validation import StrictModel
from .corpus import Corpora, Corpus, Recording
from .types import Clip, Mixture, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """What every builder is given: the identity of the set, and the open corpora."""

    name: str
    version: str
    seed: int
    split: str
    corpora: Corpora

    def key(self, mixture_id: str) -> tuple[str | int, ...]:
        """Seed of all draws of one mixture."""
        return (self.name, self.version, self.seed, mixture_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One mixture with its trials; `excluded` counts queries left out, by reason."""

    mixture: Mixture
    trials: tuple[Trial, ...]
    excluded: dict[str, int] = field(default_factory=dict)


class Builder(Protocol):
    """Draws the mixtures of a set; the i-th one does not depend on the others."""

    count: int
    sample_rate_hz: int
    vocabulary: tuple[str, ...]

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`, which may exceed `count` (training streams)."""
        ...


BuilderFactory = Callable[..., Builder]

BUILDERS: Registry[BuilderFactory] = Registry(
    "builder", package="tsebench.datasets.builders", group="tsebench.datasets"
)


class Selection(StrictModel):
    """Which recordings of a corpus take part.

    Attributes:
        corpus: name of a corpus in the config's `corpora`.
        labels: only these labels; all if None.
        exclude: never these labels.
        split: part of the corpus; the dataset's own split if None.
        min_s: shortest recording, in seconds.
    """

    corpus: str
    labels: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    split: str | None = None
    min_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Selected recordings by label, both sorted."""

    corpus: str
    by_label: dict[str, tuple[Recording, ...]]

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(self.by_label)

    def pick(self, label: str, rng: np.random.Generator) -> Recording:
        """One recording of a label."""
        choices = self.by_label[label]
        return choices[int(rng.integers(len(choices)))]


def open_pool(selection: Selection, context: BuildContext) -> Pool:
    """Resolve a selection.

    Raises:
        ConfigError: an unknown corpus or label.
        DatasetError: nothing is left.
    """
    corpus = _named_corpus(selection.corpus, context.corpora)
    split = selection.split or context.split
    everything = corpus.recordings()
    known = {recording.label for recording in everything}
    for label in (*(selection.labels or ()), *selection.exclude):
        if label not in known:
            raise ConfigError(
                f"corpus {selection.corpus!r} has no label {label!r}{suggest(label, known)}"
            )
    wanted = (set(selection.labels) if selection.labels else known) - set(selection.exclude)
    by_label: dict[str, list[Recording]] = {}
    for recording in everything:
        long_enough = recording.frames >= selection.min_s * recording.sample_rate_hz
        if recording.label in wanted and recording.split == split and long_enough:
            by_label.setdefault(recording.label, []).append(recording)
    if not by_label:
        splits = ", ".join(sorted({recording.split for recording in everything}))
        raise DatasetError(
            f"corpus {selection.corpus!r} has no recording of at least {selection.min_s} s in "
            f"split {split!r} (its splits: {splits})"
        )
    return Pool(
        corpus=selection.corpus, by_label={name: tuple(by_label[name]) for name in sorted(by_label)}
    )


def stretch(pool: Pool, recording: Recording, *, seconds: float, position: float = 0.0) -> Clip:
    """A clip of at most `seconds`, placed at the share `position` (0..1) of what is left over."""
    frames = min(recording.frames, max(1, round(seconds * recording.sample_rate_hz)))
    start = int(position * (recording.frames - frames))
    return Clip(corpus=pool.corpus, path=recording.path, start=start, frames=frames)


def enrollment_clips(
    pool: Pool,
    label: str,
    *,
    used: Sequence[Clip],
    rng: np.random.Generator,
    count: int,
    max_s: float,
) -> tuple[Clip, ...]:
    """Clips of `label` from recordings, and groups of recordings, that the mixture does not use.

    Raises:
        DatasetError: the label has too few other recordings.
    """
    taken = {clip.path for clip in used if clip.corpus == pool.corpus}
    groups = {r.group for choices in pool.by_label.values() for r in choices if r.path in taken}
    free = [r for r in pool.by_label[label] if r.path not in taken and r.group not in groups]
    if len(free) < count:
        raise DatasetError(
            f"label {label!r} of corpus {pool.corpus!r} has {len(free)} recordings that the "
            f"mixture does not use, but {count} are needed as enrollment"
        )
    return tuple(
        stretch(pool, free[int(i)], seconds=max_s)
        for i in rng.choice(len(free), size=count, replace=False)
    )


def _named_corpus(name: str, corpora: Corpora) -> Corpus:
    if name not in corpora:
        raise ConfigError(f"no corpus {name!r} in this config{suggest(name, corpora)}")
    return corpora[name]
