"""From a dataset folder to wav files for other tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ..errors import DatasetError
from ..files import make_folder, write_atomic
from ..progress import ProgressFactory, quiet
from .audio import write
from .clips import render_clip
from .dataset import Dataset
from .extras import Tree, sidecars_of, tree_of
from .render import render
from .trials import source_signal
from .types import Mixture, MixtureClip, Trial

T = TypeVar("T")

_MARK = "fingerprint"


def materialise(
    dataset: Dataset, folder: Path, *, jobs: int = 1, progress: ProgressFactory = quiet
) -> None:
    """Write wav files for other tools below `audio/`; what is there already is not written again.

    The signals of a mixture go where the official script of the set puts them (see `TREES`), or
    else to `mixture/<mixture>.wav` and `<source>/<mixture>.wav`; enrollments to
    `enrollment/<trial>_<k>.wav`. A set of Scaper's has its JAMS files
    too. Signals have 16 bits if the recipe says so, and are float otherwise.

    Args:
        dataset: the set.
        folder: its folder.
        jobs: threads that render; the files do not depend on it.
        progress: shows how far it is.

    Raises:
        DatasetError: `audio/` holds the files of another build.
        OutputError: the disk is full, or the folder cannot be written to.
    """
    root = folder / "audio"
    _claim(root, dataset.card.fingerprint)

    def mixture_files(mixture: Mixture) -> None:
        for path, content in sidecars_of(mixture.renderer)(mixture, dataset.corpora).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(root / path, content)
        _write_mixture(mixture, dataset, root, tree_of(mixture.renderer))

    def enrollment_files(trial: Trial) -> None:
        _write_enrollments(trial, dataset, root)

    name = dataset.card.name
    mixtures = list(dataset.mixtures.values())
    _each(mixture_files, mixtures, jobs, f"write {name}", progress)
    _each(enrollment_files, dataset.trials, jobs, f"write enrollments of {name}", progress)


def _each(
    work: Callable[[T], None],
    items: Iterable[T],
    jobs: int,
    what: str,
    progress: ProgressFactory,
) -> None:
    todo = list(items)
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool, progress(what, len(todo)) as advance:
        for _ in pool.map(work, todo):
            advance(1)


def _claim(root: Path, fingerprint: str) -> None:
    """Mark whose files these are: files of another build must not pass for done."""
    mark = root / _MARK
    if root.is_dir() and any(root.iterdir()):
        found = mark.read_text(encoding="utf-8").strip() if mark.is_file() else "unknown"
        if found != fingerprint:
            raise DatasetError(
                f"folder {str(root)!r} holds files of another build (fingerprint {found[:12]}, not "
                f"{fingerprint[:12]}); remove it"
            )
    make_folder(root)
    write_atomic(mark, f"{fingerprint}\n")


def _write_mixture(mixture: Mixture, dataset: Dataset, root: Path, tree: Tree) -> None:
    names = ["mixture", *(source.id for source in mixture.sources)]
    paths = [root / tree(dataset.card, mixture, name) for name in names]
    data_bytes = mixture.num_samples * (2 if mixture.quantise == "int16" else 4)
    # An auxiliary file has a length of its own.
    least = [data_bytes, *(1 if s.role == "auxiliary" else data_bytes for s in mixture.sources)]
    if all(map(_whole, paths, least)):
        return
    rendered = render(mixture, dataset.corpora)
    signals = [rendered.mixture, *(source_signal(s.id, mixture, rendered) for s in mixture.sources)]
    subtype = "PCM_16" if mixture.quantise == "int16" else "FLOAT"
    for path, samples in zip(paths, signals, strict=True):
        write(path, samples, mixture.sample_rate_hz, subtype=subtype)


def _write_enrollments(trial: Trial, dataset: Dataset, root: Path) -> None:
    rate = dataset.card.sample_rate_hz
    for number, clip in enumerate(trial.clue.enrollments):
        path = root / "enrollment" / f"{trial.id}_{number}.wav"
        if _whole(path, 1):
            continue
        samples = (
            dataset.separated(clip)
            if isinstance(clip, MixtureClip)
            else render_clip(clip, sample_rate_hz=rate, corpora=dataset.corpora)
        )
        write(path, samples, rate)


def _whole(path: Path, data_bytes: int) -> bool:
    """Is the file there, with its header and all samples?

    A kill leaves no half file behind, since files are written through temporary names; a crash of
    the machine may leave one.
    """
    return path.is_file() and path.stat().st_size > data_bytes
