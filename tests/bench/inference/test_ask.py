"""Asking systems: batches, rates, truths, and answers of every shape."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.asked import Fake, copy, sizes

from tsebench.bench.inference.answer import Answer
from tsebench.bench.inference.ask import Inference
from tsebench.bench.inference.batching import Item
from tsebench.bench.inference.process_state import SETTINGS
from tsebench.core.errors import ExtractionError
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard
from tsebench.systems.registry import load_system

STRAY = "ValueError: failures names 1 unknown ids, first"
LENGTHS = (900, 700, 900, 800, 700, 900)


def make_item(index: int, length: int) -> Item:
    """A tone, which resampling keeps, in a mixture of two."""
    time = torch.arange(length) / 8000
    tones = torch.stack([torch.sin(2 * torch.pi * hz * time) for hz in (300 + 50 * index, 1000)])
    clip = tones[0, :100].clone()
    query = Query(
        id=f"t{index}", mixture=tones.sum(dim=0, keepdim=True), sample_rate_hz=8000, clues=Clues(enrollments=(clip,))
    )
    truth = Truth(target=tones[:1].clone(), interferers=tones[1:].clone(), active_classes=(), transcript=None)
    return Item(index=index, query=query, truth=truth)


ITEMS = [make_item(index, length) for index, length in enumerate(LENGTHS)]


@pytest.fixture(autouse=True, params=[0, 1, 2])
def batches_ahead(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """As on a CPU, and as on a GPU, where batches are begun before others have come back."""
    monkeypatch.setattr(Inference, "batches_ahead", request.param)
    return request.param


def ask(system: Any, *, batch_size: int = 4, items: Sequence[Item] = ITEMS) -> dict[int, Answer]:
    return Inference(system, device="cpu", batch_size=batch_size).begin(items).finish()


@pytest.mark.parametrize("batch_size", [1, 2, 4, 9])
def test_answers_are_cut_to_their_own_length(batch_size: int) -> None:
    answers = ask(Fake(copy), batch_size=batch_size)
    assert list(answers) == list(range(len(ITEMS)))
    for item in ITEMS:
        torch.testing.assert_close(answers[item.index].estimate, item.query.mixture[0])


def test_batches_have_similar_lengths_and_zero_padding() -> None:
    fake = Fake(copy)
    ask(fake)
    assert [batch.lengths.tolist() for batch in fake.batches] == [[700, 700, 800, 900], [900, 900]]
    first = fake.batches[0]
    assert first.mixture.shape == (4, 1, 900)
    assert first.mixture[0, 0, 700:].abs().max() == 0
    assert first.ids == ("t1", "t4", "t3", "t0")
    assert all(len(clues.enrollments) == 1 for clues in first.clues)


def test_a_system_that_minds_padding_gets_none() -> None:
    fake = Fake(copy, padding_neutral=False)
    ask(fake, batch_size=2)
    assert [batch.lengths.tolist() for batch in fake.batches] == [[700, 700], [800], [900] * 2, [900]]


def test_no_items_no_question() -> None:
    fake = Fake(copy)
    assert ask(fake, items=[]) == {}
    assert fake.batches == []


@pytest.mark.parametrize("rate_hz", [16000, 11025, 22050])
def test_a_system_of_another_rate(rate_hz: int) -> None:
    """It sees its own rate, and its answer comes back at the dataset's, as long as it was."""
    fake = Fake(copy, sample_rate_hz=rate_hz)
    answers = ask(fake)
    assert {batch.sample_rate_hz for batch in fake.batches} == {rate_hz}
    assert sorted(length for batch in fake.batches for length in batch.lengths.tolist()) == sorted(
        -(-length * rate_hz // 8000) for length in LENGTHS
    )
    assert len(fake.batches[0].clues[0].enrollments[0]) == -(-100 * rate_hz // 8000)
    for item in ITEMS:
        estimate = answers[item.index].estimate
        assert estimate is not None
        assert estimate.shape == (item.length,)
        middle = slice(100, item.length - 100)
        expected = item.query.mixture[0]
        torch.testing.assert_close(estimate[middle], expected[middle], atol=2e-3, rtol=0)


def test_a_wrong_length_at_another_rate_stays_wrong() -> None:
    def half(batch: QueryBatch) -> Extraction:
        return Extraction(estimate=[row[0, :500] for row in batch.mixture])

    answers = ask(Fake(half, sample_rate_hz=16000))
    assert {len(a.estimate) for a in answers.values() if a.estimate is not None} == {250}


def test_a_privileged_system_gets_truths_in_the_order_and_rate_of_the_batch() -> None:
    class Oracle:
        card = SystemCard(name="o", family="oracle", description="", privileged=True, sample_rate_hz=16000)

        def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
            estimates = []
            for truth, length in zip(truths, batch.lengths.tolist(), strict=True):
                assert truth.target is not None
                assert truth.target.shape == (1, length)
                assert truth.interferers.shape == (1, length)
                estimates.append(truth.target[0])
            return Extraction(estimate=estimates)

    answers = ask(Oracle())
    for item in ITEMS:
        estimate = answers[item.index].estimate
        assert estimate is not None
        assert item.truth.target is not None
        middle = slice(100, item.length - 100)
        target = item.truth.target[0]
        torch.testing.assert_close(estimate[middle], target[middle], atol=2e-3, rtol=0)


def test_the_shipped_oracle_is_exact_at_the_datasets_rate() -> None:
    answers = ask(load_system("oracle_target"))
    for item in ITEMS:
        assert item.truth.target is not None
        torch.testing.assert_close(answers[item.index].estimate, item.truth.target[0])


def test_a_sequence_of_estimates_is_taken_as_it_is() -> None:
    """Trimming is for padding that the harness added; the scorer judges other lengths."""

    def longer(batch: QueryBatch) -> Extraction:
        rows = zip(batch.mixture[:, 0], batch.lengths.tolist(), strict=True)
        return Extraction(estimate=tuple(torch.cat([row[:n], row[:3]]) for row, n in rows))

    for item, answer in zip(ITEMS, ask(Fake(longer)).values(), strict=True):
        assert answer.estimate is not None
        assert len(answer.estimate) == item.length + 3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_estimates_become_float32(dtype: torch.dtype) -> None:
    answers = ask(Fake(lambda batch: Extraction(estimate=batch.mixture[:, 0].to(dtype))))
    assert {a.estimate.dtype for a in answers.values() if a.estimate is not None} == {torch.float32}


def test_an_error_costs_the_trial_that_causes_it() -> None:
    def picky(batch: QueryBatch) -> Extraction:
        if "t3" in batch.ids:
            raise ExtractionError("no answer\nto t3")
        return copy(batch)

    fake = Fake(picky)
    answers = ask(fake)
    assert answers[3] == Answer(failure="no answer to t3")
    assert all(answers[n].estimate is not None for n in (0, 1, 2, 4, 5))
    assert sizes(fake) == [4, 1, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda batch: None, "TypeError: the system gave NoneType, not an Extraction"),
        (lambda batch: batch.mixture, "TypeError: the system gave Tensor, not an Extraction"),
        (lambda batch: Extraction(estimate=[]), "ValueError: 0 estimates for 1 queries"),
        (lambda batch: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_no_answer_says_so(answer: Callable[[QueryBatch], Any], reason: str) -> None:
    answers = ask(Fake(answer), items=ITEMS[:2])
    assert [answers[n].failure for n in (0, 1)] == [reason, reason]


def test_a_long_reason_is_cut_to_one_line() -> None:
    def shout(batch: QueryBatch) -> Extraction:
        raise RuntimeError("x\n" * 5000)

    reason = ask(Fake(shout), items=ITEMS[:1])[0].failure
    assert reason is not None
    assert len(reason) == 300
    assert "\n" not in reason


class UnspeakableError(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UnspeakableError(), "UnspeakableError: <UnspeakableError without a text: __str__ raised RuntimeError>"),
        (ValueError("\ud800 \x00 \x1b[2J \u202e"), "ValueError: \\ud800 \\x00 \\x1b[2J \\u202e"),
        (ExtractionError("\udcff\x07"), "\\udcff\\x07"),
        (ExtractionError(b"bytes"), "b'bytes'"),
    ],
)
def test_an_error_whose_text_cannot_be_written_costs_its_own_trial(error: Exception, reason: str) -> None:
    def refuse(batch: QueryBatch) -> Extraction:
        if "t3" in batch.ids:
            raise error
        return copy(batch)

    answers = ask(Fake(refuse))
    assert {index: a.failure for index, a in answers.items() if a.failure is not None} == {3: reason}


@pytest.mark.parametrize(
    ("failures", "reason"),
    [
        ({"t3": 5}, "5"),
        ({"t3": UnspeakableError()}, "<UnspeakableError without a text: __str__ raised RuntimeError>"),
        ({"t3": "x" * 5_000_000}, "x" * 299 + "…"),
        ({"t3": b"\x00"}, "b'\\x00'"),
        ({"t3": ["a", "list"]}, "['a', 'list']"),
        (["t3"], "TypeError: failures is of type list, not a mapping"),
        (
            {3: "no"},
            "ValueError: failures names 1 unknown ids, first '3' of type int; its keys are ids of the batch's queries",
        ),
        (
            {"T3": "no"},
            "ValueError: failures names 1 unknown ids, first 'T3' of type str; its keys are ids of the batch's queries",
        ),
    ],
)
def test_failures_of_another_kind_cost_the_trial_that_they_are_of(failures: Any, reason: str) -> None:
    def refuse(batch: QueryBatch) -> Extraction:
        return Extraction(estimate=batch.mixture[:, 0], failures=failures if "t3" in batch.ids else {})

    answers = ask(Fake(refuse))
    assert {index: a.failure for index, a in answers.items() if a.failure is not None} == {3: reason}


def test_what_is_no_system_says_so() -> None:
    class Neither:
        card = SystemCard(name="n", family="external", description="")

    reason = ask(Neither(), items=ITEMS[:1])[0].failure
    assert reason == "TypeError: Neither has no method extract(batch)"


@pytest.mark.parametrize("most", [1, 2, 3])
def test_memory_errors_shrink_batches_and_never_grow_them(most: int) -> None:
    def small(batch: QueryBatch) -> Extraction:
        if len(batch.ids) > most:
            raise torch.OutOfMemoryError
        return copy(batch)

    fake = Fake(small)
    inference = Inference(fake, device="cpu", batch_size=6)
    for item, answer in zip(ITEMS, inference.begin(ITEMS).finish().values(), strict=True):
        torch.testing.assert_close(answer.estimate, item.query.mixture[0])
    assert sizes(fake) == {1: [6, 3] + [1] * 6, 2: [6, 3] + [1] * 6, 3: [6, 3, 3]}[most]
    before = len(fake.batches)
    inference.begin(ITEMS).finish()
    assert max(sizes(fake)[before:]) <= most


def test_memory_that_one_trial_alone_exceeds_fails_it() -> None:
    def small(batch: QueryBatch) -> Extraction:
        if batch.mixture.shape[-1] > 800:
            raise torch.OutOfMemoryError
        return copy(batch)

    answers = ask(Fake(small))
    failures = {n: answer.failure for n, answer in answers.items()}
    assert failures == {n: "out of memory" if LENGTHS[n] > 800 else None for n in range(6)}


def test_a_system_that_works_in_place_spoils_nothing() -> None:
    def wreck(batch: QueryBatch) -> Extraction:
        estimate = batch.mixture[:, 0].clone()
        batch.mixture.zero_()
        for clues in batch.clues:
            clues.enrollments[0].zero_()
        if len(batch.ids) > 1:
            raise RuntimeError("only after the damage")
        return Extraction(estimate=estimate)

    before = [(i.query.mixture.clone(), i.query.clues.enrollments[0].clone()) for i in ITEMS]
    answers = ask(Fake(wreck))
    for item, (mixture, enrollment) in zip(ITEMS, before, strict=True):
        torch.testing.assert_close(answers[item.index].estimate, mixture[0])
        torch.testing.assert_close(item.query.mixture, mixture)
        torch.testing.assert_close(item.query.clues.enrollments[0], enrollment)


def test_an_oracle_that_works_in_place_leaves_the_truth_that_is_scored() -> None:
    class Wrecker:
        card = SystemCard(name="w", family="oracle", description="", privileged=True)

        def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
            for truth in truths:
                assert truth.target is not None
                truth.target.zero_()
                truth.interferers.zero_()
            return copy(batch)

    items = [make_item(index, length) for index, length in enumerate(LENGTHS)]
    ask(Wrecker(), items=items)
    for item, untouched in zip(items, ITEMS, strict=True):
        assert item.truth.target is not None
        assert untouched.truth.target is not None
        assert torch.equal(item.truth.target, untouched.truth.target)
        assert torch.equal(item.truth.interferers, untouched.truth.interferers)


def test_an_interrupt_by_the_user_is_not_an_answer() -> None:
    def stop(batch: QueryBatch) -> Extraction:
        signal.raise_signal(signal.SIGINT)
        return copy(batch)

    with pytest.raises(KeyboardInterrupt):
        ask(Fake(stop))


def test_an_end_by_a_queue_is_not_an_answer() -> None:
    """The command line takes SIGTERM as Ctrl-C."""

    def end(batch: QueryBatch) -> Extraction:
        signal.raise_signal(signal.SIGTERM)
        return copy(batch)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            ask(Fake(end))
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_interrupt_that_a_system_catches_still_ends_the_run() -> None:
    def stop(batch: QueryBatch) -> Extraction:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return copy(batch)

    with pytest.raises(KeyboardInterrupt):
        ask(Fake(stop))


class Odd(BaseException):
    """An error that is no Exception."""


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), KeyboardInterrupt(), Odd("odd")], ids=repr)
def test_what_a_system_raises_never_ends_the_run(error: BaseException) -> None:
    def stop(batch: QueryBatch) -> Extraction:
        if "t3" in batch.ids:
            raise error
        return copy(batch)

    answers = ask(Fake(stop))
    assert (answers[3].failure or "").startswith(type(error).__name__)
    assert all(answers[n].estimate is not None for n in (0, 1, 2, 4, 5))


