"""The cost of systems: parameters, operations, memory and time, with closed forms."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.nn import functional as F

from tsebench.bench.cost import passes as cost_passes
from tsebench.bench.cost.measure import measure_cost
from tsebench.bench.inference.batching import Item
from tsebench.bench.run.system_facts import CostFacts
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint
from tsebench.systems.nets.soundbeam import SoundBeamConfig, SoundBeamNet
from tsebench.systems.protocol import AnySystem, Extraction, QueryBatch, SystemCard
from tsebench.systems.registry import load_system

RATE_HZ = 8000
SHORT, LONG = 7680, 38400
"""Samples of the shortest and the longest query at 8 kHz: 0.96 s and 4.8 s."""
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


class Fake:
    """A system of `function(batch)`, with what else is given as attributes."""

    def __init__(
        self, function: Callable[[QueryBatch], Any], *, card: SystemCard | None = None, **attributes: Any
    ) -> None:
        self.card = card or SystemCard(name="fake", family="discriminative", description="")
        self.batches: list[QueryBatch] = []
        self._function = function
        vars(self).update(attributes)

    def extract(self, batch: QueryBatch) -> Extraction:
        self.batches.append(batch)
        estimate = self._function(batch)
        return estimate if isinstance(estimate, Extraction) else Extraction(estimate=estimate)


def filtered(net: nn.Module) -> Callable[[QueryBatch], Tensor]:
    """A system's function for a network from [B, 1, T] to [B, 1, T]."""
    return lambda batch: net(batch.mixture)[:, 0]


def cost_of(system: AnySystem, **options: Any) -> CostFacts:
    return measure_cost(system, sample_rate_hz=RATE_HZ, device="cpu", repeats=1, **options)


def test_peak_memory_of_a_system() -> None:
    net = nn.Conv1d(1, 1, 3, padding=1)
    net.register_buffer("window", torch.zeros(1000))

    def function(batch: QueryBatch) -> Tensor:
        wide = batch.mixture.expand(-1, 100, -1) * 2.0  # [1, 100, T]
        wider = wide + 1.0
        return net(wider[:, :1])[:, 0]  # and one more of [1, 1, T]

    cost = cost_of(Fake(function, net=net))
    expected = (4 + 1000) * 4 + (100 + 100 + 1) * LONG * 4
    # The convolution also makes a contiguous copy of its input, or does not.
    assert cost.peak_memory_mb == pytest.approx(expected / 1e6, rel=0.01)


def test_parameters_count_once_with_frozen_ones_and_without_buffers() -> None:
    shared = nn.Linear(10, 10)
    net = nn.Sequential(shared, nn.BatchNorm1d(10), shared).eval()
    net.requires_grad_(False)
    other = nn.ModuleList([shared, nn.PReLU()])
    system = Fake(filtered(nn.Identity()), net=net, other=other)
    assert cost_of(system).params == (100 + 10) + (10 + 10) + 1


def test_networks_are_found_in_containers_and_parts() -> None:
    parts = {"a": [nn.Linear(2, 3)], "b": SimpleNamespace(inner=SimpleNamespace(net=nn.PReLU()))}
    system = Fake(filtered(nn.Identity()), parts=parts)
    vars(system)["itself"] = system
    assert cost_of(system).params == 6 + 3 + 1


def test_a_system_may_name_its_networks() -> None:
    hidden = nn.Linear(2, 3)
    system = Fake(filtered(nn.Identity()), net=nn.PReLU(), networks=lambda: [hidden])
    assert cost_of(system).params == 9


def test_an_attribute_called_networks_is_an_attribute() -> None:
    system = Fake(filtered(nn.Identity()), networks=nn.ModuleList([nn.PReLU()]))
    assert cost_of(system).params == 1


def test_lazy_networks_are_counted_after_they_ran() -> None:
    net = nn.LazyConv1d(2, 3, padding=1)
    assert cost_of(Fake(filtered(net), net=net)).params == 2 * 3 + 2
    unused = Fake(filtered(nn.Identity()), net=nn.LazyLinear(2))
    cost = cost_of(unused)
    assert cost.params is None
    assert any("shape is not known" in note for note in cost.notes)


def test_networks_are_found_that_are_built_with_the_first_query() -> None:
    def function(batch: QueryBatch) -> Tensor:
        net = vars(system).setdefault("net", nn.Conv1d(1, 1, 1))
        return net(batch.mixture)[:, 0]

    system = Fake(function)
    assert cost_of(system).params == 2


def test_a_broken_list_of_networks_is_one_note() -> None:
    def networks() -> list[nn.Module]:
        raise OSError("gone")

    cost = cost_of(Fake(filtered(nn.PReLU()), networks=networks))
    assert cost.params is None
    assert cost.notes.count("could not be measured: OSError: gone") == 1


