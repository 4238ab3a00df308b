"""Frozen initial networks: their hash is checked, their weights stay outside, and their training data counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers.small_nets import random_checkpoint
from helpers.voices import batch, checkpoint, fit, noise, train_config

from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.datasets.contents import Contents
from tsebench.systems.checkpoints.checkpoint import Checkpoint, CheckpointCard, Initial, load_checkpoint
from tsebench.systems.registry import load_system
from tsebench.systems.shared.initial_estimates import open_initial
from tsebench.systems.training.card import built_on

SPEAKERBEAM = {"num_filters": 12, "filter_length": 16, "bottleneck": 8, "hidden": 10, "blocks": 2, "stacks": 2}
SPEAKERBEAM |= {"embedding_dim": 8, "skip": 0}
TINY = {"start": "estimate", "n_fft": 64, "hop": 32, "channels": 8, "blocks": 2, "embedding_dim": 8, "clue_dim": 8}
TINY |= {"backbone": "dilated"}


@pytest.fixture(scope="module")
def initial(tmp_path_factory: pytest.TempPathFactory) -> str:
    return checkpoint("td_speakerbeam", SPEAKERBEAM, tmp_path_factory.mktemp("initial"))


@pytest.fixture(scope="module")
def generator(initial: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return checkpoint("diffusion_tse", {**TINY, "initial": initial}, tmp_path_factory.mktemp("generator"))


def test_estimates_are_those_of_the_system(initial: str) -> None:
    queries = batch((noise(700, 5),), (noise(700, 6),))
    expected = load_system("td_speakerbeam", checkpoint=initial).extract(queries).estimate
    opened = open_initial(initial, sample_rate_hz=8000)
    enrollments = torch.stack([clue.enrollments[0] for clue in queries.clues])
    found, embedding = opened.extract(queries.mixture[:, 0], queries.lengths, enrollments, torch.tensor([700, 700]))
    torch.testing.assert_close(found, expected)
    assert embedding.shape == (2, 8)
    assert not any(parameter.requires_grad for parameter in opened.net.parameters())


def test_its_weights_are_not_copied(generator: str, initial: str) -> None:
    opened = load_checkpoint(generator, architecture="diffusion_tse")
    assert not [name for name in opened.state if "initial" in name or "extractor" in name]
    assert opened.card.initial == Initial(
        checkpoint=initial,
        architecture="td_speakerbeam",
        sha256=load_checkpoint(initial, architecture="td_speakerbeam").card.sha256,
    )


def test_card_of_the_system_names_the_hash(generator: str, initial: str) -> None:
    card = load_system("diffusion_tse", checkpoint=generator).card
    assert card.options["initial_sha256"] == load_checkpoint(initial, architecture="td_speakerbeam").card.sha256


def test_other_weights_are_refused(generator: str, tmp_path: Path) -> None:
    other = checkpoint("td_speakerbeam", {**SPEAKERBEAM, "hidden": 11}, tmp_path)
    with pytest.raises(CheckpointError, match=r"has the sha256 .* but the checkpoint was trained on estimates of"):
        load_system("diffusion_tse", checkpoint=generator, initial=other)


def test_a_moved_checkpoint_is_given_by_an_option(generator: str, initial: str, tmp_path: Path) -> None:
    moved = checkpoint("td_speakerbeam", SPEAKERBEAM, tmp_path / "moved")
    queries = batch((noise(700, 5),))
    answers = [
        load_system("diffusion_tse", checkpoint=generator, **options).extract(queries).estimate
        for options in ({}, {"initial": moved})
    ]
    assert torch.equal(*answers)


def test_a_card_without_the_record_is_refused(generator: str, tmp_path: Path) -> None:
    for file in Path(generator).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    card = json.loads((tmp_path / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, "initial": None}))
    with pytest.raises(CheckpointError, match="does not record"):
        load_system("diffusion_tse", checkpoint=str(tmp_path))


def test_another_rate_is_refused(initial: str) -> None:
    with pytest.raises(ConfigError, match="works at 8000 Hz, and the data is at 16000 Hz"):
        open_initial(initial, sample_rate_hz=16000)


def test_a_system_without_enrollments_is_refused(tmp_path: Path) -> None:
    sounds = random_checkpoint("soundbeam_mini_1hot", tmp_path)
    with pytest.raises(ConfigError, match="does not extract by an enrollment"):
        open_initial(sounds, sample_rate_hz=8000)


def test_embeddings_of_another_size_are_refused(initial: str, tmp_path: Path) -> None:
    generator = checkpoint("diffusion_tse", {**TINY, "initial": initial, "clue_dim": 9}, tmp_path)
    with pytest.raises(ConfigError, match=r"net.clue_dim = 9, but the embeddings .* have 8 entries"):
        load_system("diffusion_tse", checkpoint=generator).extract(batch((noise(700, 5),)))


def test_training_records_it(initial: str, tmp_path: Path) -> None:
    settings = train_config("diffusion_tse", {**TINY, "initial": initial}, per_epoch=8)
    out = fit(settings, tmp_path).checkpoint
    card = load_checkpoint(out, architecture="diffusion_tse").card
    assert card.initial is not None
    assert card.initial.checkpoint == initial
    assert card.training_data == ("voices:train", "voices/train")
    assert load_system("diffusion_tse", checkpoint=str(out)).card.training_data == card.training_data


def test_training_data_is_the_union() -> None:
    def card(parts: tuple[str, ...], contents: Contents | None) -> CheckpointCard:
        return CheckpointCard(
            architecture="x", net={}, classes=(), sample_rate_hz=8000, sha256="0", training_data=parts,
            trained_on=contents,
        )  # fmt: skip

    record = Initial(checkpoint="i", architecture="x", sha256="0")
    own = card(("a", "b"), Contents(parts=("b",), recordings=("1", "3"), speakers=("s",)))
    frozen = card(("b", "c"), Contents(parts=("c",), recordings=("2", "3"), speakers=("t",)))
    both = built_on(own, (record, Checkpoint(card=frozen, state={}, path=Path())))
    assert both.training_data == ("a", "b", "c")
    assert both.trained_on == Contents(parts=("b", "c"), recordings=("1", "2", "3"), speakers=("s", "t"))
    unknown = built_on(own, (record, Checkpoint(card=card(("c",), None), state={}, path=Path())))
    assert unknown.trained_on is None
    assert built_on(own, None) is own
