"""Asking a system: one batch at a time, so that a failure costs one trial and never the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..errors import TsebenchError
from ..systems.batch import collate
from ..systems.protocol import AnySystem, Extraction, PrivilegedSystem, QueryBatch, System
from .batching import Item, at_rate, bucket, resampled

Tensor = torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a system gave for one trial: an estimate [T] at the dataset's rate, or a reason."""

    estimate: Tensor | None = None
    failure: str | None = None


class Inference:
    """Runs one system over trials, in batches that shrink when memory runs out.

    Args:
        system: the system, on its device.
        device: where its batches go.
        batch_size: most queries in a batch.
    """

    def __init__(self, system: AnySystem, *, device: str, batch_size: int) -> None:
        self._system = system
        self._device = device
        self.batch_size = batch_size

    def answer(self, items: Sequence[Item]) -> dict[int, Answer]:
        """Answers by item index, at each item's own rate."""
        card = self._system.card
        asked = [at_rate(item, card.sample_rate_hz) for item in items]
        answers: dict[int, Answer] = {}
        batches = bucket(asked, batch_size=self.batch_size, equal_lengths=not card.padding_neutral)
        while batches:
            batch = batches.pop(0)
            try:
                result = self._ask(batch)
            except torch.OutOfMemoryError:
                if len(batch) == 1:
                    answers[batch[0].index] = Answer(failure="out of memory")
                    continue
                self.batch_size = max(1, len(batch) // 2)
                batches[:0] = bucket(batch, batch_size=self.batch_size)
            except Exception as error:  # noqa: BLE001 - systems are anybody's code; the row says why
                if len(batch) == 1:
                    answers[batch[0].index] = Answer(failure=_reason(error))
                    continue
                batches[:0] = [[item] for item in batch]
            else:
                answers.update(result)
        return {
            item.index: _back(answers[item.index], at_own_rate, item)
            for item, at_own_rate in zip(items, asked, strict=True)
        }

    @torch.inference_mode()
    def _ask(self, items: Sequence[Item]) -> dict[int, Answer]:
        batch = collate([item.query for item in items], device=self._device)
        if isinstance(self._system, PrivilegedSystem):
            truths = [item.truth for item in items]
            extraction = self._system.extract_with_truth(batch, truths)
        elif isinstance(self._system, System):
            extraction = self._system.extract(batch)
        else:
            raise TypeError(f"{type(self._system).__name__} has no method extract(batch)")
        return {
            item.index: _answer(extraction, item, estimate)
            for item, estimate in zip(items, _estimates(extraction, batch), strict=True)
        }


def _estimates(extraction: Extraction, batch: QueryBatch) -> list[Tensor]:
    """One estimate [T_b] for each query, on the CPU, without the padding of the batch.

    Raises:
        ValueError: the shape is not that of the batch's mixtures.
    """
    size, _, length = batch.mixture.shape
    estimate = extraction.estimate
    if not isinstance(estimate, Tensor):
        if len(estimate) != size:
            raise ValueError(f"{len(estimate)} estimates for {size} queries")
        return [row.detach().to("cpu", torch.float32) for row in estimate]
    if estimate.shape != (size, length):
        raise ValueError(f"estimate has shape {list(estimate.shape)}, not {[size, length]}")
    rows = estimate.detach().to("cpu", torch.float32)
    return [row[:true].clone() for row, true in zip(rows, batch.lengths.tolist(), strict=True)]


def _answer(extraction: Extraction, item: Item, estimate: Tensor) -> Answer:
    failure = extraction.failures.get(item.query.id)
    return Answer(failure=failure) if failure is not None else Answer(estimate=estimate)


def _back(answer: Answer, asked: Item, item: Item) -> Answer:
    """The answer at the dataset's rate; resampling there and back may round a length up by one."""
    from_hz, to_hz = asked.query.sample_rate_hz, item.query.sample_rate_hz
    if answer.estimate is None or from_hz == to_hz:
        return answer
    estimate = resampled(answer.estimate, from_hz, to_hz)
    return Answer(
        estimate=estimate[: item.length] if len(answer.estimate) == asked.length else estimate
    )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, TsebenchError):
        return text
    return f"{type(error).__name__}: {text}"[:300]
