"""A small system that streams, and ways in which it can break its promises."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from tsebench.core.errors import ExtractionError
from tsebench.datasets.types import Query
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard
from tsebench.systems.shared.streams import BlockStream

CHUNK, LOOKAHEAD = 40, 10


def card(**changes: object) -> SystemCard:
    facts = {"name": "echo", "family": "external", "description": "a chunk plus the last sample it may see"}
    return SystemCard(**{**facts, "causal": True, "chunk_samples": CHUNK, "lookahead_samples": LOOKAHEAD, **changes})


def echo(window: Tensor) -> Tensor:
    """Chunks [1, n + look-ahead] plus half of the last sample that each of them may see."""
    samples = window[:, : window.shape[-1] - LOOKAHEAD]
    filled = torch.nn.functional.pad(samples, (0, -samples.shape[-1] % CHUNK))
    ends = torch.arange(CHUNK + LOOKAHEAD - 1, filled.shape[-1] + LOOKAHEAD, CHUNK).clamp_max(window.shape[-1] - 1)
    return (filled + 0.5 * window[:, ends].repeat_interleave(CHUNK, dim=-1))[:, : samples.shape[-1]]


@dataclass
class Echo:
    """Keeps all promises; each flag breaks one."""

    card: SystemCard = field(default_factory=card)
    peeks: bool = False  # the answer to a whole mixture is divided by its level
    holds: bool = False  # the stream gives nothing before its end
    restarts: bool = False  # pieces are answered on their own
    shortens: bool = False  # the last sample is missing
    refuses: bool = False

    def extract(self, batch: QueryBatch) -> Extraction:
        rows = []
        for mixture, length in zip(batch.mixture[:, 0], batch.lengths.tolist(), strict=True):
            padded = torch.nn.functional.pad(mixture[:length], (0, -length % CHUNK + LOOKAHEAD))
            answer = echo(padded[None])[0, :length] / (mixture.square().mean().sqrt() if self.peeks else 1.0)
            rows.append(torch.nn.functional.pad(answer, (0, mixture.shape[-1] - length)))
        return Extraction(estimate=torch.stack(rows))

    def start(self, query: Query) -> BlockStream:
        assert query.mixture.shape[-1] == 0, "a stream begins without its mixture"
        if self.refuses or query.id.startswith("refused"):
            raise ExtractionError("no such voice")
        kind = _Held if self.holds else _Restarted if self.restarts else _Shortened if self.shortens else BlockStream
        return kind(echo, chunk=CHUNK, frame=CHUNK, lookahead=LOOKAHEAD)


class _Held(BlockStream):
    def push(self, samples: Tensor) -> Tensor:
        self.early = [*getattr(self, "early", []), super().push(samples)]
        return torch.zeros(0)

    def finish(self) -> Tensor:
        return torch.cat([*self.early, super().finish()])


class _Restarted(BlockStream):
    def push(self, samples: Tensor) -> Tensor:
        return samples[0] * torch.linspace(1.0, 0.5, samples.shape[-1])

    def finish(self) -> Tensor:
        return torch.zeros(0)


class _Shortened(BlockStream):
    def finish(self) -> Tensor:
        return super().finish()[:-1]
