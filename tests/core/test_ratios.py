"""Energy ratios against closed forms, a second implementation, and at their edges."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import log10

import fast_bss_eval
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tsebench.core import ratios

CEILING_DB = {torch.float64: 156.536, torch.float32: 69.237}
SCALES = (1e-30, 1e-12, 1.0, 1e12, 1e30)


def with_reference(ratio: Callable[..., Tensor], **options: object) -> Callable[..., Tensor]:
    return lambda estimate, other: ratio(estimate=estimate, reference=other, **options)


def with_mixture(ratio: Callable[..., Tensor], **options: object) -> Callable[..., Tensor]:
    return lambda estimate, other: ratio(estimate=estimate, mixture=other, **options)


ALL = {
    "snr": with_reference(ratios.snr_db),
    "si_sdr": with_reference(ratios.si_sdr_db),
    "si_sdr_raw": with_reference(ratios.si_sdr_db, zero_mean=False),
    "sd_sdr": with_reference(ratios.sd_sdr_db),
    "thresholded_snr": with_reference(ratios.thresholded_snr_db),
    "residual": with_mixture(ratios.thresholded_residual_db),
    "attenuation": with_mixture(ratios.attenuation_db),
}
every_ratio = pytest.mark.parametrize("ratio", ALL.values(), ids=ALL.keys())
both_dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def orthogonal_pair(*shape: int, energies: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Two zero-mean signals with ⟨s, n⟩ = 0 and known energies."""
    time = torch.arange(shape[-1], dtype=torch.float64) * (2 * torch.pi / shape[-1])
    unit = (2 / shape[-1]) ** 0.5
    signal, disturbance = unit * torch.sin(3 * time), unit * torch.cos(7 * time)
    pair = (energies[0] ** 0.5 * signal, energies[1] ** 0.5 * disturbance)
    return pair[0].expand(shape), pair[1].expand(shape)


@pytest.mark.parametrize("shape", [(64,), (3, 64), (2, 3, 64)], ids=str)
def test_closed_forms_for_half_the_target_plus_orthogonal_noise(shape: tuple[int, ...]) -> None:
    target, disturbance = orthogonal_pair(*shape, energies=(4.0, 0.25))
    estimate = 0.5 * target + disturbance
    # ‖s‖² = 4, α = 1/2, ‖αs‖² = 1, ‖αs − ŝ‖² = 1/4, ‖s − ŝ‖² = 1 + 1/4, ‖ŝ‖² = 1 + 1/4.
    expected = {
        "snr": 10 * log10(4 / 1.25),
        "si_sdr": 10 * log10(1 / 0.25),
        "si_sdr_raw": 10 * log10(1 / 0.25),
        "sd_sdr": 10 * log10(1 / 1.25),
        "thresholded_snr": 10 * log10(4 / (1.25 + 4e-3)),
        "residual": 10 * log10((1.25 + 4e-2) / 4),
        "attenuation": -10 * log10(4 / 1.25),
    }
    for name, ratio in ALL.items():
        value = ratio(estimate, target)
        assert value.shape == shape[:-1]
        torch.testing.assert_close(value, torch.full(shape[:-1], expected[name]).double())


def test_swapped_roles_have_another_value() -> None:
    target, disturbance = orthogonal_pair(64, energies=(4.0, 0.25))
    estimate = 0.5 * target + disturbance + 0.1
    for name, ratio in ALL.items():
        if not name.startswith("si_sdr"):  # a function of the cosine alone, which is symmetric
            assert abs(float(ratio(estimate, target) - ratio(target, estimate))) > 0.5, name


def test_the_mean_counts_only_if_it_is_not_removed() -> None:
    target, disturbance = orthogonal_pair(64, energies=(4.0, 0.25))
    shifted = 0.5 * target + disturbance + 0.125  # ‖0.125‖² over 64 samples = 1
    assert float(ALL["si_sdr"](shifted, target)) == pytest.approx(10 * log10(4))
    assert float(ALL["si_sdr_raw"](shifted, target)) == pytest.approx(10 * log10(1 / 1.25))


@pytest.mark.parametrize("max_db", [20.0, 30.0])
def test_thresholds_are_the_values_at_perfection(max_db: float) -> None:
    target = noise(2, 100)
    best = ratios.thresholded_snr_db(estimate=target, reference=target, max_db=max_db)
    least = ratios.thresholded_residual_db(estimate=0 * target, mixture=target, max_db=max_db)
    torch.testing.assert_close(best, torch.full((2,), max_db).double())
    torch.testing.assert_close(least, torch.full((2,), -max_db).double())


def test_residual_has_the_gradients_of_the_published_loss() -> None:
    mixture, estimate = noise(100, seed=1), (0.3 * noise(100, seed=2)).requires_grad_()
    published = 10 * torch.log10(estimate.square().sum() + 0.01 * mixture.square().sum())
    ours = ratios.thresholded_residual_db(estimate=estimate, mixture=mixture, max_db=20.0)
    torch.testing.assert_close(torch.autograd.grad(ours, estimate), torch.autograd.grad(published, estimate))


@pytest.mark.parametrize("zero_mean", [False, True])
@pytest.mark.parametrize("level", [0.01, 0.3, 10.0])
def test_si_sdr_agrees_with_fast_bss_eval(zero_mean: bool, level: float) -> None:
    target = noise(4, 8000, seed=1) + 0.2
    estimate = 0.7 * target + level * noise(4, 8000, seed=2)
    ours = ratios.si_sdr_db(estimate=estimate, reference=target, zero_mean=zero_mean)
    theirs = [fast_bss_eval.si_sdr(target[i : i + 1], estimate[i : i + 1], zero_mean=zero_mean) for i in range(4)]
    torch.testing.assert_close(ours, torch.cat(theirs).double(), atol=1e-5, rtol=0)


