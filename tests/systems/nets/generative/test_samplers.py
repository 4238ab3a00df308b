"""Samplers on a Gaussian target, for which the exact denoiser and the exact answer are known."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from tsebench.core.errors import ConfigError
from tsebench.systems.nets.generative.dilated import DilatedNet
from tsebench.systems.nets.generative.noise import QueryNoise
from tsebench.systems.nets.generative.parametrisation import Denoiser, denoiser
from tsebench.systems.nets.generative.paths import OptimalTransport, OrnsteinUhlenbeck, Path, SchroedingerBridge, expand
from tsebench.systems.nets.generative.samplers.build import SAMPLER_NAMES, SamplerConfig
from tsebench.systems.nets.generative.samplers.ddim import Ddim, posterior_std
from tsebench.systems.nets.generative.samplers.ode import ProbabilityFlow
from tsebench.systems.nets.generative.samplers.predictor_corrector import PredictorCorrector
from tsebench.systems.nets.generative.samplers.sampler import Counted, Sampler, times
from tsebench.systems.nets.generative.variance_preserving import VariancePreserving
from tsebench.systems.nets.tcn import frame_mask

MEAN, STD, START = 0.7, 0.4, -1.2

PATHS: dict[str, Path] = {
    "ou": OrnsteinUhlenbeck(),
    "ot": OptimalTransport(),
    "ot_start": OptimalTransport(sigma=0.3),
    "bridge": SchroedingerBridge(),
    "vp": VariancePreserving(),
}


VP_SNR = VariancePreserving(zero_terminal_snr=False)


def moments(path: Path, t: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [B] of the states at times [B], if the data is normal with MEAN and STD."""
    at = path.coefficients(t)
    return at.data * MEAN + at.start * START, torch.sqrt((at.data * STD).square() + at.noise.square())


def exact(path: Path) -> Denoiser:
    """E[data | state] of normal data: the mean, and the share a·STD²/(a²·STD² + s²) of the state's deviation."""

    def estimate(state: Tensor, t: Tensor) -> Tensor:
        mean, std = moments(path, t)
        gain = torch.nan_to_num(path.coefficients(t).data * STD**2 / std.square())  # 0 at the point of a bridge
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
    """The error of the probability flow falls by 2^order when the steps double.

    On a straight path the midpoint gains an order: y² = std² is quadratic in t, so that 3 y1 y2 + y y3 = 0 for the
    derivatives y1, y2, y3, and the local error of the midpoint, h³/24 (y3 + 3 y2 y1/y), is 0. The mean is a line.
    """
    path, last, first = PATHS[name], 0.2, 0.9
    if method == "midpoint" and name.startswith("ot"):
        order = 3
    errors = [
        error(path, ProbabilityFlow(steps=steps, method=method, last=last, to_data=False), last=last, first=first)
        for steps in (16, 32, 64)
    ]
    slopes = [math.log2(coarse / fine) for coarse, fine in itertools.pairwise(errors)]
    assert slopes == pytest.approx([order, order], abs=0.25), errors


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("method", ["euler", "midpoint", "heun"])
def test_probability_flow_reaches_the_data(name: str, method: str) -> None:
    first = 0.9 if name == "bridge" else 1.0  # at t = 1 it is at one point
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


@pytest.mark.parametrize("name", [*PATHS, "vp_snr"])
def test_ddim_has_order_one(name: str) -> None:
    path = PATHS.get(name, VP_SNR)
    errors = [error(path, Ddim(steps=steps, last=0.2, to_data=False), last=0.2, first=0.9) for steps in (32, 64, 128)]
    slopes = [math.log2(coarse / fine) for coarse, fine in itertools.pairwise(errors)]
    assert slopes == pytest.approx([1, 1], abs=0.2), errors


