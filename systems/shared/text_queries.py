"""Queries by text: check of the words, and the vocabulary of a network from the captions of its training data."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...core.errors import ConfigError, suggest
from ...datasets.types import Clues
from ..nets.spelled_words import words_of
from ..nets.text_encoder import TextConfig, TextEncoder
from ..trainable import FirstItems, TrainBatch


@dataclass(frozen=True, slots=True)
class Texts:
    """Description of what is wanted, and of what is not, if there is one."""

    wanted: str
    unwanted: str | None = None


@dataclass(frozen=True, slots=True)
class TextReader:
    """Reads the texts of queries for a network.

    Attributes:
        known: words of its vocabulary.
        negative: whether negative texts are used.
        strict: whether every word must be known; otherwise one word of a text must.
    """

    known: frozenset[str]
    negative: bool
    strict: bool

    @property
    def options(self) -> dict[str, str | bool]:
        """Settings for the card of a system."""
        settings: dict[str, str | bool] = {"negative_text": self.negative}
        return settings | ({"known_words": True} if self.strict else {})

    def read(self, clues: Clues) -> Texts | str:
        """The texts that a query gives, or the reason why it cannot be answered."""
        if clues.text is None:
            return "the query has no text, and this system needs one"
        words = words_of(clues.text)
        unknown = [word for word in words if word not in self.known]
        if not words:
            return f"the text {clues.text[:60]!r} has no words"
        if len(unknown) == len(words):
            return f"no word of the text {clues.text[:60]!r} is known{suggest(unknown[0], self.known)}"
        negative = clues.negative_text if self.negative else None
        unknown += [word for word in words_of(negative or "") if word not in self.known]
        if self.strict and unknown:
            return f"unknown word {unknown[0]!r} in a text{suggest(unknown[0], self.known)}"
        return Texts(clues.text, negative)


def training_texts(batch: TrainBatch, config: TextConfig) -> tuple[list[str], list[str | None]]:
    """Texts of a training batch, and the share of its negative texts that is used, drawn at random.

    Raises:
        ConfigError: a query has no text with words.
    """
    wanted, unwanted = _texts(batch)
    used = torch.rand(len(wanted)) < config.text_negative_share
    return wanted, [text if use else None for text, use in zip(unwanted, used.tolist(), strict=True)]


def learn_words(encoder: TextEncoder, first_items: FirstItems) -> str:
    """Give an encoder the words of the captions of the first items; a line for the checkpoint's card.

    Raises:
        ConfigError: a query has no caption, or there are too many words.
    """
    config, words = encoder.config, set[str]()
    for batch in first_items(config.text_items):
        wanted, unwanted = _texts(batch)
        words.update(word for text in (*wanted, *unwanted) for word in words_of(text or ""))
    try:
        encoder.vocabulary.learn(words)
    except ValueError as error:
        raise ConfigError(f"net.text_words = {config.text_words}, but {error}; raise it") from None
    return f"vocabulary of {len(words)} words, from the captions of the first {config.text_items} items of training"


def _texts(batch: TrainBatch) -> tuple[list[str], list[str | None]]:
    wanted = [clues.text or "" for clues in batch.queries.clues]
    if not all(words_of(text) for text in wanted):
        raise ConfigError(
            "a network that takes texts is trained with captions, but a query of the training data has none; set "
            "data.overrides.clues: [text] of a set of sound mixtures"
        )
    return wanted, [clues.negative_text for clues in batch.queries.clues]
