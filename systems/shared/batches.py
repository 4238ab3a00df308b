"""Queries put together for a system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch.nn.utils.rnn import pad_sequence

from ...datasets.types import Query
from ..protocol import QueryBatch


def collate(queries: Sequence[Query], *, device: str) -> QueryBatch:
    """Queries of one rate, padded with zeros to the longest, on a device."""
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
    """Lengths in samples, and those of `rows` that have this length."""
    groups: dict[int, list[int]] = {}
    for row in rows:
        groups.setdefault(int(batch.lengths[row]), []).append(row)
    yield from groups.items()


@contextmanager
def full_float32() -> Iterator[None]:
    """Convolutions and recurrent layers on a GPU in float32 as it is written.

    torch lets them use TF32, whose fractions have 10 bits: errors of about −60 dB that depend on
    the card and on the size of the batch.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