@pytest.mark.parametrize(("steps", "eta"), [(50, 1.0), (50, 0.5), (400, 1.0)])
def test_ddim_from_pure_noise_with_zero_terminal_snr(steps: int, eta: float) -> None:
    """From t = 1, where the state says nothing of the data; DPM-TSE takes 50 steps with η = 1.

    States stay normal, so that the variance after each step is known: x_u = (a_u g + r (1 − a_t g)/s_t) x_t + c·noise
    with the gain g of the denoiser.
    """
    path, like = PATHS["vp"], torch.zeros(1, 20_000, dtype=torch.float64)
    samples = Ddim(steps=steps, eta=eta).sample(path, exact(path), start=like, noise=QueryNoise([5], [20_000]))
    variance = 1.0
    for index in range(steps):
        now, after = (torch.tensor([1 - (index + more) / steps], dtype=torch.float64) for more in (0, 1))
        at, to, fresh = path.coefficients(now), path.coefficients(after), eta * float(posterior_std(path, now, after))
        gain = at.data * STD**2 / ((at.data * STD) ** 2 + at.noise**2)
        kept = torch.sqrt((to.noise**2 - fresh**2).clamp_min(0.0)) * (1 - at.data * gain) / at.noise
        variance = float(to.data * gain + kept) ** 2 * variance + fresh**2
    assert float(samples.std()) == pytest.approx(math.sqrt(variance), abs=0.008)
    assert float(samples.mean()) == pytest.approx(MEAN, abs=0.01)
    if steps == 400:
        assert math.sqrt(variance) == pytest.approx(STD, abs=0.015)


def test_one_step_of_ddim_is_its_closed_form() -> None:
    """c² = η² (1 − ᾱ_u)/(1 − ᾱ_t)·(1 − ᾱ_t/ᾱ_u) on a variance-preserving path (Song et al., 2021, eq. 16)."""
    now, after = torch.tensor([0.8], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)
    t, u = (float(VP_SNR.coefficients(each).data.square()) for each in (now, after))
    expected = math.sqrt((1 - u) / (1 - t) * (1 - t / u))
    assert float(posterior_std(VP_SNR, now, after)) == pytest.approx(expected)


def test_ddim_of_a_bridge_is_its_first_order_solver() -> None:
    """x_u by the weights of Jukić et al. (2024), eq. 16, written with σ and σ̄."""
    path, count = SchroedingerBridge(), 6
    generator = torch.Generator().manual_seed(0)
    state, data, start = torch.randn(3, 1, count, generator=generator, dtype=torch.float64)
    sampler = Ddim(steps=1, last=0.3, to_data=False)
    noise, first = QueryNoise([0], [count]), torch.tensor([0.8], dtype=torch.float64)
    found = sampler.sample(path, lambda *_: data, start=start, noise=noise, state=state, first=first)

    def sigmas(t: float) -> tuple[float, float]:
        variance = 0.4 * (2.6 ** (2 * t) - 1) / (2 * math.log(2.6))
        return math.sqrt(variance), math.sqrt(whole - variance)

    whole = 0.4 * (2.6**2 - 1) / (2 * math.log(2.6))
    (s, s_bar), (u, u_bar) = sigmas(0.8), sigmas(0.3)
    to_data = (u_bar**2 - s_bar * u * u_bar / s) / whole
    to_start = (u**2 - s * u * u_bar / s_bar) / whole
    torch.testing.assert_close(found, u * u_bar / (s * s_bar) * state + to_data * data + to_start * start)


@pytest.mark.parametrize("name", ["ou", "ot", "ot_start", "bridge", "vp_snr"])
@pytest.mark.parametrize("corrector_steps", [0, 1])
def test_the_stochastic_process_has_the_marginals_of_the_path(name: str, corrector_steps: int) -> None:
    """Mean and standard deviation at t = 0.2, within the error of a sample and of the steps."""
    path, count = PATHS.get(name, VP_SNR), 40_000
    sampler = PredictorCorrector(steps=150, corrector_steps=corrector_steps, snr=0.1, last=0.2, to_data=False)
    samples = drawn(path, sampler, first=0.9, count=count)
    mean, std = moments(path, torch.tensor([0.2]))
    assert float(samples.mean()) == pytest.approx(float(mean), abs=0.012)
    assert float(samples.std()) == pytest.approx(float(std), abs=0.012)


