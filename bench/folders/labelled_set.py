"""Folders of labelled sounds as a set of trials, one for each mixture, and the answers to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import AudioError
from ...datasets.types import Clues, ClueSpec, Condition, Query, Trial, Truth
from ...systems.protocol import LENGTH_TOLERANCE_S, LabelledOutput
from ..inference.answer import Answer
from ..inference.batching import Item
from .channels import Folder
from .file_faults import unreadable
from .file_set import FileAnswers, FileSet, read_signal
from .labelled_files import LabelledFile, LabelledFiles
from .paired_files import PairedFiles


class LabelledSet(FileSet):
    """Mixtures whose target is the sum of all their references.

    A trial whose mixture or a reference of which cannot be used has one sample of silence, and every answer to it
    fails.
    """

    files: LabelledFiles

    def __init__(self, files: LabelledFiles) -> None:
        super().__init__(files)
        self.lost = dict(files.faults.references)
        self.trials = tuple(
            Trial(
                id=key,
                mixture_id=key,
                clue=ClueSpec(),
                target_ids=tuple(sound.key for sound in files.wanted[key]),
                condition=Condition(n_active=0, n_inactive=0),
                cluster=key,
            )
            for key in files.keys
        )

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        """Query and truth of one mixture."""
        files, key = self.files, self.files.keys[index]
        mixture = self._mono("mixtures", key, self.lost, prefix="mixture: ")
        wanted = () if mixture is None else self._wanted(key, len(mixture))
        if mixture is None or key in self.lost:
            tensor, silence = torch.zeros(1), torch.zeros(1, 1)
            truth = Truth(target=silence, interferers=silence[:0], active_classes=(), transcript=None)
        else:
            tensor = torch.from_numpy(mixture)
            target = torch.stack([each.signal for each in wanted]).sum(dim=0) if wanted else None
            labels = tuple(each.label for each in wanted)
            truth = Truth(
                target=None if target is None else target[None],
                interferers=(tensor if target is None else tensor - target)[None],
                active_classes=labels,
                transcript=None,
                target_labels=labels,
                parts={sound.key: each.signal for sound, each in zip(files.wanted[key], wanted, strict=True)},
            )
        query = Query(id=key, mixture=tensor[None], sample_rate_hz=files.sample_rate_hz, clues=Clues())
        return query, truth

    def answers(
        self, folder: Folder, *, files: PairedFiles | None = None, identity: str = "", sample: int = 0
    ) -> FileAnswers:
        """The files of one folder as answers, see `FileSet.answers`."""
        if folder == "mixtures":
            return super().answers(folder, files=files, identity=identity, sample=sample)
        own = files if isinstance(files, LabelledFiles) else self.files
        sounds = own.found if folder == "estimates" else own.wanted
        return LabelledAnswers(
            self, sounds, folder=folder, faults=own.faults.estimates, identity=identity, sample=sample
        )

    def _wanted(self, key: str, length: int) -> tuple[LabelledOutput, ...]:
        """The references of a mixture, or none with the reason among the faults."""
        try:
            return self.read(self.files.wanted[key], "references", length)
        except ValueError as error:
            self.lost[key] = f"reference: {error}"
            return ()

    def read(self, sounds: Sequence[LabelledFile], folder: Folder, length: int) -> tuple[LabelledOutput, ...]:
        """Sounds of one mixture, brought to its length.

        Raises:
            ValueError: one cannot be read, or is 10 ms shorter or longer than the mixture.
        """
        found = []
        for sound in sounds:
            try:
                channel = self.files.channels.of(folder)
                signal = torch.from_numpy(read_signal(sound.path, channel, finite=folder == "references"))
            except AudioError as error:
                raise ValueError(unreadable(error, sound.path, sound.key)) from None
            if abs(len(signal) - length) >= LENGTH_TOLERANCE_S * self.files.sample_rate_hz:
                raise ValueError(f"length: {sound.key} has {len(signal)} samples, the mixture has {length}")
            found.append(LabelledOutput(sound.label, F.pad(signal, (0, length - len(signal)))))
        return tuple(found)


class LabelledAnswers(FileAnswers):
    """Labelled sounds that were made elsewhere; the estimate is their sum, silence where there is none."""

    def __init__(
        self,
        trials: LabelledSet,
        sounds: Mapping[str, tuple[LabelledFile, ...]],
        *,
        folder: Folder,
        faults: Mapping[str, str],
        identity: str,
        sample: int,
    ) -> None:
        super().__init__({}, channel=None, identity=identity, sample=sample)
        self._trials, self._sounds, self._of, self._unusable = trials, sounds, folder, faults

    def _read(self, item: Item) -> Answer:
        key = item.query.id
        if (reason := self._trials.lost.get(key) or self._unusable.get(key)) is not None:
            return Answer(failure=reason)
        try:
            outputs = self._trials.read(self._sounds[key], self._of, item.length)
        except ValueError as error:
            return Answer(failure=str(error))
        return Answer(estimate=_sum(outputs, item.length), outputs=outputs)


def _sum(outputs: Sequence[LabelledOutput], length: int) -> Tensor:
    return torch.stack([torch.zeros(length), *(each.signal for each in outputs)]).sum(dim=0)
