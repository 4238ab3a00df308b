"""Labelled outputs on their way from a system to its answers: at another rate, from another process, and wrong ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tsebench.bench.inference.ask import Inference
from tsebench.bench.inference.batching import Item
from tsebench.bench.inference.child import _Answers
from tsebench.bench.inference.isolation import extraction_of
from tsebench.bench.inference.labelled import MOST_OUTPUTS
from tsebench.bench.inference.shared_memory import SharedMemory
from tsebench.datasets.batches import collate
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.protocol import Extraction, LabelledOutput, QueryBatch, SystemCard


def make_item(index: int, length: int) -> Item:
    tone = torch.sin(2 * torch.pi * 300 * torch.arange(length) / 8000)[None]
    truth = Truth(target=tone.clone(), interferers=tone[:0], active_classes=(), transcript=None)
    return Item(index=index, query=Query(id=f"t{index}", mixture=tone, sample_rate_hz=8000, clues=Clues()), truth=truth)


ITEMS = [make_item(0, 900), make_item(1, 700)]


class Fake:
    """Half and a quarter of the mixture, with labels; nothing for the second query."""

    def __init__(self, *, rate_hz: int | None = None, outputs: Callable[[QueryBatch], Any] | None = None) -> None:
        self._outputs = outputs or self.some
        self.card = SystemCard(
            name="fake", family="external", description="", sample_rate_hz=rate_hz, labels_outputs=True
        )

    @staticmethod
    def some(batch: QueryBatch) -> list[list[LabelledOutput]]:
        return [
            [LabelledOutput("dog", 0.5 * row[0]), LabelledOutput("a/b", 0.25 * row[0])] if name == "t0" else []
            for name, row in zip(batch.ids, batch.mixture, strict=True)
        ]

    def extract(self, batch: QueryBatch) -> Extraction:
        return Extraction(estimate=batch.mixture[:, 0], outputs=self._outputs(batch))


def answers(system: Fake, items: list[Item] = ITEMS) -> Any:
    return Inference(system, device="cpu", batch_size=2).begin(items).finish()


@pytest.mark.parametrize("rate_hz", [None, 16000])
def test_outputs_have_the_length_and_rate_of_their_query(rate_hz: int | None) -> None:
    found = answers(Fake(rate_hz=rate_hz))
    assert found[1].outputs == ()
    assert [each.label for each in found[0].outputs] == ["dog", "a/b"]
    for each, gain in zip(found[0].outputs, (0.5, 0.25), strict=True):
        assert each.signal.shape == (900,)
        inside = slice(100, -100)  # resampling there and back rings at the ends
        torch.testing.assert_close(each.signal[inside], gain * ITEMS[0].query.mixture[0, inside], atol=2e-3, rtol=0)


def test_the_longer_query_of_a_batch_does_not_lengthen_the_outputs_of_the_other() -> None:
    outputs = answers(Fake(outputs=lambda batch: [[LabelledOutput("dog", row[0])] for row in batch.mixture]))
    assert [len(outputs[index].outputs[0].signal) for index in (0, 1)] == [900, 700]


def test_a_system_without_outputs_has_none() -> None:
    assert {answer.outputs for answer in answers(Fake(outputs=lambda _: None)).values()} == {None}


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        (lambda b: [[]] * (len(b.ids) + 1), r"outputs for 2 of 1 queries: give a sequence for each"),
        (lambda b: {}, r"outputs are of type dict, not a sequence"),
        (lambda b: ["dog"], r"the outputs of a query are of type str, not a sequence of LabelledOutput"),
        (lambda b: [[("dog", b.mixture[0, 0])]], r"an output is of type tuple, not LabelledOutput\(label, signal\)"),
        (lambda b: [[LabelledOutput(3, b.mixture[0, 0])]], r"the label of an output is of type int, not str"),
        (lambda b: [[LabelledOutput(" ", b.mixture[0, 0])]], r"the label .* has 1 characters; give 1 to 200"),
        (lambda b: [[LabelledOutput("d", b.mixture[0])]], r"the output 'd' has shape \[1, 900\]; give \[T\] with T of"),
        (lambda b: [[LabelledOutput("d", torch.zeros(901))]], r"the output 'd' has shape \[901\]; give \[T\]"),
        (lambda b: [[LabelledOutput("d", [0.0])]], r"estimate is of type list, not a tensor"),
        (lambda b: [[LabelledOutput("d", b.mixture[0, 0])] * (MOST_OUTPUTS + 1)], r"65 labelled outputs for one query"),
    ],
)
def test_wrong_outputs_fail_the_trial_with_a_reason(outputs: Callable[[QueryBatch], Any], reason: str) -> None:
    answer = answers(Fake(outputs=outputs), ITEMS[:1])[0]
    assert answer.estimate is None
    assert re.search(reason, answer.failure), answer.failure


@pytest.mark.parametrize("system", [Fake(), Fake(outputs=lambda _: None)])
def test_outputs_come_whole_from_another_process(system: Fake) -> None:
    """The two ends of the connection, in this process."""
    outbox = SharedMemory()
    batch = collate([item.query for item in ITEMS])
    reply = _Answers(SharedMemory(), outbox)._extract(system, batch=batch, truths=[])
    found = extraction_of(reply, outbox, batch)
    own = system.extract(batch)
    torch.testing.assert_close(found.estimate, own.estimate)
    if own.outputs is None:
        assert found.outputs is None
        return
    for sent, got in zip(own.outputs, found.outputs, strict=True):
        assert [each.label for each in sent] == [each.label for each in got]
        for one, other in zip(sent, got, strict=True):
            assert one.signal.equal(other.signal)
