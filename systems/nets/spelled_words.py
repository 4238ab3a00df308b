"""Vocabulary of words in a buffer of a network, so that a checkpoint of tensors alone holds it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import torch
from torch import Tensor, nn

WORD_BYTES = 32
"""UTF-8 bytes of a word that count; what follows is cut off."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words_of(text: str) -> list[str]:
    """Words of a text in order: letters and digits, case-folded, without marks and hyphens."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return [_cut(word) for word in _WORD.findall(folded)]


def _cut(word: str) -> str:
    return word.encode()[:WORD_BYTES].decode(errors="ignore")


class SpelledWords(nn.Module):
    """Up to `size` words, each with a number from 1; all other words have the number 0."""

    spelling: Tensor

    def __init__(self, size: int, words: Iterable[str] = ()) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("spelling", _spelled(sorted({*words}), size))

    def learn(self, words: Iterable[str]) -> None:
        """Take these words instead of the earlier ones; a ValueError if there are too many."""
        chosen = sorted({*words})
        if len(chosen) > self.size:
            raise ValueError(f"{len(chosen)} words do not fit into a vocabulary of {self.size}")
        self.spelling.copy_(_spelled(chosen, self.size))

    @property
    def words(self) -> tuple[str, ...]:
        """The words, in the order of their numbers."""
        rows = (bytes(row).rstrip(b"\0") for row in self.spelling.cpu().numpy())
        return tuple(row.decode(errors="replace") for row in rows if row)

    def numbers(self) -> dict[str, int]:
        """The number of each word."""
        return {word: number for number, word in enumerate(self.words, 1)}


def _spelled(words: list[str], size: int) -> Tensor:
    """UTF-8 bytes [size, WORD_BYTES] of words, zeros after each; words past the size are left out."""
    rows = [[*word.encode(), *[0] * (WORD_BYTES - len(word.encode()))] for word in words[:size]]
    return torch.tensor(rows + [[0] * WORD_BYTES] * (size - len(rows)), dtype=torch.uint8)
