"""Parts of a batch in several threads: the same values, and nothing left changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import torch
from torch import Tensor

from tsebench.bench.metrics import bsseval, stoi
from tsebench.bench.metrics.protocol import BatchMetric, Signals
from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.metrics.shared.batches import threaded
from tsebench.core.processors import spared_threads


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["sdr", "stoi", "estoi"])
def test_values_do_not_depend_on_the_number_of_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bsseval, stoi):
        monkeypatch.setattr(module, "CPU_SAMPLES", 20_000)  # two trials in each part
    metric = load_metric(name)
    assert isinstance(metric, BatchMetric)
    reference, noise = torch.randn(2, 7, 10_000, generator=torch.Generator().manual_seed(1))
    signals = Signals(
        estimate=reference + noise,
        reference=reference,
        mixture=reference + 2.0 * noise,
        lengths=torch.full((7,), 10_000),
        sample_rate_hz=8000,
    )
    found = []
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        found.append(metric.compute(signals).tolist())
        assert torch.get_num_threads() == count
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == 7


def test_parts_are_computed_at_once_each_with_one_thread() -> None:
    torch.set_num_threads(3)
    meeting = threading.Barrier(3, timeout=20)

    def meet(part: int) -> Tensor:
        meeting.wait()  # raises unless three parts are under way
        return torch.tensor([part, torch.get_num_threads(), threading.get_ident()])

    values = torch.stack(threaded(meet, range(6)))
    assert values[:, 0].tolist() == list(range(6))
    assert values[:, 1].tolist() == [1] * 6
    assert threading.get_ident() not in values[:, 2].tolist()


def test_what_a_part_raises_comes_out_and_the_number_of_threads_comes_back() -> None:
    torch.set_num_threads(2)

    def fail(part: int) -> Tensor:
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part 0"):
        threaded(fail, range(4))
    assert torch.get_num_threads() == 2
    assert torch.cat(threaded(lambda part: torch.tensor([part]), range(4))).tolist() == [0, 1, 2, 3]


def test_threads_are_left_to_processes_and_come_back() -> None:
    torch.set_num_threads(4)
    for busy, left in ((0, 4), (1, 3), (3, 1), (16, 1)):
        with suppress(ValueError), spared_threads(busy):
            assert torch.get_num_threads() == left
            raise ValueError
        assert torch.get_num_threads() == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    torch.set_num_threads(2)
    assert len(threaded(lambda part: torch.tensor([part]), range(4))) == 4
    child = os.fork()
    if not child:  # whose threads are gone: a pool that came with it would wait for ever
        done = threading.Thread(target=threaded, args=(lambda _: torch.zeros(1), range(4)))
        done.daemon = True
        done.start()
        done.join(20)
        os._exit(int(done.is_alive()))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