def test_hidden_networks_are_unknown_and_not_free() -> None:
    cost = cost_of(Fake(lambda batch: batch.mixture[:, 0] * 2))
    assert (cost.params, cost.macs_per_s, cost.peak_memory_mb) == (None, None, None)
    assert cost.rtf is not None
    assert any("networks()" in note for note in cost.notes)
    assert any("no MACs were seen" in note for note in cost.notes)


# Whole systems

NET = SoundBeamConfig(num_filters=12, filter_length=16, bottleneck=8, hidden=10, blocks=2, stacks=3, embedding_dim=6)
CLASSES = ("bell", "dog_bark", "rain")


def soundbeam_macs_per_frame() -> int:
    """N filters of L taps, B, H, P: encoder, bottleneck, R·X blocks, output, decoder."""
    block = 8 * 10 + 10 * 3 + 10 * 8
    return 12 * 16 + 12 * 8 + 3 * 2 * block + 8 * 12 + 12 * 16


def soundbeam_params() -> int:
    # Each block: two PReLUs, two norms, three convolutions with biases.
    block = (8 * 10 + 10) + (10 * 3 + 10) + (10 * 8 + 8) + 2 * 1 + 2 * 20
    outer = 12 * 16 + 2 * 12 + (12 * 8 + 8) + 1 + (8 * 12 + 12) + 12 * 16
    conditioning = 6 * 8 + 8
    return outer + 6 * block + conditioning + 3 * 6


def test_soundbeam_by_hand(tmp_path) -> None:
    facts = {
        "architecture": "soundbeam",
        "net": NET.model_dump(),
        "classes": CLASSES,
        "sample_rate_hz": 8000,
        "sha256": "",
        "training_data": ("mini/train",),
    }
    net = SoundBeamNet(NET, classes=CLASSES)
    card = CheckpointCard.model_validate(facts)
    save_checkpoint(tmp_path / "net", state=net.state_dict(), card=card)
    system = load_system("soundbeam", checkpoint=str(tmp_path / "net"))
    cost = measure_cost(system, sample_rate_hz=44100, device="cpu", repeats=3)
    frames_per_s = 8000 / 8
    assert cost.params == soundbeam_params()
    assert cost.macs_per_s == pytest.approx(frames_per_s * soundbeam_macs_per_frame(), rel=1e-12)
    # T samples at a hop of L/2 are T/hop + 1 frames; the clue is W o and a linear map.
    assert cost.macs_per_query == pytest.approx(soundbeam_macs_per_frame() + 3 * 6 + 6 * 8)
    assert cost.rtf is not None
    assert 0 < cost.rtf < 10
    assert cost.notes == (f"timed 3× with 4.8 s on {threads()}",)
    assert cost.peak_memory_mb is not None
    # At least the encoded mixture [12, K] and one block's hidden channels [10, K].
    assert cost.peak_memory_mb * 1e6 > soundbeam_params() * 4 + 22 * LONG / 8 * 4


def threads() -> str:
    count = torch.get_num_threads()
    return f"{count} CPU thread" + ("s" if count > 1 else "")


