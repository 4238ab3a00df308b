"""Paths and conversions against their closed forms."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from tsebench.core.errors import ConfigError
from tsebench.systems.nets.generative.parametrisation import (
    convert,
    data_and_noise,
    denoiser,
    from_data_and_noise,
    gaussian_posterior,
)
from tsebench.systems.nets.generative.paths import OptimalTransport, OrnsteinUhlenbeck, Path, SchroedingerBridge, expand
from tsebench.systems.nets.generative.variance_preserving import VariancePreserving, without_terminal_signal

PATHS: dict[str, Path] = {
    "ou": OrnsteinUhlenbeck(),
    "ot": OptimalTransport(),
    "ot_start": OptimalTransport(sigma=0.3, sigma_data=0.01),
    "bridge": SchroedingerBridge(),
    "vp": VariancePreserving(),
    "vp_snr": VariancePreserving(zero_terminal_snr=False, schedule="scaled_linear", beta_first=8.5e-4, beta_last=0.012),
}
KINDS = ("data", "noise", "velocity", "v", "score")
TIMES = torch.tensor([0.0502, 0.31, 0.5005, 0.9], dtype=torch.float64)


def signals(count: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(4, 2, 5, generator=generator, dtype=torch.complex128) for _ in range(count)]


@pytest.mark.parametrize("name", PATHS)
def test_rates_are_the_derivatives(name: str) -> None:
    path, h = PATHS[name], 1e-6
    low, high, at = (path.coefficients(TIMES + shift) for shift in (-h, h, 0.0))
    for key in ("data", "start", "noise"):
        slope = (getattr(high, key) - getattr(low, key)) / (2 * h)
        torch.testing.assert_close(getattr(at, f"{key}_rate"), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", PATHS)
def test_a_path_begins_at_the_data(name: str) -> None:
    at = PATHS[name].coefficients(torch.zeros(1))
    assert (float(at.data), float(at.start)) == (1.0, 0.0)
    assert float(at.noise) == (0.01 if name == "ot_start" else 0.0)


def test_ou_ve_is_that_of_sgmse() -> None:
    """Mean and standard deviation of the marginal, integrated from the moments of the stochastic equation."""
    path, t, steps = OrnsteinUhlenbeck(), 0.7, 2_000
    grid = torch.linspace(0.0, t, steps + 1, dtype=torch.float64)[:-1] + t / steps / 2
    mean_weight, variance, h = 1.0, 0.0, t / steps
    for squared in path.diffusion_squared(grid).tolist():
        mean_weight += -1.5 * mean_weight * h
        variance += (-3.0 * variance + squared) * h
    at = path.coefficients(torch.tensor([t]))
    assert float(at.data) == pytest.approx(mean_weight, rel=1e-3)
    assert float(at.noise) == pytest.approx(math.sqrt(variance), rel=1e-3)
    assert float(path.diffusion_squared(torch.zeros(1))) == pytest.approx(0.05**2 * 2 * math.log(10))


@pytest.mark.parametrize("name", ["ou", "bridge", "vp", "vp_snr"])
def test_the_diffusion_is_that_of_the_coefficients(name: str) -> None:
    """g² by its closed form and by f = a'/a, g² = 2 s s' − 2 f s²."""
    path = PATHS[name]
    torch.testing.assert_close(path.diffusion_squared(TIMES), Path.diffusion_squared(path, TIMES))


def test_the_diffusion_of_the_variance_preserving_path_is_its_beta() -> None:
    path = VariancePreserving(zero_terminal_snr=False)
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    middles = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    torch.testing.assert_close(path.diffusion_squared(middles), 1000 * betas, rtol=0.02, atol=0.0)


def test_zero_terminal_snr_is_exact() -> None:
    path = VariancePreserving()
    at = path.coefficients(torch.ones(1))
    assert (float(at.data), float(at.noise)) == (0.0, 1.0)
    plain = VariancePreserving(zero_terminal_snr=False)
    assert float(plain.coefficients(torch.ones(1)).data) == pytest.approx(0.00635, abs=1e-4)
    first = torch.tensor([1e-3])
    assert float(path.coefficients(first).data) == pytest.approx(float(plain.coefficients(first).data), rel=1e-12)
    table = without_terminal_signal(torch.tensor([0.9, 0.5, 0.1], dtype=torch.float64))
    torch.testing.assert_close(table, torch.tensor([0.9, 0.45, 0.0], dtype=torch.float64))


def test_times_of_the_table_give_its_entries() -> None:
    """Also where i/T has no exact floating-point value."""
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    at = VariancePreserving(zero_terminal_snr=False).coefficients((torch.arange(1000) + 1).double() / 1000)
    assert torch.equal(at.data, (1 - betas).cumprod(0).sqrt())


def test_the_bridge_is_pinned_at_both_ends() -> None:
    at = SchroedingerBridge().coefficients(torch.tensor([0.0, 0.5, 1.0]))
    assert at.noise.tolist()[::2] == [0.0, 0.0]
    assert float(at.noise[1]) > 0.2
    assert at.start.tolist()[::2] == [0.0, 1.0]


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(("kind", "to"), list(itertools.product(KINDS, KINDS)))
def test_conversions_are_inverse_to_each_other(name: str, kind: str, to: str) -> None:
    path = PATHS[name]
    data, start, noise = signals()
    state = path.state(data=data, start=start, noise=noise, t=TIMES)
    predicted = from_data_and_noise(data, noise, kind, path=path, start=start, t=TIMES)
    other = convert(predicted, kind=kind, to=to, path=path, state=state, start=start, t=TIMES)
    torch.testing.assert_close(other, from_data_and_noise(data, noise, to, path=path, start=start, t=TIMES))
    back = convert(other, kind=to, to=kind, path=path, state=state, start=start, t=TIMES)
    torch.testing.assert_close(back, predicted, rtol=1e-9, atol=1e-9)


def test_the_velocity_is_the_derivative_of_the_state() -> None:
    path, h = SchroedingerBridge(), 1e-6
    data, start, noise = signals()
    after, before = (path.state(data=data, start=start, noise=noise, t=TIMES + shift) for shift in (h, -h))
    velocity = from_data_and_noise(data, noise, "velocity", path=path, start=start, t=TIMES)
    torch.testing.assert_close(velocity, (after - before) / (2 * h), rtol=1e-6, atol=1e-7)


def test_v_at_zero_terminal_snr_is_the_data() -> None:
    """At t = 1, v = −data whatever the state is (Lin et al., 2024), and noise says nothing of the data."""
    path, t = VariancePreserving(), torch.ones(4)
    data, start, noise = signals()
    found, _ = data_and_noise(-data, "v", path=path, state=noise, start=start, t=t)
    assert torch.equal(found, data)
    assert not torch.isfinite(data_and_noise(noise, "noise", path=path, state=noise, start=start, t=t)[0]).any()
    with pytest.raises(ConfigError, match="predicts the score cannot begin on a VariancePreserving path"):
        denoiser(lambda state, _: state, "score", path=path, start=start)


@pytest.mark.parametrize("name", PATHS)
def test_facts_on_the_start(name: str) -> None:
    path, one = PATHS[name], torch.ones(1)
    assert path.data_at_start == (float(path.coefficients(one).data) > 0)
    assert path.finite_diffusion == bool(torch.isfinite(path.diffusion_squared(one)).all())


def test_velocity_of_a_bridge_without_noise() -> None:
    """From a start without noise the straight flow is start − data."""
    path, t = OptimalTransport(sigma=0.0), torch.tensor([0.2, 0.4, 0.6, 1.0])
    data, start, _ = signals()
    state = path.state(data=data, start=start, noise=torch.zeros_like(data), t=t)
    velocity = convert(data, kind="data", to="velocity", path=path, state=state, start=start, t=t)
    torch.testing.assert_close(velocity, start - data)
    found, noise = data_and_noise(velocity, "velocity", path=path, state=state, start=start, t=t)
    torch.testing.assert_close(found, data)
    assert not noise.any()


def test_velocity_at_the_start_of_a_bridge() -> None:
    """Where the bridge is one point, its velocity still gives the data."""
    path, t = PATHS["bridge"], torch.ones(4)
    data, start, _ = signals()
    velocity = convert(data, kind="data", to="velocity", path=path, state=start, start=start, t=t)
    found, _ = data_and_noise(velocity, "velocity", path=path, state=start, start=start, t=t)
    torch.testing.assert_close(found, data)


@pytest.mark.parametrize("name", PATHS)
def test_posterior_of_normal_data(name: str) -> None:
    """As the product of the prior and of the likelihood of the state: precisions add."""
    path = PATHS[name]
    mean, start, state = (each.real for each in signals())
    variance = torch.rand(4, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) + 0.1
    found, std = gaussian_posterior(state, mean=mean, variance=variance, path=path, start=start, t=TIMES)
    at = path.coefficients(TIMES)
    a, b, s = (expand(each, state) for each in (at.data, at.start, at.noise))
    precision = 1 / variance + a**2 / s**2
    torch.testing.assert_close(std, precision**-0.5)
    torch.testing.assert_close(found, (mean / variance + a * (state - b * start) / s**2) / precision)


def test_posterior_where_the_state_says_nothing() -> None:
    """At the start of a bridge the data keeps its mean and variance."""
    mean, start, _ = (each.real for each in signals())
    variance = torch.full_like(mean, 0.3)
    found, std = gaussian_posterior(
        start, mean=mean, variance=variance, path=SchroedingerBridge(), start=start, t=torch.ones(4)
    )
    assert torch.equal(found, mean)
    torch.testing.assert_close(std, variance.sqrt())
