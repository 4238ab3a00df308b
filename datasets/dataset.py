"""Open datasets: trials by index, rendered on demand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

from ..core.config_files import corpus_dirs as user_corpus_dirs
from ..core.errors import AudioError
from .config import open_corpora
from .manifest import DatasetCard, Manifest, files_of, read_manifest
from .protocols.corpus import Corpora, Samples, SpokenGrammar
from .protocols.renderer import SOURCE_RENDERERS, Rendered
from .render import render
from .trials import render_trial, source_signal
from .types import Mixture, MixtureClip, Query, Trial, Truth

_CACHED_MIXTURES = 16


class Dataset:
    """Trials of a manifest over open corpora. Reading is safe from several threads."""

    def __init__(self, manifest: Manifest, corpora: Corpora) -> None:
        self.card: DatasetCard = manifest.card
        self.manifest = manifest
        self.trials: tuple[Trial, ...] = tuple(manifest.trials)
        self.mixtures = {mixture.id: mixture for mixture in manifest.mixtures}
        self.corpora = corpora
        self._unverified = {(file.corpus, file.path): file.sha256 for file in manifest.files}
        self._rendered: OrderedDict[str, Rendered] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.trials)

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        """Query and truth of one trial."""
        trial = self.trials[index]
        mixture = self.mixtures[trial.mixture_id]
        self._verify(mixture, trial)
        signals = self.signals(trial.mixture_id)
        return render_trial(trial, mixture, self.corpora, signals, separated=self.separated)

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

    def length(self, index: int) -> int:
        """Samples of the mixture of one trial, without rendering it."""
        return self.mixtures[self.trials[index].mixture_id].num_samples

    def signals(self, mixture_id: str) -> Rendered:
        """A mixture's signals; the trials of a mixture follow each other and share them."""
        with self._lock:
            if mixture_id in self._rendered:
                self._rendered.move_to_end(mixture_id)
                return self._rendered[mixture_id]
        rendered = render(self.mixtures[mixture_id], self.corpora)
        with self._lock:
            self._rendered[mixture_id] = rendered
            while len(self._rendered) > _CACHED_MIXTURES:
                self._rendered.popitem(last=False)
        return rendered

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


def load_dataset(folder: str | Path, *, corpus_dirs: Mapping[str, Path] | None = None) -> Dataset:
    """Open a dataset folder and its corpora, whose folders are in `corpus_dirs` or in the user file."""
    manifest = read_manifest(Path(folder))
    used = {file.corpus for file in manifest.files}
    configs = {name: config for name, config in manifest.card.corpora.items() if name in used}
    corpora = open_corpora(configs, user_corpus_dirs(corpus_dirs))
    return Dataset(manifest, corpora)
