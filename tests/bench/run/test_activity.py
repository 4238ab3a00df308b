"""The activity that a system finds: checked, cut to each trial, stored with the estimates and read again."""

from __future__ import annotations

from pathlib import Path

import torch

from tsebench.bench.inference.ask import Inference
from tsebench.bench.inference.batching import Item
from tsebench.bench.run.estimate_store import SystemAnswers
from tsebench.bench.run.trial_set import scorable
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard, activity_frames

RATE = 8000


class Finds:
    """Returns the mixture, and as the activity of row b in frame k b + k / 1000; `more` frames than it should."""

    def __init__(self, more: int = 0) -> None:
        self.card = SystemCard(name="finds", family="discriminative", description="a fake", detects_activity=True)
        self._more = more

    def extract(self, batch: QueryBatch) -> Extraction:
        frames = activity_frames(batch.mixture.shape[-1], batch.sample_rate_hz) + self._more
        activity = torch.arange(len(batch.ids))[:, None] + torch.arange(frames) / 1000
        return Extraction(estimate=batch.mixture[:, 0], activity=activity)


def item(index: int, length: int) -> Item:
    mixture = torch.full((1, length), 0.1)
    truth = Truth(target=mixture, interferers=mixture[:0], active_classes=(), transcript=None)
    return Item(
        index=index, query=Query(id=f"t{index}", mixture=mixture, sample_rate_hz=RATE, clues=Clues()), truth=truth
    )


ITEMS = [item(0, 790), item(1, 320)]


def test_each_trial_has_its_own_frames_also_after_a_break(tmp_path: Path) -> None:
    answers = Inference(Finds(), device="cpu", batch_size=2).begin(ITEMS).finish()
    assert [len(answers[n].activity) for n in (0, 1)] == [10, 4]  # type: ignore[arg-type]
    store = SystemAnswers(Finds(), device="cpu", batch_size=2, sample_rate_hz=RATE, folder=tmp_path)
    store.store(ITEMS, answers)
    again = store.stored(ITEMS)
    for number, each in enumerate(ITEMS):
        assert torch.equal(again[number].activity, answers[number].activity)  # type: ignore[arg-type]
        facts = scorable(each, again[number], None).facts
        assert facts.activity is again[number].activity


def test_another_number_of_frames_is_a_fault_of_the_system() -> None:
    answers = Inference(Finds(more=1), device="cpu", batch_size=1).begin(ITEMS).finish()
    assert "activity has shape [1, 11], not [1, 10]" in str(answers[0].failure)
