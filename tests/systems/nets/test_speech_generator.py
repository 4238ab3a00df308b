"""Output of the embedded network as the posterior mean of a Gaussian: closed forms."""

from __future__ import annotations

import torch

from tsebench.systems.nets.generative.paths import Coefficients, OptimalTransport, OrnsteinUhlenbeck
from tsebench.systems.nets.speech_generator.backbones import posterior_mean


def at(data: float, start: float, noise: float) -> Coefficients:
    values = {"data": data, "start": start, "noise": noise, "data_rate": 0.0, "start_rate": 0.0, "noise_rate": 0.0}
    return Coefficients(**{name: torch.tensor([value]) for name, value in values.items()})


def shown(**changes: float) -> float:
    values = {"mean": 2.0, "variance": 0.25, "state": 3.0, "start": -1.0, **changes}
    tensors = {name: torch.full((1, 1), value) for name, value in values.items()}
    return float(posterior_mean(**tensors, at=at(0.5, 0.25, 0.75)))


def test_it_is_the_mean_of_the_data_given_the_state():
    # state = 0.5 x − 0.25 + 0.75 z: precision of x is 1/0.25 + 0.5²/0.75², weighted with 2 and (3 + 0.25)/0.5.
    precisions = 1 / 0.25, (0.5 / 0.75) ** 2
    expected = (precisions[0] * 2.0 + precisions[1] * 6.5) / sum(precisions)
    assert abs(shown() - expected) < 1e-5


def test_without_variance_it_is_the_mean_and_with_much_the_state_rules():
    assert abs(shown(variance=1e-9) - 2.0) < 1e-5
    assert abs(shown(variance=1e9) - 6.5) < 1e-5


def test_a_complex_state_has_half_of_the_noise_in_each_part():
    generator = torch.Generator().manual_seed(0)
    count, variance = 200_000, 0.3
    path, t = OptimalTransport(sigma=0.8), torch.full((1,), 0.6)
    data = torch.complex(*(torch.randn(2, 1, count, generator=generator) * variance**0.5))
    noise = torch.randn(1, count, dtype=torch.complex64, generator=generator)
    start = torch.full_like(data, 0.5j)
    state = path.state(data=data, start=start, noise=noise, t=t)

    def error(assumed: float) -> float:
        spread = torch.full((1, count), assumed)
        mean = torch.zeros_like(data)
        found = posterior_mean(mean=mean, variance=spread, state=state, start=start, at=path.coefficients(t))
        return float((found - data).abs().square().mean())

    # The true variance gives the smallest error, 2 v s²/(a² v·2 + s²) for a noise of s²/2 in each part.
    signal, power = 0.4**2, (0.6 * 0.8) ** 2
    assert abs(error(variance) - 2 * variance * power / (2 * signal * variance + power)) < 3e-3
    assert error(variance) < min(error(variance / 2), error(2 * variance))


def test_at_the_data_it_is_the_state():
    path, t = OrnsteinUhlenbeck(), torch.zeros(1)
    data = torch.randn(1, 5)
    state = path.state(data=data, start=torch.ones(1, 5), noise=torch.randn(1, 5), t=t)
    found = posterior_mean(
        mean=torch.zeros(1, 5), variance=torch.ones(1, 5), state=state, start=torch.ones(1, 5), at=path.coefficients(t)
    )
    torch.testing.assert_close(found, data, atol=1e-4, rtol=1e-4)