def test_what_a_system_changes_of_the_process_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wreck(batch: QueryBatch) -> Extraction:
        os.chdir(tmp_path)
        os.environ["TSEBENCH_SPOILT"] = "1"
        os.umask(0o777)
        os.closerange(0, 3)
        sys.stdout = None  # type: ignore[assignment]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        warnings.simplefilter("error")
        sys.setrecursionlimit(5000)
        gc.disable()
        np.seterr(all="raise")
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(torch.get_num_threads() + 1)
        torch.set_grad_enabled(True)
        torch.use_deterministic_algorithms(True)
        torch.set_flush_denormal(True)
        signal.alarm(1)  # last: what imports, as settings of torch do, may take longer
        return copy(batch)

    def state() -> tuple[Any, ...]:
        files = [os.fstat(number)[:3] for number in range(3)]
        return (*[read() for read, _ in SETTINGS], Path.cwd(), files, sys.stdout)

    monkeypatch.delenv("TSEBENCH_SPOILT", raising=False)
    before = state()
    answers = ask(Fake(wreck))
    assert [answer.failure for answer in answers.values()] == [None] * len(ITEMS)
    assert state() == before
    assert not 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1


def test_the_generators_of_a_system_are_its_own() -> None:
    """One system that seeds the global generator does not change what another draws."""

    def draw(batch: QueryBatch) -> Extraction:
        return Extraction(estimate=torch.randn(len(batch.ids), batch.mixture.shape[-1]))

    def seed(batch: QueryBatch) -> Extraction:
        torch.manual_seed(0)
        return draw(batch)

    torch.manual_seed(5)
    alone = ask(Fake(draw))
    torch.manual_seed(5)
    ask(Fake(seed))
    after = ask(Fake(draw))
    for first, second in zip(alone.values(), after.values(), strict=True):
        assert torch.equal(first.estimate, second.estimate)  # type: ignore[arg-type]
    assert not torch.equal(alone[1].estimate, alone[4].estimate)  # type: ignore[arg-type] # of one length


def test_systems_run_in_full_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    seen: list[bool] = []

    def look(batch: QueryBatch) -> Extraction:
        seen.append(torch.backends.cudnn.allow_tf32)
        return copy(batch)

    ask(Fake(look), batch_size=len(ITEMS))
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32 is True


def test_an_estimate_of_hours_costs_its_own_trial_and_is_not_copied() -> None:
    def answer(batch: QueryBatch) -> Extraction:
        rows = [row[0, :length] for row, length in zip(batch.mixture, batch.lengths, strict=True)]
        hours = torch.zeros(1).expand(48_000 * 36_000)  # takes no memory until it is copied
        return Extraction(estimate=[hours if name == "t3" else row for name, row in zip(batch.ids, rows, strict=True)])

    answers = ask(Fake(answer))
    assert {index: a.failure for index, a in answers.items() if a.failure is not None} == {
        3: f"length: estimate has {48_000 * 36_000} samples, mixture has {ITEMS[3].length}"
    }
