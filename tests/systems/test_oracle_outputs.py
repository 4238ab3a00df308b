"""The oracle with labelled outputs: right and swapped labels."""

from __future__ import annotations

import torch

from tsebench.datasets.types import Clues, Truth
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.registry import load_system

ONE, TWO, THREE = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))


def test_every_source_has_its_label_or_that_of_the_next() -> None:
    truths = [
        Truth(
            target=(ONE + TWO + THREE)[None],
            interferers=torch.zeros(0, 50),
            active_classes=("dog", "rain", "bell"),
            transcript=None,
            target_labels=("dog", "rain", "bell"),
            parts={"s1": ONE, "s2": TWO, "s3": THREE},
        ),
        Truth(target=None, interferers=torch.zeros(1, 60), active_classes=("dog",), transcript=None),
    ]
    batch = QueryBatch(
        ids=("a", "b"),
        mixture=torch.ones(2, 1, 60),
        lengths=torch.tensor([50, 60]),
        sample_rate_hz=8000,
        clues=(Clues(), Clues()),
    )
    for swap, labels in ((False, ["dog", "rain", "bell"]), (True, ["rain", "bell", "dog"])):
        system = load_system("oracle_outputs", swap_labels=swap)
        answer = system.extract_with_truth(batch, truths)
        assert system.card.labels_outputs
        assert [[each.label for each in own] for own in answer.outputs] == [labels, []]
        for each, signal in zip(answer.outputs[0], (ONE, TWO, THREE), strict=True):
            assert each.signal.equal(signal)
        torch.testing.assert_close(answer.estimate[0, :50], ONE + TWO + THREE)
        assert answer.estimate[1].abs().max() == 0
