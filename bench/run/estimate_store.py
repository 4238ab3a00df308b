"""Answers of a system to the trials of a set, and those that a run stored."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ...core.errors import AudioError
from ...core.files import make_folder, write_atomic
from ...datasets.batches import channel_of
from ...datasets.signals.audio import info, read, write
from ...systems.protocol import AnySystem, far_too_long, wrong_length
from ..inference.answer import Answer
from ..inference.ask import Inference, is_signal
from ..inference.batch_sizes import BatchSize
from ..inference.batching import Item
from ..scoring.identity import Identity, identity_of
from .estimate_files import estimate_path, sample_folder
from .output_files import read_outputs, write_outputs

_PROBABILITIES = ".classes.json"
_WORDS = ".words.txt"
_ACTIVITY = ".activity.json"


class SystemAnswers:
    """First answers of one system on one set, an `AnswerSource`; `folder` stores estimates, at the set's rate."""

    sample = 0

    def __init__(
        self,
        system: AnySystem,
        *,
        device: str,
        batch_size: BatchSize,
        sample_rate_hz: int,
        folder: Path | None = None,
        identity: Identity | None = None,
    ) -> None:
        known = identity or identity_of(system)
        self.identity, self.reusable = known.digest, not known.unseen
        self.classes = system.card.classes
        self.inference: Inference | None = Inference(system, device=device, batch_size=batch_size)
        self._sample_rate_hz, self._folder = sample_rate_hz, folder

    def of_sample(self, sample: int) -> SystemAnswers:
        """Another sample of the answers, of the same system."""
        other = copy.copy(self)
        other.sample = sample
        other._folder = None if self._folder is None else sample_folder(self._folder, sample)
        return other

    def complete(self, ids: Sequence[str], /) -> bool:
        """Whether every estimate is stored, if they are stored at all; a failed one never is."""
        return self._folder is None or all(estimate_path(self._folder, name).is_file() for name in ids)

    def stored(self, items: Sequence[Item]) -> dict[int, Answer]:
        """Stored answers by item index; a file that cannot be read is removed."""
        answers: dict[int, Answer] = {}
        for item in items if self._folder else ():
            path = estimate_path(self._folder, item.query.id) if self._folder else Path()
            if path.is_file():
                try:
                    answers[item.index] = read_answer(path, item)
                except AudioError:
                    path.unlink()  # cut by a crash, or not finite: ask the system again
        return answers

    def store(self, items: Sequence[Item], answers: Mapping[int, Answer], /) -> None:
        """Write valid estimates; what else an answer holds first, so that no estimate is without it."""
        if self._folder is None:
            return
        for item in items:
            answer = answers[item.index]
            estimate = answer.estimate
            if estimate is not None and is_signal(estimate):
                path = estimate_path(self._folder, item.query.id)
                for suffix, numbers in ((_PROBABILITIES, answer.class_probabilities), (_ACTIVITY, answer.activity)):
                    if numbers is not None:
                        text = json.dumps([float(value) for value in numbers])
                        make_folder(path.parent)
                        write_atomic(path.with_suffix(suffix), text.encode())
                if answer.transcript is not None:
                    make_folder(path.parent)
                    write_atomic(path.with_suffix(_WORDS), answer.transcript.encode())
                if answer.outputs is not None:
                    write_outputs(path, answer.outputs, self._sample_rate_hz)
                signals = estimate if answer.channels is None else answer.channels
                write(path, signals.numpy(), self._sample_rate_hz)


def read_answer(path: Path, item: Item) -> Answer:
    """A stored answer: the estimate, and what is stored with it.

    Raises:
        AudioError: the estimate is not there, not whole, or has other channels than the mixture.
    """
    frames = info(path).frames
    if far_too_long(frames, item.length, item.query.sample_rate_hz):
        return Answer(failure=wrong_length(frames, item.length))
    signals = torch.from_numpy(read(path)[0])
    if len(signals) not in (1, item.channels[0]):
        raise AudioError(f"{str(path)!r} has {len(signals)} channels, and its mixture has {item.channels[0]}")
    return Answer(
        estimate=channel_of(signals, item.query.reference_channel),
        channels=signals if len(signals) > 1 else None,
        class_probabilities=_read_numbers(path.with_suffix(_PROBABILITIES)),
        transcript=_read_words(path),
        activity=_read_numbers(path.with_suffix(_ACTIVITY)),
        outputs=read_outputs(path),
    )


def _read_numbers(path: Path) -> torch.Tensor | None:
    """Class probabilities or activity [K] that are stored with an estimate."""
    return torch.tensor(json.loads(path.read_bytes())) if path.is_file() else None


def _read_words(wav: Path) -> str | None:
    """Words that are stored with an estimate."""
    path = wav.with_suffix(_WORDS)
    return path.read_text(encoding="utf-8") if path.is_file() else None
