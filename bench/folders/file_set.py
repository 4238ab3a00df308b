"""Paired files as a set of trials, and the answers to them."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.arrays import Array, ended
from ...core.errors import AudioError
from ...datasets.batches import channel_of
from ...datasets.signals.audio import info, read, read_mono, resample
from ...datasets.types import Clues, ClueSpec, Condition, Query, Tag, Trial, Truth
from ...systems.protocol import far_too_long, wrong_length
from ..inference.answer import Answer
from ..inference.batching import Item
from .channels import Channel, Folder
from .file_faults import unreadable
from .paired_files import PairedFiles

if TYPE_CHECKING:
    from ..inference.ask import Inference


def read_signal(path: Path, channel: Channel, *, finite: bool = True) -> Array:
    """One channel [T] of a file; `channel` counts where there are several.

    Raises:
        AudioError: the file is missing, corrupt or empty, or not finite though it must be.
    """
    signals = read_signals(path, channel, finite=finite)
    return channel_of(signals, channel if isinstance(channel, int) else 0)


def read_signals(path: Path, channel: Channel, *, finite: bool = True) -> Array:
    """All channels [C, T] of a file; one where it has one, or where `channel` is the mean; errors as `read_signal`."""
    signals, _ = read(path, finite=finite)
    if len(signals) > 1 and not isinstance(channel, int):
        return read_mono(path, channel=channel, finite=finite)[0][None]  # the mean, or the error that there are several
    return signals


class FileSet:
    """Paired files as a set of trials, whose signals are arrays of NumPy.

    Where there is no mixture, or one that cannot be used, the reference takes its place, and without references the
    estimate. A trial whose reference cannot be used has one sample of silence, and every answer to it fails.

    Attributes:
        lost: why references cannot be used, by trial; it grows while files are read.
        unmixed: the same for mixtures.
    """

    def __init__(self, files: PairedFiles) -> None:
        self.files = self.card = files
        self.lost = {key: f"reference:{reason}" for key, reason in files.faults.references.items()}
        self.unmixed = dict(files.faults.mixtures)
        self._trials_of: dict[str, list[str]] = {}
        for key in files.keys:
            self._trials_of.setdefault(files.mixture_of(key), []).append(key)
        no_query, no_clue = Condition(n_active=0, n_inactive=0), ClueSpec()
        no_tags: dict[str, Tag] = {}
        self.trials = tuple(
            Trial(
                id=key,
                mixture_id=files.mixture_of(key),
                clue=no_clue,
                target_ids=() if files.unreferenced else (key,),
                condition=no_query,
                cluster=files.mixture_of(key),
                tags=no_tags,
                recorded=files.facts.target(key) if files.unreferenced else None,
            )
            for key in files.keys
        )

    def __len__(self) -> int:
        return len(self.trials)

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        """Query and truth of one trial."""
        files, key = self.files, self.files.keys[index]
        if files.unreferenced:
            return self._unreferenced(index)
        target = self._read("references", key, self.lost, prefix="reference:")
        mixture = None if target is None else self._mono("mixtures", key, self.unmixed)
        target = _silence(1, 1) if target is None else target
        reference = self._of_reference(target, "references")
        query = self._query(key, (reference if mixture is None else mixture)[None])
        if len(target) > 1:
            query = replace(query, reference_channel=self._number("references"))
        return query, Truth(
            target=target,
            interferers=self._interferers(key, reference, mixture),
            active_classes=(),
            transcript=files.transcripts.get(key),
        )

    def _unreferenced(self, index: int) -> tuple[Query, Truth]:
        """Query and truth of a trial without reference."""
        key = self.files.keys[index]
        signal = self._mono("mixtures", key, self.unmixed)
        if signal is None:
            signal = self._mono("estimates", key, dict(self.files.faults.estimates))
        signal = _silence(1) if signal is None else signal
        return self._query(key, signal[None]), Truth(
            target=None,
            interferers=_silence(0, len(signal)),
            active_classes=(),
            transcript=self.files.transcripts.get(key),
            recorded=self.trials[index].recorded,
        )

    def _query(self, key: str, signal: Array) -> Query:
        """The query of a trial, with its enrollment if there is one."""
        rate_hz, path = self.files.sample_rate_hz, self.files.enrollments.get(key)
        enrollments: tuple[Array, ...] = ()
        if path is not None:
            voice = read_signal(path, self.files.channels.of("enrollments"))
            enrollments = (resample(voice, from_hz=info(path).sample_rate_hz, to_hz=rate_hz),)
        return Query(id=key, mixture=signal, sample_rate_hz=rate_hz, clues=Clues(enrollments=enrollments))

    def _interferers(self, key: str, reference: Array, mixture: Array | None) -> Array:
        """Other sources [S, T]: the other references of the mixture, and what is left of it without all references."""
        length = len(reference)
        others = [self._mono("references", other, self.lost, prefix="reference:") for other in self._others(key)]
        found = [ended(other, length) for other in others if other is not None]
        if mixture is not None:
            shorter = min(len(mixture), length)
            rest = mixture[:shorter] - reference[:shorter] - sum(other[:shorter] for other in found)
            found.append(ended(rest, length))
        return np.stack(found) if found else _silence(0, length)

    def _others(self, key: str) -> list[str]:
        """Other trials of the same mixture."""
        return [other for other in self._trials_of[self.files.mixture_of(key)] if other != key]

    def answers(
        self, folder: Folder, *, files: PairedFiles | None = None, identity: str = "", sample: int = 0
    ) -> FileAnswers:
        """The files of one folder as answers; `identity` and `sample` as in `FileAnswers`.

        Args:
            files: other files that are paired with the same references.
        """
        files = files or self.files
        return FileAnswers(
            getattr(files, folder),
            channel=files.channels.of(folder),
            identity=identity,
            faults=ChainMap(self.lost, dict(getattr(files.faults, folder))),
            recognised=files.facts.recognised if folder == "estimates" else {},
            sample=sample,
        )

    def _number(self, folder: Folder) -> int:
        """The chosen channel of files with several."""
        channel = self.files.channels.of(folder)
        return channel if isinstance(channel, int) else 0

    def _of_reference(self, signals: Array, folder: Folder) -> Array:
        """The chosen channel [T] of signals [C, T]."""
        return channel_of(signals, self._number(folder))

    def _mono(self, folder: Folder, key: str, faults: dict[str, str], *, prefix: str = "") -> Array | None:
        """The chosen channel [T] of a file, or None with its reason among the faults."""
        found = self._read(folder, key, faults, prefix=prefix)
        return None if found is None else self._of_reference(found, folder)

    def _read(self, folder: Folder, key: str, faults: dict[str, str], *, prefix: str = "") -> Array | None:
        """All channels [C, T] of a file, see `read_signals`, or None with its reason among the faults."""
        path = getattr(self.files, folder).get(key)
        if path is None or key in faults:
            return None
        try:
            return read_signals(path, self.files.channels.of(folder))
        except AudioError as error:
            faults[key] = prefix + unreadable(error, path, key)
            return None


def _silence(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


class FileAnswers:
    """Answers that were made elsewhere, one file for each trial; an `AnswerSource`.

    Args:
        folder: files by trial; one that is missing or cannot be read is a failure.
        faults: reasons of trials that fail without a look at their file.
        identity: determines the content of the files; "" keeps their scores out of the cache.
        recognised: words that were recognised in the files elsewhere, by trial.
        sample: number of the answer to each trial, from 0.
    """

    classes: tuple[str, ...] | None = None
    inference: Inference | None = None

    def __init__(
        self,
        folder: Mapping[str, Path],
        *,
        channel: Channel,
        identity: str,
        faults: Mapping[str, str] | None = None,
        recognised: Mapping[str, str] | None = None,
        sample: int = 0,
    ) -> None:
        self.sample, self._recognised = sample, recognised or {}
        self.identity, self.reusable = identity, bool(identity)
        self._folder, self._channel = folder, channel
        self._faults = {} if faults is None else faults

    def complete(self, _: Sequence[str], /) -> bool:
        """True: there is nothing to ask."""
        return True

    def stored(self, items: Sequence[Item]) -> dict[int, Answer]:
        """All answers, by item index."""
        return {item.index: self._read(item) for item in items}

    def store(self, _items: Sequence[Item], _answers: Mapping[int, Answer], /) -> None:
        """Nothing: the files are there."""

    def _read(self, item: Item) -> Answer:
        key = item.query.id
        path = self._folder.get(key)
        if key in self._faults or path is None:
            return Answer(failure=self._faults.get(key, "missing"))
        try:
            frames = info(path).frames
            if far_too_long(frames, item.length, item.query.sample_rate_hz):
                return Answer(failure=wrong_length(frames, item.length))
            signals = read_signals(path, self._channel, finite=False)
            return Answer(
                estimate=channel_of(signals, self._channel if isinstance(self._channel, int) else 0),
                channels=signals if len(signals) > 1 else None,
                transcript=self._recognised.get(key),
            )
        except AudioError as error:
            return Answer(failure=unreadable(error, path, key))
