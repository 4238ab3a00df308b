"""Classifier of the training speakers, for auxiliary losses that separate embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.errors import ConfigError


class SpeakerHead(nn.Module):
    """Linear classifier that assigns the next free output to each new speaker of the training data.

    Training streams have the same order on every machine, and so have the speakers. Hashes of their names are stored
    with the weights for a run that is resumed.
    """

    keys: Tensor

    def __init__(self, *, embedding_dim: int, num_speakers: int) -> None:
        super().__init__()
        self.linear = nn.Linear(embedding_dim, num_speakers)
        self.register_buffer("keys", torch.zeros(num_speakers, dtype=torch.int64))

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits [B, S] of embeddings [B, D]."""
        logits: Tensor = self.linear(embedding)
        return logits

    def loss(self, embedding: Tensor, speakers: Sequence[str]) -> Tensor:
        """Cross-entropies [B] of embeddings [B, D], in nats; see `output_of` for errors."""
        outputs = torch.tensor([self.output_of(name) for name in speakers], device=embedding.device)
        return F.cross_entropy(self(embedding), outputs, reduction="none")

    def output_of(self, speaker: str) -> int:
        """Index of a speaker's output; a new speaker gets the next free one.

        Raises:
            ConfigError: no output is free.
        """
        key = _key(speaker)
        known = self.keys.tolist()
        if key in known:
            return known.index(key)
        if 0 not in known:
            raise ConfigError(
                f"speaker {speaker!r} of the training data is one more than net.speakers = "
                f"{len(known)}; set it to their number"
            )
        free = known.index(0)
        self.keys[free] = key
        return free


class CosineSpeakerHead(SpeakerHead):
    """Classifier whose logits are cosines with one direction for each speaker, divided by `temperature`.

    Source: NormFace (Wang et al., ACM Multimedia 2017), eq. 9.
    """

    def __init__(self, *, embedding_dim: int, num_speakers: int, temperature: float) -> None:
        super().__init__(embedding_dim=embedding_dim, num_speakers=num_speakers)
        self.linear = nn.Linear(embedding_dim, num_speakers, bias=False)
        self.temperature = temperature

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits [B, S] of embeddings [B, D]."""
        directions = F.normalize(self.linear.weight, dim=-1)
        cosines: Tensor = F.linear(F.normalize(embedding, dim=-1), directions)
        return cosines / self.temperature


def _key(speaker: str) -> int:
    """63 bits of a hash of the name, never 0."""
    return 1 + int.from_bytes(hashlib.sha256(speaker.encode()).digest()[:8], "big") % (2**63 - 1)
