"""From a dataset folder to wav files for other tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..core.errors import DatasetError
from ..core.files import make_folder, write_atomic
from ..core.progress import ProgressFactory, quiet
from .dataset import Dataset
from .render import render
from .renderer_extras import sidecars_of, tree_of
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
    """A file that is to be written: its place, and how many bytes its samples take at least."""

    path: Path
    data_bytes: int

    @property
    def whole(self) -> bool:
        """Is it there, with its header and all samples?

        A kill leaves no half file behind, since files are written through temporary names; a crash
        of the machine, or a copy that was interrupted, may leave one.
        """
        return self.path.is_file() and self.path.stat().st_size >= _HEADER_BYTES + self.data_bytes


def materialise(dataset: Dataset, folder: Path, *, jobs: int = 1, progress: ProgressFactory = quiet) -> None:
    """Write wav files for other tools below `audio/`; what is there already is not written again.

    The signals of a mixture go where the official script of the set puts them (see `TREES`), or else to
    `mixture/<mixture>.wav` and `<source>/<mixture>.wav`; enrollments to `enrollment/<trial>_<k>.wav`. A set
    of Scaper's has its JAMS files too. Signals have 16 bits if the recipe says so, and are float otherwise.

    Args:
        dataset: the set.
        folder: its folder.
        jobs: threads that render; the files do not depend on it.
        progress: shows how far it is.

    Raises:
        DatasetError: `audio/` holds the files of another build.
        OutputError: the disk is full, or the folder cannot be written to.
    """
    root = folder / AUDIO
    _claim(dataset, folder)

    def mixture_files(mixture: Mixture) -> None:
        for path, content in sidecars_of(mixture.renderer)(mixture, dataset.corpora).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(root / path, content)
        _write_mixture(mixture, dataset, root)

    def enrollment_files(trial: Trial) -> None:
        _write_enrollments(trial, dataset, root)

    name = dataset.card.name
    mixtures = list(dataset.mixtures.values())
    _each(mixture_files, mixtures, jobs, f"write {name}", progress)
    _each(enrollment_files, dataset.trials, jobs, f"write enrollments of {name}", progress)


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


def _each(
    work: Callable[[T], None], items: Iterable[T], jobs: int, what: str, progress: ProgressFactory
) -> None:
    todo = list(items)
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool, progress(what, len(todo)) as advance:
        for _ in pool.map(work, todo):
            advance(1)


def _claim(dataset: Dataset, folder: Path) -> None:
    """Mark whose files these are: files of another build must not pass for done."""
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
    tree = tree_of(mixture.renderer)
    data_bytes = mixture.num_samples * (2 if mixture.quantise == "int16" else 4)
    # An auxiliary file has a length of its own.
    least = {s.id: 1 if s.role == "auxiliary" else data_bytes for s in mixture.sources}
    return [
        WavFile(path=root / tree(dataset.card, mixture, name), data_bytes=count)
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
