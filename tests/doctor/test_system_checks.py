"""Checks of a system notice each kind of breach, and pass a sound system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
import torch
from helpers.contract import LENGTHS_S, RATE_HZ
from torch import Tensor
from torch.nn import functional as F

from tsebench.doctor.system_checks import CheckResult, check_system
from tsebench.systems.protocol import AnySystem, Extraction, QueryBatch, SystemCard


@dataclass
class Broken:
    """The mixture as a system, with one thing wrong."""

    answer: Callable[[QueryBatch], Tensor | Sequence[Tensor]]
    card: SystemCard = field(default_factory=lambda: SystemCard(name="b", family="external", description="broken"))
    failures: Mapping[str, str] = field(default_factory=dict)

    def extract(self, batch: QueryBatch) -> Extraction:
        return Extraction(estimate=self.answer(batch), failures=self.failures)


def test_checks_ask_in_full_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """TF32 would make answers depend on the batch; a run does not use it either."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    seen: set[bool] = set()

    def look(batch: QueryBatch) -> Tensor:
        seen.add(torch.backends.cudnn.allow_tf32)
        return batch.mixture[:, 0]

    check_system(Broken(look), sample_rate_hz=RATE_HZ, lengths_s=LENGTHS_S)
    assert seen == {False}
    assert torch.backends.cudnn.allow_tf32 is True


def failed(system: AnySystem, **options: object) -> dict[str, str]:
    results: list[CheckResult] = check_system(system, sample_rate_hz=RATE_HZ, lengths_s=(0.3,), **options)
    return {result.name: result.detail for result in results if not result.passed}


def with_card(answer: Callable[[QueryBatch], Tensor], **fields: object) -> Broken:
    card = SystemCard(name="b", family="external", description="broken", **fields)
    return Broken(answer, card=card)


def channel(batch: QueryBatch) -> Tensor:
    return batch.mixture[:, 0].clone()


def normalised(batch: QueryBatch) -> Tensor:
    """The padding enters the mean of the squares."""
    x = channel(batch)
    return x / (x.square().mean(dim=-1, keepdim=True).sqrt() + 1e-3)


def test_sound_system_fails_no_check() -> None:
    assert failed(Broken(channel)) == {}


def test_padding_is_noticed_and_compared_with_the_card() -> None:
    found = failed(Broken(normalised))
    assert list(found) == ["batch_invariance"]
    assert "card.padding_neutral = True does not agree" in found["batch_invariance"]
    assert failed(with_card(normalised, padding_neutral=False)) == {}


def test_neighbours_that_matter_are_noticed() -> None:
    def mixed_up(batch: QueryBatch) -> Tensor:
        return channel(batch) + 0.1 * channel(batch).mean(dim=0)

    assert set(failed(with_card(mixed_up, padding_neutral=False))) == {"equal_length_batch"}


def test_difference_is_in_decibels_of_the_output() -> None:
    # Alone the answer is x, in a batch 1.01 x: −40 dB.
    def shifted(batch: QueryBatch) -> Tensor:
        return channel(batch) * (1.01 if len(batch.ids) > 1 else 1.0)

    found = failed(Broken(shifted))
    assert found["equal_length_batch"] == "largest difference -40.0 dB of the output"


def test_breaches_are_reported() -> None:
    def crash(batch: QueryBatch) -> Tensor:
        raise ValueError("boom\nsecond line")

    def in_place(batch: QueryBatch) -> Tensor:
        return batch.mixture[:, 0].mul_(0.5)

    cases: list[tuple[Callable[[QueryBatch], Tensor], str]] = [
        (crash, "0.3 s: raised ValueError: boom second line"),
        (in_place, "0.3 s: changed the mixture of its batch in place"),
        (lambda b: channel(b)[:, 1:], "0.3 s: estimate has shape (1, 2399) instead of (1, 2400)"),
        (lambda b: channel(b) / 0.0, "0.3 s: estimate holds NaN or inf"),
        (lambda b: channel(b).int(),
         "0.3 s: estimate of a query is torch.int32 (2400,) instead of float (2400,)"),
    ]  # fmt: skip
    for answer, detail in cases:
        assert failed(Broken(answer))["lengths"] == detail
    stray = failed(Broken(channel, failures={"other": "no"}))
    assert stray["lengths"] == (
        "0.3 s: failures names 1 unknown ids, first 'other' of type str; its keys are ids of the batch's queries"
    )


