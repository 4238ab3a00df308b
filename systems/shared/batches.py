"""Batches of queries: padding to one length, groups of equal length, sample rate, exact float32."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch.nn.utils.rnn import pad_sequence

from ...core.errors import ExtractionError
from ...datasets.types import Query
from ..protocol import QueryBatch, SystemCard


def collate(queries: Sequence[Query], *, device: str) -> QueryBatch:
    """Pad queries of one sample rate with zeros to the longest, on a device."""
    mixtures = [query.mixture.T for query in queries]
    padded = pad_sequence(mixtures, batch_first=True).transpose(1, 2).contiguous()
    return QueryBatch(
        ids=tuple(query.id for query in queries),
        mixture=padded.to(device),
        lengths=torch.tensor([len(mixture) for mixture in mixtures], device=device),
        sample_rate_hz=queries[0].sample_rate_hz,
        clues=tuple(
            replace(
                query.clues,
                enrollments=tuple(signal.to(device) for signal in query.clues.enrollments),
                video=None if query.clues.video is None else query.clues.video.to(device),
            )
            for query in queries
        ),
    )


def equal_lengths(batch: QueryBatch, rows: Iterable[int]) -> Iterator[tuple[int, list[int]]]:
    """Group `rows` by length: each length in samples and the rows that have it."""
    groups: dict[int, list[int]] = {}
    for row in rows:
        groups.setdefault(int(batch.lengths[row]), []).append(row)
    yield from groups.items()


def check_rate(batch: QueryBatch, card: SystemCard) -> None:
    """Refuse a batch of another sample rate than the system's."""
    if batch.sample_rate_hz != card.sample_rate_hz:
        raise ExtractionError(
            f"system {card.name!r} works at {card.sample_rate_hz} Hz, but the batch is at "
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
