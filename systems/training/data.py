"""Training batches: rendered ahead by threads or processes, in order, the same on every machine."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from multiprocessing.util import get_temp_dir
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from ...core.errors import DatasetError, TsebenchError
from ...core.prefetch import ahead
from ...core.text import safe_text
from ...datasets.batches import channel_of
from ...datasets.types import Query, Truth
from ..protocol import QueryBatch
from ..trainable import TrainBatch


class TrainingStream(Protocol):
    """Trials by index: item i is always the same; reading is safe from several threads."""

    classes: tuple[str, ...]
    sample_rate_hz: int
    fingerprint: str

    def __len__(self) -> int:
        """Number of items."""
        ...

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        """The trial at `index` and its ground truth."""
        ...


class EpochBatches:
    """Batches of one epoch of a stream.

    Args:
        per_epoch: items of an epoch; epoch e has the indices e·per_epoch to (e+1)·per_epoch − 1.
        batch_size: items of a batch; the last one may be smaller.
        threads: number of threads that render ahead; 0 renders on demand.
        epoch: current epoch, read when an iteration begins.
        processes: number of processes that render ahead, instead of threads.
        cache: render once and reuse the batches; for a list that is the same in every epoch.
        once: iterated only once, so that rendering processes end with the iteration.
        sources: include the interferers in the batches.
    """

    def __init__(
        self,
        stream: TrainingStream,
        *,
        per_epoch: int,
        batch_size: int,
        threads: int,
        epoch: Callable[[], int] = lambda: 0,
        processes: int = 0,
        cache: bool = False,
        once: bool = False,
        sources: bool = False,
    ) -> None:
        self._renderer = _Renderer(stream, sources=sources)
        self._indices = _BatchIndices(per_epoch, batch_size, epoch)
        self._threads = threads
        self._cached: list[TrainBatch] | None = [] if cache else None
        self._loader: DataLoader[TrainBatch | _Failed] | None = None
        if processes:
            # Workers that are killed leave their sockets behind: in a folder of this process, which it removes.
            get_temp_dir()
            self._loader = DataLoader(
                self._renderer,
                sampler=self._indices,
                batch_size=None,
                num_workers=processes,
                persistent_workers=not (cache or once),
                multiprocessing_context="fork",
            )

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[TrainBatch]:
        if self._cached is None:
            yield from self._rendered()
            return
        if not self._cached:
            self._cached = list(self._rendered())
        yield from self._cached

    def _rendered(self) -> Iterator[TrainBatch]:
        if self._loader is not None:
            return self._handed_over(self._loader)
        return ahead(self._renderer.render, list(self._indices), threads=self._threads)

    @staticmethod
    def _handed_over(loader: DataLoader[TrainBatch | _Failed]) -> Iterator[TrainBatch]:
        """Batches of the processes; their queues need shared memory, too, and a process may be killed."""
        try:
            yield from map(_checked, loader)
        except (OSError, EOFError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise TsebenchError(_no_room(error, None, processes=loader.num_workers)) from None
            if not _is_lost_process(error):
                raise
            raise TsebenchError(
                f"data.render_processes = {loader.num_workers}: one that renders ended ({safe_text(error, 150)}): "
                "free memory and /dev/shm, or set data.render_processes: 0, and start the same command again"
            ) from None


def _is_lost_process(error: Exception) -> bool:
    """Whether an error of torch's loader says that a process ended: by its watch, or while it handed over a batch."""
    if str(error).startswith("Caught "):  # raised by the code in the process
        return False
    return not isinstance(error, RuntimeError | OSError) or (
        isinstance(error, ConnectionError | FileNotFoundError) or "DataLoader worker" in str(error)
    )


class _BatchIndices(Sampler[range]):
    """Item indices of each batch of the current epoch."""

    def __init__(self, per_epoch: int, batch_size: int, epoch: Callable[[], int]) -> None:
        self._per_epoch = per_epoch
        self._batch_size = batch_size
        self._epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self._per_epoch / self._batch_size)

    def __iter__(self) -> Iterator[range]:
        first = self._epoch() * self._per_epoch
        indices = range(first, first + self._per_epoch)
        return (indices[start : start + self._batch_size] for start in range(0, len(indices), self._batch_size))


