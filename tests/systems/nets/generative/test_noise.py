"""Noise of a query depends on its seed and its length alone."""

from __future__ import annotations

import pytest
import torch

from tsebench.systems.nets.generative.noise import QueryNoise, member_seeds


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_noise_is_the_same_in_any_batch(dtype: torch.dtype) -> None:
    """Alone, and in a batch with longer ones in another order; also the second draw."""
    alone = QueryNoise([7], [5])
    batch = QueryNoise([3, 7], [9, 5])
    for _ in range(2):
        one = alone.draw(torch.zeros(1, 4, 5, dtype=dtype))
        two = batch.draw(torch.zeros(2, 4, 12, dtype=dtype))
        assert torch.equal(two[1, :, :5], one[0])
        assert not two[1, :, 5:].any()
        assert not two[0, :, 9:].any()
        assert two[0, :, 8].abs().min() > 0


def test_noise_has_variance_one_and_seeds_differ() -> None:
    noise = QueryNoise([2**63 + 5, 1], [50_000, 50_000]).draw(torch.zeros(2, 50_000, dtype=torch.complex128))
    assert noise.abs().square().mean(dim=1).tolist() == pytest.approx([1.0, 1.0], abs=0.02)
    assert float((noise[0] * noise[1].conj()).mean().abs()) < 0.02
    assert float(noise.real.square().mean()) == pytest.approx(0.5, abs=0.01)


def test_noise_draws_are_fresh_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.get_rng_state()
    noise, like = QueryNoise([1], [4]), torch.zeros(1, 4)
    assert not torch.equal(noise.draw(like), noise.draw(like))
    assert torch.equal(torch.get_rng_state(), expected)


def test_members_have_seeds_of_their_own() -> None:
    assert member_seeds(5, 1) == (5,)
    assert member_seeds(5, 4)[:2] == member_seeds(5, 2)
    assert len({*member_seeds(5, 4), *member_seeds(6, 4)}) == 8


def test_a_seed_for_each_length() -> None:
    with pytest.raises(ValueError, match="2 seeds for 1 lengths"):
        QueryNoise([1, 2], [3])
