"""Systems that answer the mixtures of a run piece by piece, as they do when these arrive in real time."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...core.errors import ConfigError, ExtractionError
from ...core.text import safe_text
from ...datasets.types import Query
from ...systems.protocol import AnySystem, Extraction, QueryBatch, StreamingSystem, why_not_streaming

PIECE_S = 0.1
"""Shortest piece that a run pushes, if the chunks of a system are shorter: the answer is the same, and comes sooner."""


class Streamed:
    """A streaming system whose answer to a query is that of its stream.

    The stream starts from the query without its mixture, so that nothing of what is pushed later can be known before.
    """

    def __init__(self, system: StreamingSystem) -> None:
        self.system = system
        self.card = replace(system.card, padding_neutral=True, options={**system.card.options, "streaming": True})

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch, one query after the other."""
        estimate = torch.zeros_like(batch.mixture[:, 0])
        failures: dict[str, str] = {}
        for row, (query_id, length) in enumerate(zip(batch.ids, batch.lengths.tolist(), strict=True)):
            query = query_of(batch, row)
            try:
                pieces = stream_answer(self.system, query, piece=self._piece(batch.sample_rate_hz))
            except ExtractionError as error:
                failures[query_id] = safe_text(error)
                continue
            answer = torch.cat([piece.to(estimate.device) for piece in pieces])
            if len(answer) != length:
                raise ExtractionError(f"the stream gave {len(answer)} samples for a mixture of {length}")
            estimate[row, :length] = answer
        return Extraction(estimate=estimate, failures=failures)

    def _piece(self, sample_rate_hz: int) -> int:
        chunk = self.card.chunk_samples or 1
        return chunk * max(1, round(PIECE_S * sample_rate_hz / chunk))


def streamed(system: AnySystem) -> Streamed:
    """The system with the answers of its streams; a ConfigError if it does not stream."""
    if problem := why_not_streaming(system):
        raise ConfigError(problem)
    if not isinstance(system, StreamingSystem):
        raise TypeError(f"{type(system).__name__} has no start(query)")
    return Streamed(system)


def query_of(batch: QueryBatch, row: int) -> Query:
    """One query of a batch, at its true length."""
    return Query(
        id=batch.ids[row],
        mixture=batch.mixture[row, :, : int(batch.lengths[row])],
        sample_rate_hz=batch.sample_rate_hz,
        clues=batch.clues[row],
        seed=batch.seeds[row],
        reference_channel=batch.reference_channel,
    )


def stream_answer(system: StreamingSystem, query: Query, *, piece: int) -> list[Tensor]:
    """Estimates [m] for each pushed piece of `piece` samples, and for the end."""
    stream = system.start(replace(query, mixture=query.mixture[:, :0]))
    starts = range(0, query.mixture.shape[-1], piece)
    answers = [stream.push(query.mixture[:, start : start + piece]) for start in starts]
    return [*answers, stream.finish()]
