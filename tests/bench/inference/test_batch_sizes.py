"""Batches as large as the memory of a GPU allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from helpers.asked import Fake, copy, noise_item, sizes

from tsebench.bench.inference import ask
from tsebench.bench.inference.ask import Inference
from tsebench.bench.inference.batch_sizes import BatchSizes, MemoryUse, longest_of, with_memory_use
from tsebench.bench.inference.batching import Item
from tsebench.systems.protocol import Extraction, QueryBatch

LENGTH = 200


def items(count: int, length: int = LENGTH) -> list[Item]:
    return [noise_item(index, length) for index in range(count)]


def most(sizes: BatchSizes, length: int = LENGTH) -> int:
    """The largest batch of one length, up to 999."""
    alike = items(1, length)
    return next(count for count in range(1000) if not sizes.fit(alike * (count + 1)))


def known(taken: int, free: int, *, count: int = 8) -> BatchSizes:
    sizes = BatchSizes("auto")
    sizes.measured(items(count), MemoryUse(taken=taken, free=free))
    return sizes


def test_a_number_is_the_most_whatever_the_memory() -> None:
    sizes = BatchSizes(5)
    sizes.measured(items(5), MemoryUse(taken=5, free=1 << 30))
    assert most(sizes) == 5
    sizes.measured(items(5), MemoryUse(taken=1 << 30, free=5))
    assert most(sizes) == 5


def test_eight_until_a_gpu_was_measured() -> None:
    sizes = BatchSizes("auto")
    sizes.measured(items(8), None)  # on a CPU
    assert most(sizes) == 8


@pytest.mark.parametrize(
    ("free", "fitting"), [(100_000, 64), (92_000, 64), (91_000, 32), (10_000, 4), (3_000, 2), (2_800, 1), (10, 1)]
)
def test_it_is_a_power_of_two_that_fills_at_most_seven_tenths_of_the_free_memory(free: int, fitting: int) -> None:
    assert most(known(8_000, free)) == fitting


def test_longer_queries_are_taken_to_need_the_square_of_their_length() -> None:
    sizes = known(8_000, 100_000)
    assert [most(sizes, LENGTH * times) for times in (1, 2, 4, 8)] == [64, 16, 4, 1]
    assert most(sizes, LENGTH // 2) == 128  # shorter ones less, in proportion


def test_enrollments_count() -> None:
    (item,) = items(1)
    assert longest_of([item]) == LENGTH + LENGTH // 2


def test_the_largest_batch_tells_what_a_query_takes_and_the_last_one_what_is_free() -> None:
    sizes = known(8_000, 100_000)
    sizes.measured(items(1), MemoryUse(taken=90_000, free=100_000))  # with what every batch takes once
    assert most(sizes) == 64
    sizes.measured(items(1), MemoryUse(taken=900, free=50_000))
    assert most(sizes) == 32
    sizes.measured(items(16), MemoryUse(taken=64_000, free=50_000))
    assert most(sizes) == 8


def test_what_does_not_compute_with_torch_keeps_the_usual_size() -> None:
    assert most(known(4 * 8 * LENGTH - 1, 1 << 20)) == 8
    assert most(known(4 * 8 * LENGTH, 1 << 20)) == 512


def test_memory_that_runs_out_halves_for_good() -> None:
    sizes = known(8_000, 100_000)
    sizes.halve(64)
    sizes.measured(items(32), MemoryUse(taken=8_000, free=100_000))
    assert most(sizes) == 32
    sizes.halve(32)
    assert most(sizes) == 16
    sizes.halve(1)
    assert most(sizes) == 1


def test_a_run_grows_its_batches_once_it_has_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a simulated GPU that holds some 23 queries of this length."""

    def simulated(work: Callable[[], Extraction], _: str) -> tuple[Extraction, MemoryUse]:
        result = work()
        return result, MemoryUse(taken=result.estimate.shape[0] * 1000, free=33_000)

    monkeypatch.setattr(ask, "with_memory_use", simulated)
    fake = Fake(copy)
    inference = Inference(fake, device="cpu", batch_size="auto")
    for _ in range(2):
        answers = inference.begin(items(32)).finish()
        assert [a.failure for a in answers.values()] == [None] * 32
    inference.begin([*items(20), *items(4, 2 * LENGTH)]).finish()
    assert sizes(fake) == [8, 8, 8, 8, 16, 16, 16, 4, 4]


def test_memory_is_what_torch_takes_beyond_what_it_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counters of torch, in the order in which they are read."""
    calls: list[str] = []

    def counter(name: str, value: Any) -> None:
        monkeypatch.setattr(torch.cuda, name, lambda device: calls.append(f"{name} {device}") or value)

    for name, value in {
        "memory_allocated": 100, "memory_reserved": 150, "mem_get_info": (1000, 5000),
        "reset_peak_memory_stats": None, "max_memory_allocated": 400,
    }.items():  # fmt: skip
        counter(name, value)
    result, use = with_memory_use(lambda: calls.append("work") or 7, "cuda:1")
    assert (result, use) == (7, MemoryUse(taken=300, free=1050))
    last = ["reset_peak_memory_stats cuda:1", "work", "max_memory_allocated cuda:1"]
    assert calls[-3:] == last
    assert all(call.endswith("cuda:1") for call in calls if call != "work")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_memory_of_a_real_gpu() -> None:
    held = torch.zeros(1 << 20, device="cuda")

    def work() -> torch.Tensor:
        return (held[:1024, None] + torch.zeros(1, 1 << 14, device="cuda")).sum()

    _, use = with_memory_use(work, "cuda")
    assert use is not None
    assert 1 << 26 <= use.taken < 1 << 27
    assert use.taken < use.free <= torch.cuda.mem_get_info()[1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_on_a_real_gpu_grow() -> None:
    def wide(batch: QueryBatch) -> Extraction:
        return Extraction(estimate=(batch.mixture * torch.ones(1, 64, 1, device="cuda")).mean(dim=1))

    fake = Fake(wide)
    inference = Inference(fake, device="cuda", batch_size="auto")
    for _ in range(2):
        answers: Sequence[Any] = list(inference.begin(items(32)).finish().values())
        assert [answer.failure for answer in answers] == [None] * 32
    assert sizes(fake)[:2] == [8, 8]
    assert sizes(fake)[-1] == 32