def test_the_stochastic_process_reaches_the_data() -> None:
    """All the way, with the settings of SGMSE+ but for more steps, from its prior around the start."""
    path = PATHS["ou"]
    samples = drawn(path, PredictorCorrector(steps=300, snr=0.1), count=20_000)
    assert float(samples.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(samples.std()) == pytest.approx(STD, abs=0.01)


def test_steps_are_those_of_sgmse() -> None:
    """Corrector and predictor written out as in the public code, on a complex state, to t = 0."""
    theta, low, high, snr, last = 1.5, 0.05, 0.5, 0.5, 0.03
    generator = torch.Generator().manual_seed(0)
    state, data, mixture = torch.randn(3, 1, 2, 5, generator=generator, dtype=torch.complex128)
    sampler = PredictorCorrector(steps=2, snr=snr)
    found = sampler.sample(
        PATHS["ou"], lambda *_: data, start=mixture, noise=QueryNoise([3], [5]), state=state, first=torch.ones(1)
    )
    noise, log = QueryNoise([3], [5]), math.log(high / low)
    for t, size in ((1.0, 1.0 - last), (last, last)):
        mean = math.exp(-theta * t) * data + (1 - math.exp(-theta * t)) * mixture
        std = math.sqrt(low**2 * (math.exp(2 * log * t) - math.exp(-2 * theta * t)) * log / (theta + log))
        step = (snr * std) ** 2 * 2
        state = state - step * (state - mean) / std**2
        state = state + math.sqrt(2 * step) * noise.draw(state)
        diffusion = low * (high / low) ** t * math.sqrt(2 * log)
        score = -(state - mean) / std**2
        state = state - (theta * (mixture - state) - diffusion**2 * score) * size
        if t == 1.0:
            state = state + diffusion * math.sqrt(size) * noise.draw(state)
    torch.testing.assert_close(found, state)


def test_the_corrector_leaves_the_marginal_as_it_is() -> None:
    """Langevin steps at one time draw from the marginal, whatever the state before."""
    path, t = PATHS["ou"], torch.tensor([0.5], dtype=torch.float64)
    start = torch.full((1, 20_000), START, dtype=torch.float64)
    mean, std = moments(path, t)
    sampler = PredictorCorrector(steps=1, corrector_steps=600, snr=0.25, last=0.4999, to_data=False)
    noise, wrong = QueryNoise([3], [20_000]), torch.full_like(start, 5.0)
    samples = sampler.sample(path, exact(path), start=start, noise=noise, state=wrong, first=t)
    assert float(samples.mean()) == pytest.approx(float(mean), abs=0.01)
    assert float(samples.std()) == pytest.approx(float(std), abs=0.02)


def test_no_stochastic_process_from_zero_terminal_snr() -> None:
    start = torch.zeros(1, 2)
    with pytest.raises(ConfigError, match="'ddim' with eta 1"):
        PredictorCorrector().sample(PATHS["vp"], exact(PATHS["vp"]), start=start, noise=QueryNoise([1], [2]))


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("name", SAMPLER_NAMES)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_evaluations_are_counted(path: Path, name: str, steps: int) -> None:
    if name == "predictor_corrector" and path is PATHS["vp"]:
        return
    sampler = SamplerConfig(name=name, steps=steps).build()
    counted = Counted(exact(path))
    start = torch.zeros(2, 3)
    sampler.sample(path, counted, start=start, noise=QueryNoise([1, 2], [3, 3]))
    assert counted.evaluations == sampler.evaluations(path)


@torch.no_grad()
@pytest.mark.parametrize("name", SAMPLER_NAMES)
@pytest.mark.parametrize("path", [PATHS["ou"], PATHS["ot_start"], VP_SNR], ids=["ou", "ot_start", "vp"])
def test_a_sample_does_not_depend_on_the_batch(path: Path, name: str) -> None:
    """Of a network with random weights: alone, and in a batch with a longer query, whose place and seed differ."""
    torch.manual_seed(0)
    net = DilatedNet(channels_in=6, channels_out=3, clue_dim=0, channels=8, blocks=3, cycle=3, embedding_dim=16)
    torch.nn.init.normal_(net.output.weight, std=0.2)
    starts = torch.randn(2, 3, 20)
    starts[1, :, 12:] = 0.0
    sampler = SamplerConfig(name=name, steps=4, eta=0.7, last=0.05).build()

    def samples(start: Tensor, seeds: list[int], counts: list[int]) -> Tensor:
        mask = frame_mask(torch.tensor(counts), num_frames=start.shape[-1])

        def predicted(state: Tensor, t: Tensor) -> Tensor:
            return net(torch.cat([state, start], dim=1), t, None, mask)

        estimate = denoiser(predicted, "data", path=path, start=start)
        return sampler.sample(path, estimate, start=start, noise=QueryNoise(seeds, counts))

    alone = samples(starts[1:, :, :12], [8], [12])
    together = samples(starts, [7, 8], [20, 12])
    torch.testing.assert_close(together[1:, :, :12], alone)
    other = samples(starts[1:, :, :12], [9], [12])
    assert float((other - alone).abs().mean()) > 1e-3


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
