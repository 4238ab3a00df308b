"""Batches of queries: groups of equal length, sample rate, exact float32."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ...core.errors import ExtractionError
from ...datasets.types import Query
from ..protocol import QueryBatch, SystemCard


def equal_lengths(batch: QueryBatch, rows: Iterable[int]) -> Iterator[tuple[int, list[int]]]:
    """Group `rows` by length: each length in samples and the rows that have it."""
    groups: dict[int, list[int]] = {}
    for row in rows:
        groups.setdefault(int(batch.lengths[row]), []).append(row)
    yield from groups.items()


def answer_at_all(signals: Tensor) -> Tensor:
    """An estimate from signals [B, C, T] at all channels of a batch: [B, T] where there is one channel."""
    return signals[:, 0] if signals.shape[1] == 1 else signals


def check_rate(batch: QueryBatch | Query, card: SystemCard) -> None:
    """Refuse a batch or a query of another sample rate than the system's."""
    if batch.sample_rate_hz != card.sample_rate_hz:
        given = "batch" if isinstance(batch, QueryBatch) else "query"
        raise ExtractionError(
            f"system {card.name!r} works at {card.sample_rate_hz} Hz, but the {given} is at "
            f"{batch.sample_rate_hz} Hz; resample it"
        )


@contextmanager
def full_float32() -> Iterator[None]:
    """Run convolutions and recurrent layers on a GPU in full float32.

    torch lets them use TF32, whose fractions have 10 bits: errors of about −60 dB that depend on the card and on the
    size of the batch.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