def test_the_clue_is_apart_from_the_mixture() -> None:
    encoder, net = nn.Conv1d(1, 6, 8, stride=8), nn.Conv1d(1, 1, 5, padding=2)

    def function(batch: QueryBatch) -> Tensor:
        encoder(batch.clues[0].enrollments[0][None, None])
        return net(batch.mixture)[:, 0]

    card = SystemCard(
        name="fake", family="discriminative", description="", clues=frozenset({"enrollment"}), sample_rate_hz=16000
    )
    cost = cost_of(Fake(function, card=card, nets=[encoder, net]))
    assert cost.macs_per_s == pytest.approx(5 * 16000)
    assert cost.macs_per_query == pytest.approx(4 * 16000 // 8 * 6 * 8)


def test_global_attention_is_not_linear_in_the_duration() -> None:
    project = nn.Linear(64, 64)

    def function(batch: QueryBatch) -> Tensor:
        frames = project(batch.mixture.reshape(1, 1, -1, 64))
        return F.scaled_dot_product_attention(frames, frames, frames).flatten(1)

    cost = cost_of(Fake(function, net=project))
    first, last = (frames * 64 * 64 + 2 * frames**2 * 64 for frames in (SHORT // 64, LONG // 64))
    assert cost.macs_per_s == pytest.approx((last - first) / (4.8 - 0.96))
    assert cost.macs_per_query is None
    assert any("not linear" in note for note in cost.notes)


def test_baselines_and_oracles_cost_nothing_but_memory_and_time() -> None:
    for name in ("mixture", "oracle_irm"):
        cost = cost_of(load_system(name))
        assert (cost.params, cost.macs_per_s, cost.macs_per_query) == (0, 0, 0)
        assert cost.rtf is not None
        assert cost.peak_memory_mb is not None
        assert len(cost.notes) == 1


class Privileged:
    """Writes down what it is given."""

    def __init__(self) -> None:
        self.card = SystemCard(name="p", family="oracle", description="", privileged=True)
        self.given: list[tuple[QueryBatch, Sequence[Truth]]] = []

    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        self.given.append((batch, truths))
        return Extraction(estimate=batch.mixture[:, 0])


def test_privileged_systems_get_the_truth_at_its_length() -> None:
    system = Privileged()
    assert cost_of(system).params == 0
    lengths = set()
    for batch, (truth,) in system.given:
        assert truth.target is not None
        assert truth.target.shape == batch.mixture.shape[1:]
        mixed = truth.target[0] + truth.interferers.sum(dim=0)
        assert torch.allclose(mixed, batch.mixture[0, 0], atol=1e-6)
        lengths.add(batch.mixture.shape[-1])
    assert lengths == {SHORT, 2 * SHORT, LONG}


def test_an_external_system_is_not_run() -> None:
    card = SystemCard(name="program", family="external", description="")
    system = Fake(lambda batch: batch.mixture[:, 0], card=card)
    cost = cost_of(system)
    assert system.batches == []
    known = (cost.params, cost.macs_per_s, cost.macs_per_query, cost.rtf, cost.peak_memory_mb)
    assert known == (None,) * 5
    assert cost.notes == ("an external system is not run to be measured",)


def test_what_raises_is_one_note() -> None:
    net = nn.Linear(2, 3)

    def function(batch: QueryBatch) -> Tensor:
        raise RuntimeError(f"no\nroom for {len(batch.ids)}")

    cost = cost_of(Fake(function, net=net))
    assert cost.params == 9
    assert (cost.macs_per_s, cost.rtf, cost.peak_memory_mb) == (None, None, None)
    assert cost.notes == ("could not be measured: RuntimeError: no room for 1",)


def test_what_raises_only_while_it_is_counted_still_has_its_time() -> None:
    net = nn.Conv1d(1, 1, 1)

    def function(batch: QueryBatch) -> Tensor:
        if batch.mixture.shape[-1] == SHORT:
            raise ValueError("too short")
        return net(batch.mixture)[:, 0]

    cost = cost_of(Fake(function, net=net))
    assert cost.rtf is not None
    assert cost.macs_per_s is None
    assert "could not be measured: ValueError: too short" in cost.notes


def test_a_refused_query_is_a_note() -> None:
    def function(batch: QueryBatch) -> Extraction:
        failures = dict.fromkeys(batch.ids, "no such class")
        return Extraction(estimate=batch.mixture[:, 0], failures=failures)

    cost = cost_of(Fake(function, net=nn.PReLU()))
    assert cost.rtf is None
    assert cost.notes == ("could not be measured: no such class",)


def test_an_interrupt_is_not_swallowed() -> None:
    def function(batch: QueryBatch) -> Tensor:
        signal.raise_signal(signal.SIGINT)
        return batch.mixture[:, 0]

    with pytest.raises(KeyboardInterrupt):
        cost_of(Fake(function, net=nn.PReLU()))


def test_real_time_factor_of_a_sleeper() -> None:
    def function(batch: QueryBatch) -> Tensor:
        time.sleep(0.048)
        return batch.mixture[:, 0]

    cost = measure_cost(Fake(function), sample_rate_hz=RATE_HZ, device="cpu")
    assert cost.rtf is not None
    assert cost.rtf_low is not None
    assert cost.rtf_high is not None
    assert 0.01 <= cost.rtf_low <= cost.rtf <= cost.rtf_high
    assert cost.rtf_low < cost.rtf_high
    assert cost.rtf < 0.1


def test_slow_systems_are_timed_less_often(monkeypatch) -> None:
    monkeypatch.setattr(cost_passes, "_TIMED_S", 0.02)
    system = Fake(lambda batch: time.sleep(0.03) or batch.mixture[:, 0])
    cost = measure_cost(system, sample_rate_hz=RATE_HZ, device="cpu", repeats=50)
    # One to warm up, three timed, one at each of three lengths counted.
    assert len(system.batches) == 7
    assert cost.notes[0].startswith("timed 3× with 4.8 s")


def test_a_system_that_takes_minutes_is_timed_once(monkeypatch) -> None:
    monkeypatch.setattr(cost_passes, "_MOST_S", 0.02)
    system = Fake(lambda batch: time.sleep(0.03) or batch.mixture[:, 0])
    cost = measure_cost(system, sample_rate_hz=RATE_HZ, device="cpu", repeats=50)
    assert cost.notes[0].startswith("timed 1× with 4.8 s")
    assert cost.rtf_low == cost.rtf == cost.rtf_high


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 32000, 44100, 48000])
def test_durations_at_every_rate(rate_hz: int) -> None:
    system = Fake(lambda batch: batch.mixture[:, 0])
    measure_cost(system, sample_rate_hz=rate_hz, device="cpu", repeats=1)
    durations_s = sorted({batch.mixture.shape[-1] / rate_hz for batch in system.batches})
    assert durations_s[0] == pytest.approx(1, rel=0.1)
    assert durations_s[-1] == pytest.approx(5, rel=0.1)


def make_example(*, length: int, sample_rate_hz: int) -> Item:
    generator = torch.Generator().manual_seed(7)
    mixture = torch.randn(2, length, generator=generator)
    clues = Clues(
        enrollments=(torch.randn(sample_rate_hz, generator=generator),),
        classes=("bell",),
        video=torch.rand(10, 4, 4, generator=generator),
        video_fps=25.0,
    )
    return Item(
        index=3,
        query=Query(id="t3", mixture=mixture, sample_rate_hz=sample_rate_hz, clues=clues),
        truth=Truth(target=None, interferers=mixture.clone(), active_classes=("bell",), transcript=None),
    )


def test_an_example_gives_its_signals_and_clue() -> None:
    example = make_example(length=5000, sample_rate_hz=16000)
    before = example.query.clues.enrollments[0].clone()
    card = SystemCard(name="fake", family="discriminative", description="", sample_rate_hz=RATE_HZ)

    def function(batch: QueryBatch) -> Tensor:
        batch.clues[0].enrollments[0].zero_()
        return batch.mixture[:, 0]

    system = Fake(function, card=card)
    cost_of(system, example=example)
    assert example.query.clues.enrollments[0].equal(before)
    for batch in system.batches:
        length, clues = batch.mixture.shape[-1], batch.clues[0]
        assert batch.mixture.shape[:2] == (1, 1)
        assert clues.enrollments[0].shape == (8000,)
        assert clues.classes == ("bell",)
        assert clues.video is not None
        assert clues.video.shape == (round(length / 8000 * 25), 4, 4)
        assert torch.equal(batch.mixture[..., 2500:5000], batch.mixture[..., :2500])


def test_an_empty_example_is_a_note() -> None:
    example = make_example(length=100, sample_rate_hz=RATE_HZ)
    empty = replace(example, query=replace(example.query, mixture=torch.zeros(1, 0)))
    cost = cost_of(Fake(filtered(nn.PReLU()), net=nn.PReLU()), example=empty)
    assert cost.params == 1
    assert cost.notes == ("could not be measured: ZeroDivisionError: integer division or modulo by zero",)


def test_a_system_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Dropout(), nn.Conv1d(1, 1, 1), nn.Dropout())
    net[0].eval()

    def function(batch: QueryBatch) -> Tensor:
        net.eval()
        noise = torch.randn(batch.mixture.shape)
        return net(batch.mixture + noise)[:, 0]

    state = torch.get_rng_state()
    cost = cost_of(Fake(function, net=net))
    assert cost.macs_per_s == pytest.approx(RATE_HZ)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in net.modules()] == [True, False, True, True]
    for module in net.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks
    assert not torch.is_inference_mode_enabled()


