"""Words, vocabularies that a checkpoint holds, and embeddings of texts."""

from __future__ import annotations

import pytest
import torch

from tsebench.systems.nets.spelled_words import WORD_BYTES, SpelledWords, words_of
from tsebench.systems.nets.text_encoder import TextConfig, TextEncoder

CONFIG = TextConfig(text_words=12, text_width=5, text_hidden=6, text_negative=True)
WORDS = ("a", "bark", "bell", "dog", "rain")


def encoder(**changes: object) -> TextEncoder:
    torch.manual_seed(1)
    return TextEncoder(TextConfig.model_validate(CONFIG.model_dump() | changes), dim=4, words=WORDS).eval()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog, barking!", ["a", "dog", "barking"]),
        ("dog_bark", ["dog", "bark"]),
        ("the dog's 2nd bark", ["the", "dog's", "2nd", "bark"]),
        ("the dog\N{RIGHT SINGLE QUOTATION MARK}s", ["the", "dog's"]),
        ("Straße ÖL", ["strasse", "öl"]),
        ("狗叫", ["狗叫"]),
        (" ... ", []),
        ("x" * 100, ["x" * WORD_BYTES]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_vocabulary_travels_in_the_state_of_a_network() -> None:
    first, second = SpelledWords(4, ["dog", "öl", "bell"]), SpelledWords(4)
    assert second.words == ()
    second.load_state_dict(first.state_dict())
    assert second.words == ("bell", "dog", "öl")
    assert second.numbers() == {"bell": 1, "dog": 2, "öl": 3}
    second.learn(["狗叫", "dog"])
    assert second.words == ("dog", "狗叫")
    with pytest.raises(ValueError, match="5 words do not fit into a vocabulary of 4"):
        second.learn("abcde")


def test_an_embedding_does_not_depend_on_its_batch_or_on_case_and_marks() -> None:
    net = encoder()
    with torch.no_grad():
        alone = net(["a dog"], ["rain"])
        together = net(["the bark of a dog and a bell", "A DOG!", "rain"], [None, "Rain.", "a"])
    torch.testing.assert_close(together[1], alone[0])


def test_order_and_words_matter_and_all_unknown_words_are_alike() -> None:
    net = encoder()
    with torch.no_grad():
        dog, bell, turned, cat, owl = net(["a dog", "a bell", "dog a", "a cat", "a owl"])
    assert (dog - bell).abs().max() > 1e-3
    assert (dog - turned).abs().max() > 1e-4
    torch.testing.assert_close(cat, owl)
    assert (cat - dog).abs().max() > 1e-3


def test_a_negative_text_shifts_the_embedding_and_none_does_not() -> None:
    net = encoder()
    with torch.no_grad():
        plain, none, empty, rain = (
            net(["a dog"]), net(["a dog"], [None]), net(["a dog"], [" "]), net(["a dog"], ["rain"])
        )  # fmt: skip
        swapped = net(["rain"], ["a dog"])
        without = encoder(text_negative=False)(["a dog"], ["rain"])
    assert torch.equal(plain, none)
    assert torch.equal(plain, empty)
    assert torch.equal(without, plain)  # fresh weights are the same up to there
    assert (rain - plain).abs().max() > 1e-3
    assert (swapped - rain).abs().max() > 1e-3


def test_words_are_dropped_in_training_alone() -> None:
    net = encoder(text_unknown=0.9)
    with torch.no_grad():
        assert torch.equal(net(["a dog"]), net(["a dog"]))
        net.train()
        torch.manual_seed(0)
        answers = {tuple(net(["a dog in the rain"])[0].tolist()) for _ in range(8)}
    assert len(answers) > 1