def test_an_exception_class_of_the_systems_own_is_a_problem() -> None:
    class OwnError(Exception):
        """Derived from none of Python's usual errors."""

    def crash(batch: QueryBatch) -> Tensor:
        raise OwnError("broken weights")

    found = failed(Broken(crash))
    assert found["lengths"] == "0.3 s: raised OwnError: broken weights"
    assert "missing_clue" not in found  # the card names no clues


def cut(batch: QueryBatch, excess: int) -> list[Tensor]:
    """The mixtures at their own lengths, changed by `excess` samples at the end."""
    rows = zip(channel(batch), batch.lengths.tolist(), strict=True)
    return [F.pad(row[:length], (0, excess)) for row, length in rows]


@pytest.mark.parametrize("excess", [-79, 0, 79])
def test_one_tensor_for_each_query_may_be_off_by_less_than_ten_ms(excess: int) -> None:
    assert failed(Broken(lambda batch: cut(batch, excess))) == {}


def test_breaches_of_one_tensor_for_each_query_are_reported() -> None:
    cases: list[tuple[Callable[[QueryBatch], Sequence[Tensor]], str]] = [
        (lambda b: cut(b, -80), "0.3 s: estimate has 2320 samples and its query 2400"),
        (lambda b: cut(b, 80), "0.3 s: estimate has 2480 samples and its query 2400"),
        (lambda b: [row / 0.0 for row in cut(b, 0)], "0.3 s: estimate holds NaN or inf"),
        (lambda b: [], "0.3 s: estimate has 0 tensors for 1 queries"),
        (lambda b: [row.expand(2, -1) for row in cut(b, 0)],
         "0.3 s: estimate of a query is torch.float32 (2, 2400) instead of float (2400,)"),
        (lambda b: [row.numpy() for row in cut(b, 0)],
         "0.3 s: estimate is a ndarray instead of a tensor"),
    ]  # fmt: skip
    for answer, detail in cases:
        assert failed(Broken(answer))["lengths"] == detail


def test_silent_and_quiet_input_is_tried() -> None:
    def peak_normalised(batch: QueryBatch) -> Tensor:
        x = channel(batch)
        return x / x.abs().amax(dim=-1, keepdim=True)

    assert failed(Broken(peak_normalised)) == {"silence": "estimate holds NaN or inf"}


def test_chance_is_noticed() -> None:
    generator = torch.Generator().manual_seed(0)

    def random(batch: QueryBatch) -> Tensor:
        return torch.rand(channel(batch).shape, generator=generator)

    assert "determinism" in failed(Broken(random))


def test_unknown_class_must_be_refused() -> None:
    card = {"clues": frozenset({"classes"}), "classes": ("cat", "dog")}
    assert list(failed(with_card(channel, **card))) == ["unknown_class"]

    def look_up(batch: QueryBatch) -> Tensor:
        for clue in batch.clues:
            _ = {"cat": 0, "dog": 1}[clue.classes[0]]
        return channel(batch)

    found = failed(with_card(look_up, **card))
    assert found["unknown_class"] == "raised KeyError: 'no_such_sound_class'"
    assert found["missing_clue"].startswith("raised IndexError")


def seeded(batch: QueryBatch) -> Tensor:
    """Noise of each query from its own seed and in its own length."""
    found = torch.zeros_like(batch.mixture[:, 0])
    for row, (seed, length) in enumerate(zip(batch.seeds, batch.lengths.tolist(), strict=True)):
        found[row, :length] = torch.randn(length, generator=torch.Generator().manual_seed(seed))
    return found


def test_the_card_says_whether_seeds_matter() -> None:
    assert failed(with_card(seeded, stochastic=True)) == {}
    found = failed(with_card(seeded))
    assert list(found) == ["seeds"]
    assert found["seeds"].endswith("dB of the output apart; card.stochastic = False does not agree")
    found = failed(with_card(channel, stochastic=True))
    assert found == {"seeds": "answers to two seeds are identical; card.stochastic = True does not agree"}


def test_noise_of_the_whole_batch_is_noticed() -> None:
    """One generator for all queries: an answer depends on its neighbours and on the padding."""

    def together(batch: QueryBatch) -> Tensor:
        generator = torch.Generator().manual_seed(batch.seeds[0])
        return torch.randn(batch.mixture[:, 0].shape, generator=generator)

    assert {"batch_invariance", "equal_length_batch"} <= failed(with_card(together, stochastic=True)).keys()
