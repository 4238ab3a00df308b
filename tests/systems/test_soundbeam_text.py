"""SoundBeam asked by texts: what it answers, what it refuses, and its vocabulary from the training captions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.queries import batch, noise
from helpers.small_nets import CLASSES, save_net

from tsebench.core.errors import ConfigError
from tsebench.core.progress import quiet
from tsebench.datasets.types import Clues
from tsebench.systems.nets.soundbeam import SoundBeamConfig, SoundBeamNet
from tsebench.systems.registry import load_system
from tsebench.systems.soundbeam import SoundBeamTask
from tsebench.systems.trainable import TrainBatch
from tsebench.systems.training.losses import LossConfig, build_loss

NET = SoundBeamConfig(
    variant="text", num_filters=12, filter_length=16, bottleneck=8, hidden=10, blocks=2, stacks=2, embedding_dim=8,
    text_words=20, text_width=6, text_hidden=6, text_items=4, text_negative=True,
)  # fmt: skip


def network(**changes: Any) -> SoundBeamNet:
    torch.manual_seed(1)
    config = SoundBeamConfig.model_validate(NET.model_dump() | changes)
    return SoundBeamNet(config, classes=CLASSES).eval()


def saved(folder: Path, **changes: Any) -> str:
    net = network(**changes)
    return save_net(folder, "soundbeam", net, net.config)


def training(*clues: Clues) -> TrainBatch:
    queries = batch(*clues)
    return TrainBatch(queries=queries, target=noise(5, len(clues), 900), present=torch.ones(len(clues)).bool())


def test_card(tmp_path: Path) -> None:
    card = load_system("soundbeam", checkpoint=saved(tmp_path)).card
    assert (card.clues, card.classes) == ({"text"}, None)
    assert card.options["negative_text"] is True
    assert "known_words" not in card.options


def test_text_and_negative_text_change_the_answer_and_other_clues_do_not(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    system = load_system("soundbeam", checkpoint=checkpoint)
    asked = [
        Clues(text="a dog bark"),
        Clues(text="rain"),
        Clues(text="a dog bark", negative_text="rain"),
        Clues(text="a dog bark", classes=("bell",), enrollments=(noise(1, 300),)),
    ]
    dog, rain, not_rain, with_others = system.extract(batch(*asked)).estimate
    assert (dog - rain).abs().max() > 1e-4
    assert (dog - not_rain).abs().max() > 1e-4
    torch.testing.assert_close(dog, with_others)
    (alone,) = system.extract(batch(asked[2])).estimate
    torch.testing.assert_close(alone, not_rain)
    (left_out,) = load_system("soundbeam", checkpoint=checkpoint, negative_text=False).extract(batch(asked[2])).estimate
    torch.testing.assert_close(left_out, dog)


@pytest.mark.parametrize(
    ("clues", "known_words", "reason"),
    [
        (Clues(classes=("bell",)), False, "the query has no text"),
        (Clues(negative_text="rain"), False, "the query has no text"),
        (Clues(text="..."), False, "has no words"),
        (Clues(text="an owl hoots"), False, "no word of the text 'an owl hoots' is known"),
        (Clues(text="a dig"), False, r"did you mean|known: bark, bell, dog, rain"),
        (Clues(text="the bell"), True, "unknown word 'the'"),
        (Clues(text="bell", negative_text="owl"), True, "unknown word 'owl'"),
    ],
)
def test_a_text_that_cannot_be_used_fails_alone(clues: Clues, known_words: bool, reason: str, tmp_path: Path) -> None:
    system = load_system("soundbeam", checkpoint=saved(tmp_path), known_words=known_words)
    answer = system.extract(batch(clues, Clues(text="bell")))
    assert set(answer.failures) == {"q0"}
    (told,) = answer.failures.values()
    assert re.search(reason, told)
    assert len(told) < 500


def test_one_known_word_is_enough(tmp_path: Path) -> None:
    system = load_system("soundbeam", checkpoint=saved(tmp_path))
    assert system.extract(batch(Clues(text="an owl and a bell", negative_text="an owl"))).failures == {}


@pytest.mark.parametrize(
    ("options", "changes", "message"),
    [
        ({"query": "classes"}, {}, "is the variant 'text', which cannot use that clue"),
        ({"query": "text"}, {"variant": "1hot"}, "is the variant '1hot', which cannot use that clue"),
        ({"negative_text": True}, {"text_negative": False}, "was trained without negative texts"),
        ({"per_class": True}, {}, "takes texts alone"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: dict[str, Any], changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_system("soundbeam", checkpoint=saved(tmp_path, **changes), **options)


def items(*texts: str) -> Iterator[TrainBatch]:
    for text in texts:
        yield training(Clues(text=text, negative_text="a wailing siren"))


def test_the_vocabulary_is_that_of_the_first_captions() -> None:
    net, task = network(), SoundBeamTask()
    asked: list[int] = []

    def first_items(count: int) -> Iterator[TrainBatch]:
        asked.append(count)
        return items("a dog barking", "The rain")

    line = task.prepare(net, first_items, seed=0, progress=quiet)
    assert asked == [4]
    assert net.text is not None
    assert net.text.vocabulary.words == ("a", "barking", "dog", "rain", "siren", "the", "wailing")
    assert line == "vocabulary of 7 words, from the captions of the first 4 items of training"
    assert task.prepare(network(variant="1hot"), first_items, seed=0, progress=quiet) == ""


def test_a_training_without_captions_or_with_too_many_words_is_refused() -> None:
    task = SoundBeamTask()
    with pytest.raises(ConfigError, match=r"a query of the training data has none; set data\.overrides\.clues"):
        task.loss(network(), training(Clues(classes=("bell",))), build_loss(LossConfig()))
    many = " ".join(f"word{n}" for n in range(30))
    with pytest.raises(ConfigError, match=r"net\.text_words = 20, but 33 words do not fit"):
        task.prepare(network(), lambda _: items(many), seed=0, progress=quiet)


def test_a_loss_reaches_the_encoder_and_uses_a_share_of_the_negative_texts() -> None:
    both = training(*[Clues(text="bell", negative_text="rain")] * 2)
    grads = {}
    for share in (0.0, 1.0):
        net = network(text_negative_share=share)
        SoundBeamTask().loss(net, both, build_loss(LossConfig())).sum().backward()
        assert net.text is not None
        assert net.text.unwanted is not None
        weight = net.text.wanted.output.weight.grad
        assert weight is not None
        assert float(weight.abs().sum()) > 0
        found = net.text.unwanted.output.weight.grad
        grads[share] = 0.0 if found is None else float(found.abs().sum())
    assert grads[0.0] == 0.0
    assert grads[1.0] > 0.0


@pytest.mark.long
def test_a_step_of_the_shipped_config(tmp_path: Path) -> None:
    from tsebench.systems.training.config import load_train_config
    from tsebench.systems.training.train import train

    sizes = ["data.per_epoch=16", "data.valid=16", "optimiser.epochs=1", "net.text_items=64"]
    config = load_train_config("soundbeam_mini_text", [*sizes, "data.render_processes=0"])
    train(config, out=tmp_path / "out", device="cpu")
    system = load_system("soundbeam", checkpoint=str(tmp_path / "out"))
    assert system.extract(batch(Clues(text="a barking dog"))).failures == {}
