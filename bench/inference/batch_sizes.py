"""How many queries a system answers at once: a number that the user gives, or as many as the memory of a GPU holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch

from .batching import Item

T = TypeVar("T")
BatchSize = int | Literal["auto"]
USUAL = 8
"""Queries of a batch before its memory is known, and always on a CPU, where larger batches gain nothing."""
SAMPLE_BYTES = 4
SHARE = 0.7
"""Of the free memory that a batch may take; the rest is for the batch before it, for metrics, and for fragments."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes of a GPU that one batch took at its peak, and bytes that were free before it."""

    taken: int
    free: int


def with_memory_use(work: Callable[[], T], device: str) -> tuple[T, MemoryUse | None]:
    """Result of the work, and the memory of torch's tensors that it took on a GPU; None on a CPU."""
    if not device.startswith("cuda"):
        return work(), None
    allocated = torch.cuda.memory_allocated(device)
    # What torch has reserved and does not use is free for its tensors, too.
    free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - allocated
    torch.cuda.reset_peak_memory_stats(device)
    result = work()
    return result, MemoryUse(taken=torch.cuda.max_memory_allocated(device) - allocated, free=free)


class BatchSizes:
    """Decides which queries fit in one batch.

    A number is the most of them. With "auto", batches on a GPU grow from 8 to the largest power of two that fits by the
    memory of the largest batch so far: powers of two, so that a run takes the same batches again where the free memory
    has hardly changed. Memory is taken to grow with the number of queries, and with the square of the samples of a
    query that is longer than all before. When memory runs out all the same, batches are halved.
    """

    def __init__(self, asked: BatchSize) -> None:
        self._most = USUAL if asked == "auto" else asked
        self._by_memory = asked == "auto"
        self._ceiling: int | None = None
        self._known: tuple[int, int, MemoryUse] | None = None
        """Queries of the largest batch so far, samples of its longest query, and the memory, with what is free now."""

    def fit(self, batch: Sequence[Item]) -> bool:
        """Whether these queries may be one batch; a single one always may."""
        most = self._most_of(longest_of(batch))
        return len(batch) <= max(1, most if self._ceiling is None else min(most, self._ceiling))

    def measured(self, batch: Sequence[Item], use: MemoryUse | None) -> None:
        """Note what a batch took.

        A system that took less than its mixtures did not compute with torch (ONNX Runtime, a program of its own): what
        it needs is not known.
        """
        mixtures = SAMPLE_BYTES * sum(item.query.mixture.numel() for item in batch)
        if use is None or not self._by_memory or use.taken < mixtures:
            return
        count, longest = len(batch), longest_of(batch)
        if self._known is None or count * longest >= self._known[0] * self._known[1]:
            self._known = count, longest, use
        else:
            count, longest, largest = self._known
            self._known = count, longest, MemoryUse(taken=largest.taken, free=use.free)

    def halve(self, count: int) -> None:
        """Memory ran out for a batch of so many queries: from now on at most half of them."""
        self._ceiling = min(count // 2, self._ceiling or count)

    def _most_of(self, samples: int) -> int:
        """Queries of so many samples that fit, by what is known."""
        if self._known is None:
            return self._most
        count, longest, use = self._known
        length = samples / longest
        each = use.taken / count * length * max(1.0, length)
        fitting = int(SHARE * use.free / max(each, 1.0))
        return 1 << (max(1, fitting).bit_length() - 1)


def longest_of(batch: Sequence[Item]) -> int:
    """Samples of the mixture and the enrollments that a query of the batch takes when it is padded."""
    queries = [item.query for item in batch]
    clues = [sum(signal.shape[-1] for signal in query.clues.enrollments) for query in queries]
    return max(1, max(query.mixture.numel() for query in queries) + max(clues))
