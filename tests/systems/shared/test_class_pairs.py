"""Training pairs of class queries: their sums, their classes, the absent ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tsebench.core.errors import ConfigError
from tsebench.datasets.types import Clues
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.shared.class_pairs import class_pairs
from tsebench.systems.trainable import TrainBatch

CLASSES = ("bell", "crow", "dog_bark", "rain")
LABELS = ("bell", "crow", "bell", "rain")
ACTIVE = (("bell", "rain"), ("crow", "rain"), ("bell", "crow"), ("rain",))


def batch(labels: tuple[str, ...] = LABELS) -> TrainBatch:
    """Item i has the target 10^i and the rest 0.5; the last is one sample shorter."""
    target = 10.0 ** torch.arange(4)[:, None] * torch.ones(4, 3)
    target[3, 2] = 0.0
    mixture = target + 0.5
    mixture[3, 2] = 0.0
    queries = QueryBatch(
        ids=("a", "b", "c", "d"),
        mixture=mixture[:, None],
        lengths=torch.tensor([3, 3, 3, 2]),
        sample_rate_hz=8000,
        clues=tuple(Clues(classes=(label,)) for label in labels),
    )
    return TrainBatch(queries=queries, target=target, present=torch.ones(4, dtype=torch.bool), active_classes=ACTIVE)


def test_one_draw_is_the_batch_itself() -> None:
    made, pairs = batch(), class_pairs(batch(), CLASSES, draws=1, inactive_share=0.0)
    assert torch.equal(pairs.mixture, made.mixture)
    assert torch.equal(pairs.target, made.target)
    assert [CLASSES[number] for number in pairs.classes] == list(LABELS)


def test_targets_of_others_stand_in_their_place_unless_their_class_is_in_the_rest() -> None:
    pairs = class_pairs(batch(), CLASSES, draws=2, inactive_share=0.0)
    second = [CLASSES[number] for number in pairs.classes[4:]]
    # a: crow of b. b: bell of c. c: rain of d. d: bell of a.
    assert second == ["crow", "bell", "rain", "bell"]
    assert pairs.target[4:, 0].tolist() == [10.0, 100.0, 1000.0, 1.0]
    torch.testing.assert_close(pairs.mixture[4:, 0] - pairs.target[4:, 0], torch.full((4,), 0.5))
    assert pairs.target[7].tolist() == [1.0, 1.0, 0.0]
    assert pairs.mixture[7].tolist() == [1.5, 1.5, 0.0]
    third = class_pairs(batch(), CLASSES, draws=3, inactive_share=0.0)
    # b would take the rain of d, which sounds in its rest; c the bell of a, the class of its own target.
    assert [CLASSES[number] for number in third.classes[8:]] == ["bell", "crow", "bell", "crow"]
    assert third.target[8:, 0].tolist() == [100.0, 10.0, 1.0, 10.0]


def test_absent_classes_are_in_no_part_and_have_a_silent_target() -> None:
    made = batch()
    pairs = []
    for index in range(60):
        queries = replace(made.queries, ids=tuple(f"{index}{letter}" for letter in "abcd"))
        pairs.append(class_pairs(replace(made, queries=queries), CLASSES, draws=2, inactive_share=0.25))
    silent = torch.stack([each.target.abs().amax(dim=1) == 0 for each in pairs])
    # 120 of 480 expected; the standard deviation is 9.5.
    assert 80 < int(silent.sum()) < 160
    parts = [set(active) for active in ACTIVE]
    parts += [{"rain", "crow"}, {"rain", "bell"}, {"crow", "rain"}, {"bell"}]
    for each, absent in zip(pairs, silent, strict=True):
        for row in absent.nonzero().flatten().tolist():
            assert CLASSES[each.classes[row]] not in parts[row]


def test_pairs_follow_from_the_ids() -> None:
    first, again = (class_pairs(batch(), CLASSES, draws=3, inactive_share=0.3) for _ in range(2))
    assert torch.equal(first.classes, again.classes)
    assert torch.equal(first.target, again.target)


def test_a_query_of_several_classes_is_refused() -> None:
    made = batch()
    clues = (Clues(classes=("bell", "rain")), *made.queries.clues[1:])
    with pytest.raises(ConfigError, match=r"names 2 classes \(bell, rain\)"):
        class_pairs(replace(made, queries=replace(made.queries, clues=clues)), CLASSES, draws=1, inactive_share=0.0)
