"""Batches of similar length, and queries at the rate of the system."""

from __future__ import annotations

import random

import pytest
import torch
from helpers.asked import noise_item
from hypothesis import given, settings
from hypothesis import strategies as st

from tsebench.bench.inference.batching import at_rate, bucket, resampled


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 6), max_size=25),
    batch_size=st.integers(1, 8),
    equal_lengths=st.booleans(),
    seed=st.integers(0, 100),
)
def test_every_item_is_in_one_batch(lengths: list[int], batch_size: int, equal_lengths: bool, seed: int) -> None:
    items = [noise_item(index, length) for index, length in enumerate(lengths)]
    batches = bucket(items, fit=lambda batch: len(batch) <= batch_size, equal_lengths=equal_lengths)
    assert sorted(item.index for batch in batches for item in batch) == list(range(len(items)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)
    flat = [item.length for batch in batches for item in batch]
    assert flat == sorted(lengths)
    if equal_lengths:
        assert all(len({item.length for item in batch}) == 1 for batch in batches)
        fewest = sum(-(-lengths.count(length) // batch_size) for length in set(lengths))
    else:
        fewest = -(-len(lengths) // batch_size)
    assert len(batches) == fewest
    random.Random(seed).shuffle(items)
    again = bucket(items, fit=lambda batch: len(batch) <= batch_size, equal_lengths=equal_lengths)
    assert [[i.index for i in b] for b in again] == [[i.index for i in b] for b in batches]


@pytest.mark.parametrize("rate_hz", [None, 8000])
def test_an_item_at_its_own_rate_is_left_alone(rate_hz: int | None) -> None:
    item = noise_item(0, 100)
    assert at_rate(item, rate_hz) is item


@pytest.mark.parametrize("rate_hz", [16000, 11025, 4000])
@pytest.mark.parametrize("present", [True, False])
def test_all_signals_of_an_item_change_their_rate(rate_hz: int, present: bool) -> None:
    item = noise_item(3, 1001, present=present)
    moved = at_rate(item, rate_hz)
    length = -(-1001 * rate_hz // 8000)
    assert moved.length == length
    assert (moved.index, moved.query.id) == (3, "t3")
    assert moved.query.sample_rate_hz == rate_hz
    assert moved.query.mixture.shape == (1, length)
    assert moved.query.clues.enrollments[0].shape == (-(-500 * rate_hz // 8000),)
    assert (moved.query.clues.classes, moved.query.clues.text) == (("a",), "hello")
    assert moved.truth.interferers.shape == (2, length)
    if present:
        assert moved.truth.target is not None
        assert moved.truth.target.shape == (1, length)
        # Resampling is linear: the parts still add up.
        total = moved.truth.target + moved.truth.interferers.sum(dim=0, keepdim=True)
        torch.testing.assert_close(total, moved.query.mixture, atol=1e-5, rtol=0)
    else:
        assert moved.truth.target is None
    assert item.length == 1001


def test_resampling_keeps_a_tone() -> None:
    """A tone below both Nyquist rates is the same tone afterwards, away from the ends."""

    def tone_at(rate_hz: int) -> torch.Tensor:
        time = torch.arange(rate_hz, dtype=torch.float64) / rate_hz
        return torch.sin(2 * torch.pi * 440 * time).float()

    tone, expected = tone_at(16000), tone_at(8000)
    found = resampled(tone[None], 16000, 8000)
    assert found.shape == (1, 8000)
    torch.testing.assert_close(found[0, 500:-500], expected[500:-500], atol=1e-5, rtol=0)
