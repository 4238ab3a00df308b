"""Vocabularies of Whisper models: a list of words, or that of OpenAI's models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ....core.errors import ConfigError, suggest

IGNORED = -100  # label of padding, as in `torch.nn.functional.cross_entropy`


class Vocabulary(Protocol):
    """Tokens of texts.

    Attributes:
        size: number of tokens.
        start: tokens that the decoder is given first.
        end: token that ends a text.
        printable: whether the decoder may choose a token, [size] bool.
    """

    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def start(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102
    @property
    def printable(self) -> Tensor: ...  # noqa: D102

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, without start and end."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens without start and end."""
        ...


@dataclass(frozen=True)
class WordVocabulary:
    """Start, end, and one token for each word of a list; texts are words in upper case."""

    words: tuple[str, ...]
    start = (0,)
    end = 1

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.words) + 2

    @property
    def printable(self) -> Tensor:
        """All but the start."""
        return torch.arange(self.size) > 0

    def encode(self, text: str) -> list[int]:
        """Tokens of a text; a ConfigError for a word that is not in the list."""
        return [self._token(word) for word in text.upper().split()]

    def decode(self, tokens: Sequence[int]) -> str:
        """Words of tokens, separated by spaces."""
        return " ".join(self.words[token - 2] for token in tokens if token >= 2)

    def _token(self, word: str) -> int:
        if word not in self.words:
            raise ConfigError(
                f"the word {word!r} is not in the vocabulary of {len(self.words)} words of the recogniser"
                f"{suggest(word, self.words)}; add it to net.words, or use a corpus of these words"
            )
        return self.words.index(word) + 2


@dataclass(frozen=True)
class OpenAiVocabulary:
    """Tokens of OpenAI's models, for transcription of English without timestamps; wraps the package's tokenizer."""

    tokenizer: Any
    size: int

    @property
    def start(self) -> tuple[int, ...]:
        """Start, language and task as the model wants them, without timestamps."""
        return tuple(self.tokenizer.sot_sequence_including_notimestamps)

    @property
    def end(self) -> int:
        """Token that ends a text."""
        return int(self.tokenizer.eot)

    @property
    def printable(self) -> Tensor:
        """Tokens of text, and the end; no language, task or time."""
        return torch.arange(self.size) <= self.end

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, which the model writes after a space and in lower case."""
        return list(self.tokenizer.encode(" " + text.strip().lower()))

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens."""
        return str(self.tokenizer.decode(list(tokens))).strip()


def teacher_tokens(vocabulary: Vocabulary, texts: Sequence[str | None], *, longest: int) -> tuple[Tensor, Tensor]:
    """Inputs [B, N] of the decoder and its labels [B, N] for given texts; labels are `IGNORED` where there is none.

    A text of None has no labels at all.

    Raises:
        ConfigError: a text has more tokens than `longest`, start and end included.
    """
    start = list(vocabulary.start)
    rows, labels = [], []
    for text in texts:
        tokens = [] if text is None else vocabulary.encode(text)
        if len(start) + len(tokens) + 1 > longest:
            raise ConfigError(
                f"a transcript of {len(tokens)} tokens is longer than the {longest} that the recogniser can say"
            )
        rows.append(start + tokens)
        labels.append([] if text is None else [IGNORED] * (len(start) - 1) + tokens + [vocabulary.end])
    length = max(map(len, rows))
    inputs = torch.tensor([row + [vocabulary.end] * (length - len(row)) for row in rows])
    return inputs, torch.tensor([label + [IGNORED] * (length - len(label)) for label in labels])