@dataclass(frozen=True, slots=True)
class _Failed:
    """Error message of a rendering process; torch's loader would add a traceback to it."""

    message: str


class _Renderer(Dataset["TrainBatch | _Failed"]):
    """Batches by the indices of their items; torch's loader calls it in its processes."""

    def __init__(self, stream: TrainingStream, *, sources: bool) -> None:
        self._stream = stream
        self._sources = sources

    def render(self, indices: Sequence[int]) -> TrainBatch:
        return collate([self._stream[index] for index in indices], sources=self._sources)

    def __getitem__(self, indices: Sequence[int]) -> TrainBatch | _Failed:
        try:
            batch = self.render(indices)
        except TsebenchError as error:
            return _Failed(str(error))
        return batch if get_worker_info() is None else shared(batch)


def shared(batch: TrainBatch) -> TrainBatch | _Failed:
    """A batch in shared memory, where torch's loader takes it from.

    Left to the loader, a full /dev/shm would fail in a thread of its own, and the training would wait for ever.
    """
    try:
        for tensor in _tensors(batch):
            tensor.share_memory_()  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError) as error:
        info = get_worker_info()
        return _Failed(_no_room(error, batch, processes=info.num_workers if info else 1))
    return batch


def _no_room(error: Exception, batch: TrainBatch | None, *, processes: int) -> str:
    size = sum(tensor.nbytes for tensor in _tensors(batch)) * (2 * processes + 1) if batch else 0
    room = f"; {size / 1e6:.0f} MB are needed for batches of this size" if size else ""
    return (
        f"data.render_processes = {processes}: /dev/shm, where processes hand over batches, is full{room}: set "
        f"data.render_processes: 0 to render in threads, or enlarge it (docker run --shm-size)"
        f" [{safe_text(error, 120)}]"
    )


def _tensors(value: object) -> Iterator[Tensor]:
    """Every tensor of a batch."""
    if isinstance(value, Tensor):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from _tensors(getattr(value, each.name))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)
    elif isinstance(value, Mapping):
        yield from _tensors(tuple(value.values()))


def _checked(batch: TrainBatch | _Failed) -> TrainBatch:
    if isinstance(batch, _Failed):
        raise TsebenchError(batch.message)
    return batch


def collate(items: Sequence[tuple[Query, Truth]], *, sources: bool = False) -> TrainBatch:
    """Pad the reference channel of each trial with zeros to one batch; a DatasetError if their sample rates differ."""
    queries, truths = [query for query, _ in items], [truth for _, truth in items]
    if any(truth.recorded for truth in truths):
        raise DatasetError(
            "the training data has trials without a clean reference (real recordings); train with mixtures whose "
            "sources are known"
        )
    rates = {query.sample_rate_hz for query in queries}
    if len(rates) != 1:
        raise DatasetError(f"a training batch has the sample rates {sorted(rates)}; it needs one")
    mixtures = [channel_of(query.mixture, query.reference_channel) for query in queries]
    targets = [
        torch.zeros_like(mixture) if truth.target is None else channel_of(truth.target, query.reference_channel)
        for mixture, query, truth in zip(mixtures, queries, truths, strict=True)
    ]
    batch = QueryBatch(
        ids=tuple(query.id for query in queries),
        mixture=_padded(mixtures)[:, None],
        lengths=torch.tensor([len(mixture) for mixture in mixtures]),
        sample_rate_hz=rates.pop(),
        clues=tuple(query.clues for query in queries),
        seeds=tuple(query.seed for query in queries),
    )
    return TrainBatch(
        queries=batch,
        target=_padded(targets),
        present=torch.tensor([truth.target is not None for truth in truths]),
        active_classes=tuple(truth.active_classes for truth in truths),
        target_labels=tuple(truth.target_labels for truth in truths),
        transcripts=tuple(truth.transcript for truth in truths),
        interferers=tuple(truth.interferers for truth in truths) if sources else (),
        parts=tuple(truth.parts for truth in truths) if sources else (),
    )


def _padded(signals: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(signals, batch_first=True)
