"""Open datasets: trials by index, rendered on demand."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from operator import index
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, overload

from ..core.config_files import corpus_dirs as user_corpus_dirs
from ..core.errors import AudioError, DatasetError, UnknownNameError, listed
from .batches import QueryBatch, collate, query_at
from .config import open_corpora
from .manifest import DatasetCard, Manifest, files_of, fingerprint, read_manifest
from .protocols.corpus import Corpora, Samples, SpokenGrammar
from .protocols.renderer import SOURCE_RENDERERS, Rendered
from .render import render
from .trial_frame import Trials
from .trials import render_trial, source_signal
from .types import Mixture, MixtureClip, Query, Trial, Truth

if TYPE_CHECKING:
    import pandas as pd

OWN_AUDIO = "own_audio"
"""Name of a corpus that lies in a dataset's own folder, in `audio/`."""

_CACHED_MIXTURES = 16
_CACHED_BYTES = 2**29  # of their signals, the last one apart: an hour of a meeting is 230 MB


Chosen = int | str
"""A trial by its place, from 0 (from the end if negative), or by its id."""


class Dataset:
    """Trials of a manifest over open corpora. Reading is safe from several threads.

    `dataset[0]` and `dataset["ID"]` are a query and its truth, `dataset[:10]` a dataset of ten trials, and iteration
    gives all items; mixtures are rendered when they are read.

    Attributes:
        card: name, version, builder, parameters, counts and fingerprint.
        trials: in their order; `trials.to_frame()` is a table of them.
        mixtures: recipes by id.
    """

    def __init__(self, manifest: Manifest, corpora: Corpora) -> None:
        self.card: DatasetCard = manifest.card
        self.manifest = manifest
        self.mixtures = {mixture.id: mixture for mixture in manifest.mixtures}
        self.trials = Trials(manifest.trials, self.mixtures)
        self.corpora = corpora
        self._unverified = {(file.corpus, file.path): file.sha256 for file in manifest.files}
        self._rendered: OrderedDict[str, Rendered] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.trials)

    def __iter__(self) -> Iterator[tuple[Query, Truth]]:
        return (self._item(trial) for trial in self.trials)

    @overload
    def __getitem__(self, chosen: Chosen) -> tuple[Query, Truth]: ...
    @overload
    def __getitem__(self, chosen: slice) -> Dataset: ...
    def __getitem__(self, chosen: Chosen | slice) -> tuple[Query, Truth] | Dataset:
        """Query and truth of one trial, or a dataset of some.

        Args:
            chosen: place of a trial, its id, or a slice.

        Raises:
            IndexError: there is no such place.
            UnknownNameError: no trial has that id.
            AudioError: a recording is missing, or is not the one that the set was built from.
        """
        return self.select(self.trials[chosen]) if isinstance(chosen, slice) else self._item(self.trial(chosen))

    def trial(self, chosen: Chosen) -> Trial:
        """A trial by place or id; errors are those of `dataset[chosen]`."""
        if isinstance(chosen, str):
            return self._trial_called(chosen)
        try:
            place = index(chosen)
        except TypeError:
            raise TypeError(
                f"a trial of a dataset is chosen by its place, its id or a slice, not by {type(chosen).__name__}; "
                "dataset.select(...) takes several"
            ) from None
        if not -len(self) <= place < len(self):
            raise IndexError(f"dataset {self.card.name!r} has {len(self)} trials; {place} is none of their places")
        return self.trials[place]

    def select(self, chosen: Iterable[Chosen | Trial]) -> Dataset:
        """A dataset of some trials, by place or id, with a fingerprint of its own.

        Raises:
            DatasetError: no trial is chosen, or one twice.
            IndexError: there is no such place.
            UnknownNameError: no trial has that id.
        """
        trials = [each if isinstance(each, Trial) else self.trial(each) for each in _several(chosen)]
        return Dataset(_subset(self.manifest, trials), self.corpora)

    def batch(
        self, chosen: Chosen | Iterable[Chosen] | slice, *, sample_rate_hz: int | None = None, device: str = "cpu"
    ) -> QueryBatch:
        """Queries as one batch, which `system.extract(batch)` answers.

        Args:
            chosen: places or ids of trials, or a slice.
            sample_rate_hz: rate that the queries are resampled to, if it is another: `system.card.sample_rate_hz`.
            device: of the system: "cpu", "cuda", ...

        Raises:
            ConfigError: none is chosen.
            IndexError: there is no such place.
            UnknownNameError: no trial has that id.
            AudioError: as `dataset[chosen]`.
        """
        several = self.trials[chosen] if isinstance(chosen, slice) else _several(chosen)
        trials = [each if isinstance(each, Trial) else self.trial(each) for each in several]
        return collate([query_at(self._item(trial)[0], sample_rate_hz) for trial in trials], device=device)

    def to_frame(self) -> pd.DataFrame:
        """The trials as a table, one line for each; see `Trials.to_frame`."""
        return self.trials.to_frame()

    def __repr__(self) -> str:
        card, strata = self.card, Counter(f"{t.condition.kind} {t.condition}" for t in self.trials)
        kinds = sorted({kind for trial in self.trials for kind in trial.clue.kinds()})
        queried = {trial.mixture_id for trial in self.trials}
        seconds = sum(self.mixtures[name].num_samples for name in queried) / card.sample_rate_hz
        return (
            f"<Dataset {card.name}: {len(self)} trials of {len(queried)} mixtures, {seconds:.1f} s at "
            f"{card.sample_rate_hz} Hz; {listed(strata, length=80)}; clues: {', '.join(kinds) or 'none'}; "
            f"fingerprint {card.fingerprint[:12]}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return Dataset, (self.manifest, self.corpora)

    def _item(self, trial: Trial) -> tuple[Query, Truth]:
        mixture = self.mixtures[trial.mixture_id]
        self._verify(mixture, trial)
        signals = self.signals(trial.mixture_id)
        return render_trial(
            trial, mixture, self.corpora, signals, separated=self.separated, fingerprint=self.card.fingerprint
        )

    def _trial_called(self, name: str) -> Trial:
        if name not in self._by_id:
            raise UnknownNameError("trial", name, self._by_id)
        return self._by_id[name]

    @cached_property
    def _by_id(self) -> Mapping[str, Trial]:
        return {trial.id: trial for trial in self.trials}

    def separated(self, clip: MixtureClip) -> Samples:
        """A source [T] of any mixture of the set, as it is rendered there."""
        mixture = self.mixtures[clip.mixture_id]
        if mixture.renderer not in SOURCE_RENDERERS:
            self._verify(mixture)
            return source_signal(clip.source_id, mixture, self.signals(clip.mixture_id))
        wanted = tuple(source for source in mixture.sources if source.id == clip.source_id)
        self._verify(replace(mixture, sources=wanted))
        return SOURCE_RENDERERS.get(mixture.renderer)(mixture, clip.source_id, self.corpora)

    def grammar(self) -> str | None:
        """The JSGF grammar of the transcripts, if exactly one corpus has a grammar."""
        found = [c.grammar() for c in self.corpora.values() if isinstance(c, SpokenGrammar)]
        return found[0] if len(found) == 1 else None

    def length(self, place: int) -> int:
        """Samples of the mixture of one trial, without rendering it."""
        return self.mixtures[self.trials[place].mixture_id].num_samples

    def signals(self, mixture_id: str) -> Rendered:
        """A mixture's signals; the trials of a mixture follow each other and share them."""
        with self._lock:
            if mixture_id in self._rendered:
                self._rendered.move_to_end(mixture_id)
                return self._rendered[mixture_id]
        rendered = render(self.mixtures[mixture_id], self.corpora)
        with self._lock:
            self._rendered[mixture_id] = rendered
            while len(self._rendered) > 1 and self._too_many():
                self._rendered.popitem(last=False)
        return rendered

    def _too_many(self) -> bool:
        """Whether more signals are cached than need be."""
        held = sum(each.nbytes for each in self._rendered.values())
        return len(self._rendered) > _CACHED_MIXTURES or held > _CACHED_BYTES

    def _verify(self, mixture: Mixture, *trials: Trial) -> None:
        """Hash recordings when they are used for the first time: other bytes are another test."""
        for corpus, path in files_of([mixture], trials):
            expected = self._unverified.get((corpus, path))
            if expected is None:
                continue
            if self.corpora[corpus].digest(path) != expected:
                raise AudioError(
                    f"recording {path!r} of corpus {corpus!r} is not the one that dataset "
                    f"{self.card.name!r} was built from; restore it, or build the dataset again"
                )
            self._unverified.pop((corpus, path), None)


def _subset(manifest: Manifest, trials: Sequence[Trial]) -> Manifest:
    """The manifest of some trials, in the order given, with the mixtures and recordings that they need.

    Raises:
        DatasetError: there is no trial, or one is given twice.
    """
    card = manifest.card
    if not trials:
        raise DatasetError(f"dataset {card.name!r}: none of its {len(manifest.trials)} trials is chosen; choose some")
    if (named := Counter(trial.id for trial in trials).most_common(1)[0])[1] > 1:
        raise DatasetError(f"dataset {card.name!r}: trial {named[0]!r} is chosen {named[1]} times; choose it once")
    queried = {trial.mixture_id for trial in trials}
    enrolled = {clip.mixture_id for trial in trials for clip in trial.clue.enrollments if isinstance(clip, MixtureClip)}
    mixtures = [mixture for mixture in manifest.mixtures if mixture.id in queried | enrolled]
    used = files_of(mixtures, trials)
    files = [file for file in manifest.files if (file.corpus, file.path) in used]
    counts = Counter({"mixtures": len(queried), "trials": len(trials), "files": len(files)})
    if lone := len(enrolled - queried):
        counts["mixtures_enrollment_only"] = lone
    counts.update(Counter(sorted(f"trials_{t.condition.kind}_{t.condition}" for t in trials)))
    found = Manifest(card=replace(card, counts=dict(counts)), mixtures=mixtures, trials=list(trials), files=files)
    return replace(found, card=replace(found.card, fingerprint=fingerprint(found)))


def _several(chosen: object) -> Iterable[Any]:
    """A list of trials, given as one or as several."""
    return chosen if isinstance(chosen, Iterable) and not isinstance(chosen, str) else [chosen]


def load_dataset(folder: str | Path, *, corpus_dirs: Mapping[str, Path] | None = None) -> Dataset:
    """Open a dataset folder and its corpora, whose folders are in `corpus_dirs` or in the user file.

    A corpus called `OWN_AUDIO` lies in the dataset folder itself.
    """
    return dataset_of(read_manifest(Path(folder)), Path(folder), corpus_dirs=corpus_dirs)


def dataset_of(manifest: Manifest, folder: Path, *, corpus_dirs: Mapping[str, Path] | None = None) -> Dataset:
    """The dataset of a folder whose manifest has been read; otherwise as `load_dataset`."""
    used = {file.corpus for file in manifest.files}
    configs = {name: config for name, config in manifest.card.corpora.items() if name in used}
    corpora = open_corpora(configs, {**user_corpus_dirs(corpus_dirs), OWN_AUDIO: folder / "audio"})
    return Dataset(manifest, corpora)
