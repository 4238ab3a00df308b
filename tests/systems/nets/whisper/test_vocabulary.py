"""Vocabularies, the inputs of a decoder in training, and greedy decoding."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tsebench.core.errors import ConfigError
from tsebench.systems.nets.whisper.package import official_tokenizer
from tsebench.systems.nets.whisper.recognition import greedy_texts, text_losses
from tsebench.systems.nets.whisper.vocabulary import IGNORED, OpenAiVocabulary, WordVocabulary, teacher_tokens

WORDS = WordVocabulary(("ALPHA", "BETA", "GAMMA"))


class Scripted:
    """Decoder that is sure of the next token: one more than the last one, and the end after GAMMA."""

    positional_embedding = torch.zeros(8, 2)

    def __call__(self, tokens: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        after = torch.tensor([2, 1, 3, 4, 1])[tokens]
        # A higher peak at the start, which is never allowed.
        return 20.0 * torch.nn.functional.one_hot(after, 5) + 30.0 * torch.eye(5)[0]


def test_texts_come_back():
    assert WORDS.decode(WORDS.encode("gamma alpha")) == "GAMMA ALPHA"
    assert (WORDS.size, WORDS.start, WORDS.end) == (5, (0,), 1)


def test_an_unknown_word_is_named():
    with pytest.raises(ConfigError, match="'DELTA' is not in the vocabulary of 3 words"):
        WORDS.encode("ALPHA DELTA")


def test_inputs_and_labels_of_texts():
    inputs, labels = teacher_tokens(WORDS, ["ALPHA GAMMA", None, "BETA"], longest=4)
    assert inputs.tolist() == [[0, 2, 4], [0, 1, 1], [0, 3, 1]]
    assert labels.tolist() == [[2, 4, 1], [IGNORED] * 3, [3, 1, IGNORED]]


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(ConfigError, match="transcript of 3 tokens"):
        teacher_tokens(WORDS, ["ALPHA ALPHA ALPHA"], longest=4)


def test_greedy_decoding_follows_the_decoder_and_never_chooses_the_start():
    assert greedy_texts(Scripted(), torch.zeros(2, 1, 2), WORDS, most=6) == ["ALPHA BETA GAMMA"] * 2
    assert greedy_texts(Scripted(), torch.zeros(1, 1, 2), WORDS, most=2) == ["ALPHA BETA"]


def test_loss_of_a_text_is_its_mean_cross_entropy():
    losses = text_losses(Scripted(), torch.zeros(3, 1, 2), ["ALPHA BETA GAMMA", "ALPHA ALPHA", None], WORDS)
    right = float(torch.logsumexp(torch.tensor([20.0, 30.0, 0, 0, 0]), dim=0)) - 20.0
    assert losses.tolist() == pytest.approx([right, right + 40.0 / 3, 0.0], rel=1e-5)


def test_replaced_words_leave_start_and_labels():
    given = []

    class Watching(Scripted):
        def __call__(self, tokens: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
            given.append(tokens)
            return super().__call__(tokens, states)

    torch.manual_seed(0)
    text_losses(Watching(), torch.zeros(1, 1, 2), ["ALPHA " * 6], WORDS, replaced=1.0)
    assert given[0][0, 0] == 0
    assert set(given[0][0, 1:].tolist()) <= {2, 3, 4}
    assert given[0][0, 1:].tolist() != [2] * 6


def test_tokens_of_openai():
    pytest.importorskip("whisper", reason="needs openai-whisper")
    vocabulary = OpenAiVocabulary(official_tokenizer(multilingual=False), size=51864)
    assert vocabulary.decode(vocabulary.encode("Two old baskets")) == "two old baskets"
    assert len(vocabulary.printable) == 51864
    assert vocabulary.printable[vocabulary.end]
    assert not vocabulary.printable[list(vocabulary.start)].any()


def test_start_of_openai_is_given_but_not_learned():
    vocabulary = SimpleNamespace(start=(5, 6), end=1, encode=lambda text: [7] * len(text.split()))
    inputs, labels = teacher_tokens(vocabulary, ["a b"], longest=8)
    assert inputs.tolist() == [[5, 6, 7, 7]]
    assert labels.tolist() == [[IGNORED, 7, 7, 1]]
