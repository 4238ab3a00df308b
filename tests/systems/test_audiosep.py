"""The system audiosep: public files, texts, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers.audiosep_files import embeddings, files, network, public_state

from tsebench.core.errors import CheckpointError
from tsebench.datasets.types import Clues
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.registry import load_system


def batch(*clues: Clues) -> QueryBatch:
    mixture = torch.randn(len(clues), 1, 700, generator=torch.Generator().manual_seed(1))
    return QueryBatch(
        ids=tuple(f"q{i}" for i in range(len(clues))),
        mixture=mixture[:1].repeat(len(clues), 1, 1),
        lengths=torch.full((len(clues),), 700),
        sample_rate_hz=32_000,
        clues=clues,
    )


def test_a_query_is_answered_by_its_text_and_otherwise_by_its_classes(tmp_path: Path) -> None:
    system = load_system("audiosep", **files(tmp_path))
    asked = [
        Clues(text="A dog  barking", classes=("rain",)),
        Clues(classes=("a_dog_barking",)),
        Clues(classes=("rain",)),
        Clues(classes=("a_dog_barking", "rain")),
        Clues(text="a cat"),
        Clues(),
    ]
    answer = system.extract(batch(*asked))
    dog, same, rain, both = answer.estimate[:4]
    torch.testing.assert_close(dog, same)
    assert (dog - rain).abs().max() > 1e-4
    torch.testing.assert_close(both, dog + rain)
    assert set(answer.failures) == {"q4", "q5"}
    assert "none of 'a cat'" in answer.failures["q4"]


def test_estimates_are_those_of_the_network_of_the_file(tmp_path: Path) -> None:
    options = files(tmp_path)
    system, asked = load_system("audiosep", **options), batch(Clues(text="rain"))
    clue = torch.tensor(json.loads(Path(options["embeddings"]).read_text())["rain"])[None]
    with torch.no_grad():
        expected = network()(asked.mixture[:, 0], clue)
    torch.testing.assert_close(system.extract(asked).estimate, expected)
    plain = {name.removeprefix("ss_model."): weight for name, weight in public_state().items()}
    torch.save({name: weight for name, weight in plain.items() if not name.startswith("query")}, tmp_path / "plain.pt")
    again = load_system("audiosep", model=str(tmp_path / "plain.pt"), embeddings=options["embeddings"])
    torch.testing.assert_close(again.extract(asked).estimate, expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ss_model.base.bn0.weight": None}, "has no weight 'base.bn0.weight'"),
        ({"ss_model.base.pre_conv.bias": None}, "lacks weight 'base.pre_conv.bias'"),
        ({"ss_model.base.more": torch.zeros(1)}, "has the unknown weight 'base.more'"),
        ({"ss_model.film.conv_block7a->conv_block1->beta1.weight": None}, "has no weight 'film.conv_block7a"),
        ({"ss_model.base.bn0.weight": torch.ones(60)}, "multiple of 64"),
        ({"ss_model.base.pre_conv.bias": torch.tensor([float("nan"), 1.0])}, "holds NaN"),
        ({"ss_model.base.pre_conv.bias": torch.zeros(9)}, "has the shape"),
    ],
)
def test_a_file_of_another_network_is_refused(
    changed: dict[str, torch.Tensor | None], message: str, tmp_path: Path
) -> None:
    state = {name: weight for name, weight in {**public_state(), **changed}.items() if weight is not None}
    torch.save({"state_dict": state}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=message) as caught:
        load_system("audiosep", model=str(tmp_path / "other.ckpt"), embeddings=embeddings(tmp_path))
    assert len(str(caught.value)) < 500