def test_two_measurements_agree_and_survive_json() -> None:
    net = nn.GRU(1, 4, batch_first=True)

    def function(batch: QueryBatch) -> Tensor:
        frames = batch.mixture.reshape(1, -1, 1)[:, ::16]
        return net(frames)[0][..., 0].repeat_interleave(16, dim=-1)

    first, second = (cost_of(Fake(function, net=net)) for _ in range(2))
    assert first.macs_per_s == pytest.approx(RATE_HZ / 16 * 12 * (1 + 4))
    untimed = dict.fromkeys(("rtf", "rtf_low", "rtf_high"), 0.0)
    assert first.model_copy(update=untimed) == second.model_copy(update=untimed)
    adapter = TypeAdapter(CostFacts)
    assert adapter.validate_json(adapter.dump_json(first)) == first


@needs_cuda
def test_cost_on_cuda() -> None:
    torch.manual_seed(0)
    net = nn.LSTM(64, 32, 2, bidirectional=True, batch_first=True).cuda()

    def function(batch: QueryBatch) -> Tensor:
        hidden, _ = net(batch.mixture.reshape(1, -1, 64))
        return hidden.flatten(1)

    cost = measure_cost(Fake(function, net=net), sample_rate_hz=RATE_HZ, device="cuda")
    per_frame = 2 * (128 * (64 + 32) + 128 * (64 + 32))
    assert cost.macs_per_s == pytest.approx(RATE_HZ / 64 * per_frame)
    assert cost.rtf is not None
    assert cost.peak_memory_mb is not None
    weights = sum(p.nbytes for p in net.parameters())
    assert cost.peak_memory_mb * 1e6 >= weights + LONG * 4
    assert "CPU" not in cost.notes[0]
