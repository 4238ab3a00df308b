"""Where a run keeps the estimates of its systems."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ...core.errors import AudioError
from ...core.files import make_folder, write_atomic
from ...datasets.seeding import digest
from ...datasets.signals.audio import read_mono, write
from ..inference.ask import Answer, is_signal
from ..inference.batching import Item

FOLDER = "estimates"
_DIGITS = 12


def estimates_folder(root: Path, *, dataset: str, title: str, identity: str, fingerprint: str) -> Path:
    """The folder of one system's estimates on one dataset; other weights have another folder.

    Args:
        root: the run's folder `estimates`.
        dataset: name of the dataset.
        title: of the system.
        identity: of the system, see `cache.system_identity`.
        fingerprint: of the dataset.
    """
    return root / dataset / f"{title}-{digest(identity, fingerprint)[:_DIGITS]}"


def estimate_path(folder: Path, trial_id: str) -> Path:
    """The file of one trial; the ids of a manifest are safe as file names."""
    return folder / f"{trial_id}.wav"


_PROBABILITIES = ".classes.json"


def all_kept(folder: Path | None, ids: Sequence[str]) -> bool:
    """Whether no estimate has to be written; one that failed is asked for again."""
    return folder is None or all(estimate_path(folder, trial_id).is_file() for trial_id in ids)


def kept_answers(folder: Path | None, items: Sequence[Item]) -> dict[int, Answer]:
    """What is there of some trials, by item index; a file that cannot be read is removed."""
    answers: dict[int, Answer] = {}
    if folder is None:
        return answers
    for item in items:
        path = estimate_path(folder, item.query.id)
        if path.is_file():
            try:
                answers[item.index] = Answer(
                    estimate=torch.from_numpy(read_mono(path)[0]),
                    class_probabilities=_kept_probabilities(path),
                )
            except AudioError:
                path.unlink()  # cut by a crash, or not finite: ask the system again
    return answers


def keep_answers(
    folder: Path | None, items: Sequence[Item], answers: Mapping[int, Answer], sample_rate_hz: int
) -> None:
    """Write what is a signal; class probabilities first, so that no estimate is without them."""
    if folder is None:
        return
    for item in items:
        answer = answers[item.index]
        estimate, probabilities = answer.estimate, answer.class_probabilities
        if estimate is not None and is_signal(estimate):
            path = estimate_path(folder, item.query.id)
            if probabilities is not None:
                text = json.dumps([float(value) for value in probabilities])
                make_folder(path.parent)
                write_atomic(path.with_suffix(_PROBABILITIES), text.encode())
            write(path, estimate.numpy(), sample_rate_hz)


def _kept_probabilities(wav: Path) -> torch.Tensor | None:
    """Class probabilities [K] that were kept beside an estimate."""
    path = wav.with_suffix(_PROBABILITIES)
    return torch.tensor(json.loads(path.read_bytes())) if path.is_file() else None
