"""Wav files of a dataset for other tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from ..core.errors import DatasetError
from ..core.files import make_folder, write_atomic
from ..core.progress import ProgressFactory, quiet
from .dataset import Dataset
from .protocols.renderer import SIDECARS, signal_path
from .render import render
from .signals.audio import write
from .signals.clips import render_clip
from .trials import source_signal
from .types import Mixture, MixtureClip, Trial

T = TypeVar("T")

AUDIO = "audio"
_MARK = "fingerprint"
_HEADER_BYTES = 44  # of a wav file at least


@dataclass(frozen=True, slots=True, kw_only=True)
class WavFile:
    """A file to write, with the least number of bytes of its samples."""

    path: Path
    data_bytes: int

    @property
    def whole(self) -> bool:
        """Whether it exists with its header and all samples; a crash or a broken copy may have cut it."""
        return self.path.is_file() and self.path.stat().st_size >= _HEADER_BYTES + self.data_bytes


def materialise(dataset: Dataset, folder: Path, *, jobs: int = 1, progress: ProgressFactory = quiet) -> None:
    """Write wav files for other tools below `audio/`; complete files are not written again.

    The signals of a mixture go where the official script of the set puts them (see `TREES`), or else to
    `mixture/<mixture>.wav` and `<source>/<mixture>.wav`; enrollments to `enrollment/<trial>_<k>.wav`. A set of Scaper's
    has its JAMS files too. Signals have 16 bits if the recipe says so, and are float otherwise.
    """
    if any(trial.degraded for trial in dataset.trials):
        raise DatasetError(
            f"dataset {dataset.card.name!r} is a level of a sweep, whose queries are degraded as they are read; "
            "materialise the plain set"
        )
    root = folder / AUDIO
    _claim(dataset, folder)

    def mixture_files(mixture: Mixture) -> None:
        if mixture.renderer in SIDECARS:
            for path, content in SIDECARS.get(mixture.renderer)(mixture, dataset.corpora).items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                write_atomic(root / path, content)
        _write_mixture(mixture, dataset, root)

    name = dataset.card.name
    _each(mixture_files, list(dataset.mixtures.values()), jobs, f"write {name}", progress)
    enrollments = partial(_write_enrollments, dataset=dataset, root=root)
    _each(enrollments, dataset.trials, jobs, f"write enrollments of {name}", progress)


def wav_files(dataset: Dataset, folder: Path) -> list[WavFile]:
    """All files that `materialise` writes for the signals and enrollments of a set."""
    root = folder / AUDIO
    signals = [f for m in dataset.mixtures.values() for f in _signal_files(m, dataset, root)]
    return [*signals, *(f for trial in dataset.trials for f in _enrollment_files(trial, root))]


def other_build(dataset: Dataset, folder: Path) -> str:
    """Fingerprint of another build whose files lie in `audio/`; "" if there is none."""
    root = folder / AUDIO
    if not (root.is_dir() and any(root.iterdir())):
        return ""
    mark = root / _MARK
    found = mark.read_text(encoding="utf-8").strip() if mark.is_file() else "unknown"
    return "" if found == dataset.card.fingerprint else found


def _each(work: Callable[[T], None], items: Sequence[T], jobs: int, what: str, progress: ProgressFactory) -> None:
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool, progress(what, len(items)) as advance:
        for _ in pool.map(work, items):
            advance(1)


def _claim(dataset: Dataset, folder: Path) -> None:
    """Mark the files with the build's fingerprint, so that those of another build are not reused."""
    root, fingerprint = folder / AUDIO, dataset.card.fingerprint
    if found := other_build(dataset, folder):
        raise DatasetError(
            f"folder {str(root)!r} holds files of another build (fingerprint {found[:12]}, not "
            f"{fingerprint[:12]}); remove it"
        )
    make_folder(root)
    write_atomic(root / _MARK, f"{fingerprint}\n")


def _signal_files(mixture: Mixture, dataset: Dataset, root: Path) -> list[WavFile]:
    """The mixture, then its sources."""
    data_bytes = mixture.num_samples * (2 if mixture.quantise == "int16" else 4)
    # An auxiliary file has a length of its own.
    least = {s.id: 1 if s.role == "auxiliary" else data_bytes for s in mixture.sources}
    return [
        WavFile(path=root / signal_path(dataset.card, mixture, name), data_bytes=count)
        for name, count in {"mixture": data_bytes, **least}.items()
    ]


def _enrollment_files(trial: Trial, root: Path) -> list[WavFile]:
    return [
        WavFile(path=root / "enrollment" / f"{trial.id}_{number}.wav", data_bytes=1)
        for number in range(len(trial.clue.enrollments))
    ]


def _write_mixture(mixture: Mixture, dataset: Dataset, root: Path) -> None:
    files = _signal_files(mixture, dataset, root)
    if all(file.whole for file in files):
        return
    rendered = render(mixture, dataset.corpora)
    signals = [rendered.mixture, *(source_signal(s.id, mixture, rendered) for s in mixture.sources)]
    subtype = "PCM_16" if mixture.quantise == "int16" else "FLOAT"
    for file, samples in zip(files, signals, strict=True):
        write(file.path, samples, mixture.sample_rate_hz, subtype=subtype)


def _write_enrollments(trial: Trial, dataset: Dataset, root: Path) -> None:
    rate = dataset.card.sample_rate_hz
    for file, clip in zip(_enrollment_files(trial, root), trial.clue.enrollments, strict=True):
        if file.whole:
            continue
        samples = (
            dataset.separated(clip)
            if isinstance(clip, MixtureClip)
            else render_clip(clip, sample_rate_hz=rate, corpora=dataset.corpora)
        )
        write(file.path, samples, rate)
