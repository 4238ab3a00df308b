"""Batches for training: rendered ahead, in order, and the same on every machine."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ...core.errors import DatasetError, TsebenchError
from ...datasets.types import Query, Truth
from ..protocol import QueryBatch
from ..trainable import TrainBatch


class TrialStream(Protocol):
    """Trials by index; index i always gives the same item, and is safe from several threads."""

    classes: tuple[str, ...]
    sample_rate_hz: int
    fingerprint: str

    def __len__(self) -> int:
        """Number of items."""
        ...

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        """The trial at `index` and its answer."""
        ...


class EpochBatches:
    """The batches of one epoch of a stream.

    Args:
        stream: where items come from.
        per_epoch: items of an epoch; epoch e has the indices e·per_epoch to (e+1)·per_epoch − 1.
        batch_size: items of a batch; the last one may be smaller.
        threads: that render ahead.
        processes: that render ahead, instead of threads.
        epoch: asked when iteration begins.
        keep: render once and keep the batches; for a list that does not change.
        once: it is gone through once; processes that render end with it.
        sources: batches hold the interferers too.
    """

    def __init__(
        self,
        stream: TrialStream,
        *,
        per_epoch: int,
        batch_size: int,
        threads: int,
        epoch: Callable[[], int],
        processes: int = 0,
        keep: bool = False,
        once: bool = False,
        sources: bool = False,
    ) -> None:
        self._stream = stream
        self._per_epoch = per_epoch
        self._batch_size = batch_size
        self._threads = threads
        self._epoch = epoch
        self._loader = self._workers(processes, stay=not (keep or once)) if processes else None
        self._sources = sources
        self._kept: list[TrainBatch] | None = [] if keep else None

    def __len__(self) -> int:
        return math.ceil(self._per_epoch / self._batch_size)

    def __iter__(self) -> Iterator[TrainBatch]:
        if self._kept is None:
            yield from self._rendered()
            return
        if not self._kept:
            self._kept = list(self._rendered())
        yield from self._kept

    def _rendered(self) -> Iterator[TrainBatch]:
        if self._loader is not None:
            return map(_checked, self._loader)
        parts = self._parts()
        return prefetch(lambda i: self._render(parts[i]), count=len(parts), threads=self._threads)

    def _workers(self, count: int, *, stay: bool) -> DataLoader[TrainBatch | _Failed]:
        """Processes that render batches of the epoch, in order; they may stay for the next."""
        return DataLoader(
            _Rendering(self._render),
            sampler=_Asked(self._parts, count=len(self)),
            batch_size=None,
            num_workers=count,
            persistent_workers=stay,
            multiprocessing_context="fork",
        )

    def _parts(self) -> list[range]:
        first, size = self._epoch() * self._per_epoch, self._batch_size
        indices = range(first, first + self._per_epoch)
        return [indices[start : start + size] for start in range(0, len(indices), size)]

    def _render(self, indices: Sequence[int]) -> TrainBatch:
        return collate([self._stream[index] for index in indices], sources=self._sources)


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why another process could not render; the loader would put its traceback in the message."""

    message: str


def _checked(batch: TrainBatch | _Failed) -> TrainBatch:
    if isinstance(batch, _Failed):
        raise TsebenchError(batch.message)
    return batch


class _Rendering(Dataset["TrainBatch | _Failed"]):
    """Batches by the indices of their items, for torch's loader."""

    def __init__(self, render: Callable[[Sequence[int]], TrainBatch]) -> None:
        self._render = render

    def __getitem__(self, part: Sequence[int]) -> TrainBatch | _Failed:
        try:
            return self._render(part)
        except TsebenchError as error:
            return _Failed(str(error))


class _Asked(Sampler[Sequence[int]]):
    """The parts of the epoch that is on when iteration begins."""

    def __init__(self, parts: Callable[[], list[range]], *, count: int) -> None:
        self._parts = parts
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Sequence[int]]:
        return iter(self._parts())


def prefetch(make: Callable[[int], TrainBatch], *, count: int, threads: int) -> Iterator[TrainBatch]:
    """`make(0)` to `make(count − 1)` in order, with at most `threads` + 1 of them made ahead."""
    if threads == 0:
        yield from map(make, range(count))
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="render")
    waiting: deque[Future[TrainBatch]] = deque()
    try:
        for index in range(count):
            waiting.append(pool.submit(make, index))
            if len(waiting) > threads + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def collate(items: Sequence[tuple[Query, Truth]], *, sources: bool = False) -> TrainBatch:
    """Pad trials with zeros to one batch; the first channel is the one that is extracted.

    Args:
        items: trials and their answers.
        sources: keep the interferers.

    Raises:
        DatasetError: the items do not have one sample rate.
    """
    queries = [query for query, _ in items]
    rates = {query.sample_rate_hz for query in queries}
    if len(rates) != 1:
        raise DatasetError(f"a training batch has the sample rates {sorted(rates)}; it needs one")
    targets = [
        torch.zeros_like(query.mixture[0]) if truth.target is None else truth.target[0]
        for query, truth in items
    ]
    batch = QueryBatch(
        ids=tuple(query.id for query in queries),
        mixture=_padded([query.mixture[0] for query in queries])[:, None],
        lengths=torch.tensor([query.mixture.shape[-1] for query in queries]),
        sample_rate_hz=rates.pop(),
        clues=tuple(query.clues for query in queries),
    )
    present = torch.tensor([truth.target is not None for _, truth in items])
    return TrainBatch(
        queries=batch,
        target=_padded(targets),
        present=present,
        active_classes=tuple(truth.active_classes for _, truth in items),
        target_labels=tuple(truth.target_labels for _, truth in items),
        interferers=tuple(truth.interferers for _, truth in items) if sources else (),
    )


def _padded(signals: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(signals), batch_first=True)