@every_ratio
@both_dtypes
def test_level_of_the_recording_does_not_matter(ratio: Callable[..., Tensor], dtype: torch.dtype) -> None:
    target = noise(2, 500, seed=1, dtype=dtype)
    estimate = 0.8 * target + 0.1 * noise(2, 500, seed=2, dtype=dtype)
    tolerance = 2e-5 if dtype == torch.float32 else 1e-11
    for scale in SCALES:
        torch.testing.assert_close(
            ratio(scale * estimate, scale * target), ratio(estimate, target), atol=tolerance, rtol=0
        )


@every_ratio
@pytest.mark.parametrize("scale", [1e-280, 1e-170, 1e-101, 1e99, 1e170, 1e280])
def test_squares_that_float64_cannot_hold_cost_no_digits(ratio: Callable[..., Tensor], scale: float) -> None:
    target = noise(2, 500, seed=1)
    estimate = 0.8 * target + 0.1 * noise(2, 500, seed=2)
    scales = torch.tensor([[scale], [1.0]], dtype=torch.float64)  # the neighbour keeps its value
    torch.testing.assert_close(ratio(scales * estimate, scales * target), ratio(estimate, target), atol=1e-11, rtol=0)


@pytest.mark.parametrize("scale", SCALES)
def test_si_sdr_does_not_depend_on_the_level_of_the_estimate(scale: float) -> None:
    target = noise(500, seed=1, dtype=torch.float32)
    estimate = target + 0.1 * noise(500, seed=2, dtype=torch.float32)
    value = ratios.si_sdr_db(estimate=scale * estimate, reference=target)
    expected = ratios.si_sdr_db(estimate=estimate, reference=target)
    torch.testing.assert_close(value, expected, atol=2e-5, rtol=0)


@both_dtypes
def test_values_at_silence_and_perfection(dtype: torch.dtype) -> None:
    signal, silence = noise(300, dtype=dtype), torch.zeros(300, dtype=dtype)
    top = CEILING_DB[dtype]
    #        estimate, other: (signal, signal), (silence, signal), (signal, silence), both silent
    expected = {
        "snr": (top, 0.0, -top, -top),
        "si_sdr": (top, -top, -top, -top),
        "si_sdr_raw": (top, -top, -top, -top),
        "sd_sdr": (top, -top, -top, -top),
        "thresholded_snr": (30.0, -0.00434, -top, -top),
        "residual": (0.0432, -20.0, top, -top),
        "attenuation": (0.0, -top, top, -top),
    }
    pairs = [(signal, signal), (silence, signal), (signal, silence), (silence, silence)]
    for name, ratio in ALL.items():
        values = [float(ratio(estimate, other)) for estimate, other in pairs]
        assert values == pytest.approx(expected[name], abs=1e-3), name


@every_ratio
@both_dtypes
def test_gradients_are_finite_at_silence_and_perfection(ratio: Callable[..., Tensor], dtype: torch.dtype) -> None:
    signal, silence = noise(300, dtype=dtype), torch.zeros(300, dtype=dtype)
    for estimate in (signal, -signal, 2 * signal, silence, silence + 1, 1e-38 * signal):
        for other in (signal, silence):
            leaf = estimate.clone().requires_grad_()
            ratio(leaf, other).backward()
            assert leaf.grad is not None
            assert leaf.grad.isfinite().all()


@every_ratio
def test_gradcheck(ratio: Callable[..., Tensor]) -> None:
    estimate, other = noise(2, 12, seed=3), noise(2, 12, seed=4)
    estimate = 0.5 * other + estimate
    assert torch.autograd.gradcheck(ratio, (estimate.requires_grad_(), other.requires_grad_()))


@pytest.mark.parametrize("ratio", [ratios.si_sdr_db, ratios.sd_sdr_db])
def test_padding_does_not_change_a_value(ratio: Callable[..., Tensor]) -> None:
    lengths = torch.tensor([[700, 1000], [1, 350]])
    inside = torch.arange(1000) < lengths[..., None]
    target = (noise(2, 2, 1000, seed=5) + 0.5) * inside
    estimate = (target + 0.3 * noise(2, 2, 1000, seed=6)) * inside
    padded = ratio(estimate=estimate, reference=target, lengths=lengths)
    for row in torch.cartesian_prod(torch.arange(2), torch.arange(2)):
        index = tuple(row.tolist())
        cut = slice(int(lengths[index]))
        alone = ratio(estimate=estimate[index][cut], reference=target[index][cut])
        torch.testing.assert_close(padded[index], alone, atol=1e-9, rtol=0)
    without = ratio(estimate=estimate, reference=target)
    assert abs(float((without - padded)[0, 0])) > 0.01


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(ALL)),
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=8, max_size=8),
)
def test_any_finite_float32_input_has_a_finite_value(name: str, samples: list[float]) -> None:
    signals = torch.tensor(samples, dtype=torch.float32).reshape(2, 4)
    value = ALL[name](signals[0], signals[1])
    assert value.isfinite()
    assert abs(float(value)) < CEILING_DB[torch.float32] + 0.01


def test_roles_are_keyword_only() -> None:
    for ratio in (ratios.snr_db, ratios.si_sdr_db, ratios.sd_sdr_db, ratios.attenuation_db):
        with pytest.raises(TypeError, match="positional"):
            partial(ratio, noise(4))(noise(4))
