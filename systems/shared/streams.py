"""Streams: mixtures that arrive in pieces of any size, answered by networks that take whole blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import ConfigError, ExtractionError
from ...datasets.types import Query
from ..nets.conv_tasnet import Extractor, ExtractorConfig
from ..nets.past import Past
from ..protocol import AnySystem, SystemCard, why_not_streaming
from .batches import check_rate

StreamFrames = Annotated[int, Field(ge=1, le=1000)]
"""Frames of a causal network that its streams answer at once."""


class BlockStream:
    """Stream that collects samples until a block can be answered.

    Args:
        answer: gives the next n samples [1, n] for a window [1, history + n + lookahead], which overlaps the one before
            by `history + lookahead`; zeros stand before and after the mixture.
        chunk: n is a multiple of it, except at the end of the mixture.
        frame: n is always a multiple of it.
        delay: samples at the beginning of the answers that lie before the mixture.
        device: of the windows; answers come back on the device of the samples.
    """

    def __init__(
        self,
        answer: Callable[[Tensor], Tensor],
        *,
        chunk: int,
        frame: int,
        history: int = 0,
        lookahead: int = 0,
        delay: int = 0,
        device: str = "cpu",
    ) -> None:
        self._answer, self._device = answer, device
        self._chunk, self._frame = chunk, frame
        self._around, self._early = history + lookahead, delay
        self._waiting = torch.zeros(1, history, device=device)
        self._taken = self._given = 0
        self._finished = False

    @torch.inference_mode()
    def push(self, samples: Tensor) -> Tensor:
        """Next samples [C, n] of the mixture, whose first channel is used, to the next samples [m] of the estimate."""
        if self._finished:
            raise ExtractionError("the stream is finished; start another one for the next mixture")
        self._taken += samples.shape[-1]
        self._waiting = torch.cat([self._waiting, samples[:1].to(self._device)], dim=-1)
        ready = (self._waiting.shape[-1] - self._around) // self._chunk * self._chunk
        return self._answered(ready).to(samples.device)

    @torch.inference_mode()
    def finish(self) -> Tensor:
        """The rest [m] of the estimate, on the device of the network."""
        if self._finished:
            raise ExtractionError("the stream is finished already; finish it once")
        self._finished = True
        missing = self._taken - self._given
        samples = -(-(missing + self._early) // self._frame) * self._frame if missing else 0
        self._waiting = F.pad(self._waiting, (0, max(0, samples + self._around - self._waiting.shape[-1])))
        return self._answered(samples)[:missing]

    def _answered(self, samples: int) -> Tensor:
        if samples <= 0:
            return self._waiting.new_zeros(0)
        window = self._waiting[:, : self._around + samples]
        self._waiting = self._waiting[:, samples:]
        early = min(self._early, samples)
        self._early -= early
        answer = self._answer(window)[0, early:]
        self._given += len(answer)
        return answer


def extractor_stream(extractor: Extractor, embedding: Tensor, *, frames: int, device: str) -> BlockStream:
    """Stream of a causal Conv-TasNet for the embedding [1, D] of a clue, which answers `frames` frames at once."""
    past, hop = Past(), extractor.encoder.stride
    return BlockStream(
        lambda window: extractor.part(window, embedding, past),
        chunk=frames * hop,
        frame=hop,
        delay=extractor.decoder.before,
        device=device,
    )


def begin_stream(system: AnySystem, query: Query) -> None:
    """Check that a system streams, and a query is at its rate; an ExtractionError if not."""
    if problem := why_not_streaming(system):
        raise ExtractionError(problem)
    check_rate(query, system.card)


def with_stream(card: SystemCard, config: ExtractorConfig, *, frames: int) -> SystemCard:
    """The card with the latency of streams that answer `frames` frames at once; a ConfigError without streams."""
    if frames != 1 and not config.streams:
        raise ConfigError(
            f"stream_frames = {frames}: the network of {card.name} does not stream; leave it out, or give a checkpoint "
            "that was trained with net.causal: true"
        )
    options = {**card.options} | ({"stream_frames": frames} if frames != 1 else {})
    return replace(
        card,
        causal=config.streams,
        chunk_samples=frames * config.hop if config.streams else None,
        lookahead_samples=config.lookahead_samples,
        options=options,
    )
