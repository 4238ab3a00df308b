"""Embeddings of texts: words of an own vocabulary, a recurrent layer, and a gated sum over the words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ...core.validation import StrictModel
from .spelled_words import SpelledWords, words_of

_Size = Annotated[int, Field(gt=0, le=100_000)]
_Share = Annotated[float, Field(ge=0, lt=1)]


class TextConfig(StrictModel):
    """Hyper-parameters of an encoder of texts.

    Attributes:
        text_words: most words of the vocabulary, which are those of the captions of training.
        text_items: first items of training whose captions give the vocabulary.
        text_width: entries of a word's vector.
        text_hidden: units of the recurrent layer (GRU), in each direction.
        text_unknown: share of the words that are read as unknown in training, so that unknown words have a trained
            vector.
        text_negative: also take negative texts, on what is not wanted.
        text_negative_share: share of the negative texts that are used in training, so that queries with and without
            are learned.
    """

    text_words: _Size = 512
    text_items: _Size = 1000
    text_width: _Size = 64
    text_hidden: _Size = 96
    text_unknown: _Share = 0.05
    text_negative: bool = False
    text_negative_share: Annotated[float, Field(ge=0, le=1)] = 0.5


class _GatedSum(nn.Module):
    """States [B, L, H] of words to a sum [B, D] over the words inside, each with a gate of its own.

    A sum, so that a text on two sounds can be both of their embeddings, as the sum of two classes is.
    """

    def __init__(self, *, states: int, dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(states, 1)
        self.output = nn.Linear(states, dim, bias=False)

    def forward(self, states: Tensor, inside: Tensor) -> Tensor:
        shares = torch.sigmoid(self.gate(states)) * inside[..., None]
        total: Tensor = (shares * self.output(states)).sum(dim=1)
        return total


class TextEncoder(nn.Module):
    """Texts on what is wanted, and on what is not, to embeddings [B, D] around one.

    `words` is the first vocabulary. Number 0 of the table is the vector of all unknown words.
    """

    def __init__(self, config: TextConfig, *, dim: int, words: Sequence[str]) -> None:
        super().__init__()
        c = self.config = config
        self.vocabulary = SpelledWords(c.text_words, words)
        self.table = nn.Embedding(1 + c.text_words, c.text_width)
        self.gru = nn.GRU(c.text_width, c.text_hidden, bidirectional=True, batch_first=True)
        self.wanted = _GatedSum(states=2 * c.text_hidden, dim=dim)
        self.unwanted = _GatedSum(states=2 * c.text_hidden, dim=dim) if c.text_negative else None

    def forward(self, texts: Sequence[str], negative: Sequence[str | None] = ()) -> Tensor:
        """Embeddings [B, D]; texts have at least one word.

        A negative text adds its own vector; a query without one has none, and a network without `text_negative` leaves
        negative texts out.
        """
        embeddings: Tensor = 1.0 + self.wanted(*self._states(texts))
        rows = [row for row, text in enumerate(negative) if text and words_of(text)]
        if self.unwanted is None or not rows:
            return embeddings
        shifts = self.unwanted(*self._states([str(negative[row]) for row in rows]))
        return embeddings.index_add(0, torch.tensor(rows, device=embeddings.device), shifts.to(embeddings.dtype))

    def _states(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """States [B, L, 2H] of the words of texts, and which of them are inside [B, L]."""
        numbers = self.vocabulary.numbers()
        rows = [[numbers.get(word, 0) for word in words_of(text)] or [0] for text in texts]
        counts = [len(row) for row in rows]
        lengths, longest = torch.tensor(counts), max(counts)
        words = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        if self.training and self.config.text_unknown:
            words = words.masked_fill(torch.rand(words.shape) < self.config.text_unknown, 0)
        device = self.table.weight.device
        packed = pack_padded_sequence(self.table(words.to(device)), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=longest)
        inside = torch.arange(longest) < lengths[:, None]
        return states, inside.to(device=device, dtype=states.dtype)
