"""Samplers on a Gaussian target, for which the exact denoiser and the exact answer are known."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from tsebench.systems.nets.generative.noise import QueryNoise
from tsebench.systems.nets.generative.parametrisation import Denoiser
from tsebench.systems.nets.generative.paths import OptimalTransport, OrnsteinUhlenbeck, Path, SchroedingerBridge, expand
from tsebench.systems.nets.generative.samplers.ode import ProbabilityFlow
from tsebench.systems.nets.generative.samplers.sampler import Counted, Sampler, times
from tsebench.systems.nets.generative.variance_preserving import VariancePreserving

MEAN, STD, START = 0.7, 0.4, -1.2

PATHS: dict[str, Path] = {
    "ou": OrnsteinUhlenbeck(),
    "ot": OptimalTransport(),
    "ot_start": OptimalTransport(sigma=0.3),
    "bridge": SchroedingerBridge(),
    "vp": VariancePreserving(),
}


def moments(path: Path, t: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [B] of the states at times [B], if the data is normal with MEAN and STD."""
    at = path.coefficients(t)
    return at.data * MEAN + at.start * START, torch.sqrt((at.data * STD).square() + at.noise.square())


def exact(path: Path) -> Denoiser:
    """E[data | state] of normal data: the mean, and the share a·STD²/(a²·STD² + s²) of the state's deviation."""

    def estimate(state: Tensor, t: Tensor) -> Tensor:
        mean, std = moments(path, t)
        gain = torch.nan_to_num(path.coefficients(t).data * STD**2 / std.square())  # 0 where all is known
        return MEAN + expand(gain, state) * (state - expand(mean, state))

    return estimate


def drawn(path: Path, sampler: Sampler, *, first: float = 1.0, count: int = 4000) -> Tensor:
    """Samples [1, count] that begin at states of the path itself."""
    start = torch.full((1, count), START, dtype=torch.float64)
    t = torch.full((1,), first, dtype=torch.float64)
    mean, std = moments(path, t)
    noise = QueryNoise([11], [count])
    state = mean + std * standard(noise.draw(start))
    return sampler.sample(path, exact(path), start=start, noise=noise, state=state, first=t)


def standard(values: Tensor) -> Tensor:
    """Mean 0 and variance 1 of the sample itself."""
    return (values - values.mean()) / values.std(correction=0)


def error(path: Path, sampler: Sampler, *, last: float, first: float = 1.0) -> float:
    """Distance of mean and standard deviation at `last` from those of the path."""
    samples = drawn(path, sampler, first=first, count=64)
    mean, std = moments(path, torch.tensor([last]))
    return math.hypot(float(samples.mean() - mean), float(samples.std(correction=0) - std))


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2)])
def test_order_of_convergence(name: str, method: str, order: int) -> None:
    """The error of the probability flow falls by 2^order when the steps double, to a small time."""
    path, last, first = PATHS[name], 0.2, 0.9
    errors = [
        error(path, ProbabilityFlow(steps=steps, method=method, last=last, to_data=False), last=last, first=first)
        for steps in (16, 32, 64)
    ]
    slopes = [math.log2(coarse / fine) for coarse, fine in itertools.pairwise(errors)]
    assert slopes == pytest.approx([order, order], abs=0.25), errors


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("method", ["euler", "midpoint", "heun"])
def test_probability_flow_reaches_the_data(name: str, method: str) -> None:
    first = 0.99 if name == "bridge" else 1.0  # at t = 1 it is at one point
    samples = drawn(PATHS[name], ProbabilityFlow(steps=200, method=method, last=0.0), first=first)
    assert float(samples.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(samples.std(correction=0)) == pytest.approx(STD, abs=0.02)


@pytest.mark.parametrize("name", ["ot", "ot_start", "bridge", "vp"])
def test_sampling_from_the_prior(name: str) -> None:
    """Where the data has no weight at t = 1, the prior is the marginal of the path."""
    path, like = PATHS[name], torch.full((1, 20_000), START, dtype=torch.float64)
    sampler = ProbabilityFlow(steps=100)
    samples = sampler.sample(path, exact(path), start=like, noise=QueryNoise([5], [20_000]))
    assert float(samples.mean()) == pytest.approx(MEAN, abs=0.02)
    if name != "bridge":  # its flow begins at one point, as the start has no noise
        assert float(samples.std()) == pytest.approx(STD, abs=0.02)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("method", ["euler", "midpoint", "heun"])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_evaluations_are_counted(path: Path, method: str, steps: int) -> None:
    sampler = ProbabilityFlow(steps=steps, method=method)
    counted = Counted(exact(path))
    start = torch.zeros(2, 3)
    sampler.sample(path, counted, start=start, noise=QueryNoise([1, 2], [3, 3]))
    assert counted.evaluations == sampler.evaluations(path)


def test_one_step_is_the_estimate_of_the_data() -> None:
    path, start = OptimalTransport(), torch.zeros(1, 8)
    found = ProbabilityFlow(steps=1).sample(path, exact(path), start=start, noise=QueryNoise([1], [8]))
    state = QueryNoise([1], [8]).draw(start)
    torch.testing.assert_close(found, exact(path)(state, torch.ones(1)))


def test_a_mixture_lies_on_the_flow_at_its_mixing_ratio() -> None:
    """Flow of AD-FlowTSE: from (1 − t) source + t background along its velocity, in one step from t of each query."""
    path, t = OptimalTransport(), torch.tensor([0.3, 0.6], dtype=torch.float64)
    source, background = torch.randn(2, 2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mixture = (1 - t)[:, None] * source + t[:, None] * background
    zero, noise = torch.zeros_like(mixture), QueryNoise([1, 2], [6, 6])
    sampler = ProbabilityFlow(steps=1)
    found = sampler.sample(path, lambda *_: source, start=zero, noise=noise, state=mixture, first=t)
    torch.testing.assert_close(found, source)


def test_times_of_sgmse_and_trailing_times() -> None:
    one = torch.ones(1)
    assert times(4, first=one, last=0.1)[:, 0].tolist() == pytest.approx([1.0, 0.7, 0.4, 0.1, 0.0])
    assert times(4, first=one, last=0.0)[:, 0].tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert times(3, first=one, last=0.1, to_data=False)[:, 0].tolist() == pytest.approx([1.0, 0.7, 0.4, 0.1])
    assert times(1, first=one, last=0.1)[:, 0].tolist() == [1.0, 0.0]
    assert times(2, first=torch.tensor([1.0, 0.5]), last=0.0).tolist() == [[1.0, 0.5], [0.5, 0.25], [0.0, 0.0]]
