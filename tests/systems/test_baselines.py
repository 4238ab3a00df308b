"""Baselines and oracles: closed forms, a second implementation, exact batch invariance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.signal
import torch
from torch import Tensor
from torch.nn import functional as F

from tsebench.core.errors import ConfigError
from tsebench.datasets.types import Clues, Truth
from tsebench.systems.protocol import PrivilegedSystem, QueryBatch, System
from tsebench.systems.registry import load_system
from tsebench.systems.shared.masks import Stft

RATE_HZ = 8000
ORACLES = ("oracle_target", "oracle_irm", "oracle_psm")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.1


def batch_of(mixtures: list[Tensor]) -> QueryBatch:
    longest = max(mixture.shape[-1] for mixture in mixtures)
    return QueryBatch(
        ids=tuple(f"q{k}" for k in range(len(mixtures))),
        mixture=torch.stack([F.pad(m, (0, longest - m.shape[-1])) for m in mixtures]),
        lengths=torch.tensor([mixture.shape[-1] for mixture in mixtures]),
        sample_rate_hz=RATE_HZ,
        clues=(Clues(),) * len(mixtures),
    )


def truth_of(target: Tensor | None, *interferers: Tensor) -> Truth:
    return Truth(
        target=None if target is None else target[None],
        interferers=torch.stack(interferers),
        active_classes=(),
        transcript=None,
    )


def answer(name: str, batch: QueryBatch, truths: list[Truth], **options: float) -> Tensor:
    system = load_system(name, **options)
    if isinstance(system, PrivilegedSystem):
        return system.extract_with_truth(batch, truths).estimate
    return system.extract(batch).estimate


def estimate_of(name: str, target: Tensor, *interferers: Tensor, **options: float) -> Tensor:
    """The answer [T] to one query whose mixture is the sum of its sources."""
    mixture = torch.stack([target, *interferers]).sum(dim=0)[None]
    return answer(name, batch_of([mixture]), [truth_of(target, *interferers)], **options)[0]


def snr_db(reference: Tensor, estimate: Tensor) -> float:
    return float(10 * torch.log10(reference.square().sum() / (reference - estimate).square().sum()))


@pytest.mark.parametrize("channels", [1, 2])
def test_mixture_is_its_input_at_all_channels_and_no_view_of_it(channels: int) -> None:
    batch = batch_of([noise(channels, 900), noise(channels, 700, seed=1)])
    expected = batch.mixture.clone()
    estimate = answer("mixture", batch, [])
    assert torch.equal(estimate, expected[:, 0] if channels == 1 else expected)
    estimate.zero_()
    assert torch.equal(batch.mixture, expected)


def test_silence_is_zero() -> None:
    batch = batch_of([noise(1, 900), noise(1, 700)])
    assert torch.equal(answer("silence", batch, []), torch.zeros(2, 900))


def test_oracle_target_returns_the_reference_at_all_channels() -> None:
    target = noise(2, 700)
    truth = Truth(target=target, interferers=noise(1, 700, seed=1), active_classes=(), transcript=None)
    batch = batch_of([noise(2, 700), noise(2, 900)])
    estimate = answer("oracle_target", batch, [truth, truth_of(None, noise(900))])
    assert torch.equal(estimate[0], F.pad(target, (0, 200)))
    assert not estimate[1].any()


@pytest.mark.parametrize("name", ORACLES)
def test_oracles_are_marked_and_plain_systems_are_not(name: str) -> None:
    oracle, plain = load_system(name), load_system("mixture")
    assert oracle.card.privileged
    assert isinstance(oracle, PrivilegedSystem)
    assert not isinstance(oracle, System)
    assert not plain.card.privileged
    assert not isinstance(plain, PrivilegedSystem)


@pytest.mark.parametrize("length", [1, 63, 64, 255, 256, 257, 4001])
@pytest.mark.parametrize(("window_ms", "hop_ms", "rate_hz"), [(32, 8, 8000), (32, 16, 11025), (20, 7, 16000)])
def test_stft_gives_the_signal_back(window_ms: float, hop_ms: float, rate_hz: int, length: int) -> None:
    stft, signal = Stft(window_ms=window_ms, hop_ms=hop_ms), noise(2, length)
    back = stft.synthesise(stft.analyse(signal, rate_hz), length, rate_hz)
    torch.testing.assert_close(back.float(), signal, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("exponent", "beta", "gain"),
    [(2.0, 0.5, (0.09 / (0.09 + 0.49)) ** 0.5), (2.0, 1.0, 0.09 / (0.09 + 0.49)), (1.0, 1.0, 0.3)],
)
def test_ratio_mask_of_proportional_sources_is_a_gain(exponent: float, beta: float, gain: float) -> None:
    # S = 0.3 X and N = 0.7 X in every bin, so that M = (0.3^p / (0.3^p + 0.7^p))^β everywhere.
    mixture = noise(3000)
    estimate = estimate_of("oracle_irm", 0.3 * mixture, 0.7 * mixture, exponent=exponent, beta=beta)
    torch.testing.assert_close(estimate, gain * mixture, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("share", "gain"), [(0.3, 0.3), (1.7, 1.0), (-0.4, 0.0)])
def test_phase_sensitive_mask_of_proportional_sources_is_a_clipped_gain(share: float, gain: float) -> None:
    mixture = noise(3000)
    estimate = estimate_of("oracle_psm", share * mixture, (1 - share) * mixture)
    torch.testing.assert_close(estimate, gain * mixture, rtol=0, atol=1e-6)


def test_interferers_are_summed_before_the_mask() -> None:
    target, other = noise(3000), noise(3000, seed=1)
    split = estimate_of("oracle_irm", target, 3.0 * other, -2.0 * other)
    torch.testing.assert_close(split, estimate_of("oracle_irm", target, other), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["oracle_irm", "oracle_psm"])
def test_masks_agree_with_scipy(name: str) -> None:
    target, other = noise(8000), noise(8000, seed=1)
    signals = [signal.double().numpy() for signal in (target, other, target + other)]
    window = np.sqrt(scipy.signal.get_window("hann", 256))
    frames = {"window": window, "nperseg": 256, "noverlap": 192}
    s, n, x = (scipy.signal.stft(signal, **frames)[2] for signal in signals)
    if name == "oracle_irm":
        mask = np.sqrt(np.abs(s) ** 2 / (np.abs(s) ** 2 + np.abs(n) ** 2))
    else:
        mask = np.clip(np.abs(s) / np.abs(x) * np.cos(np.angle(s) - np.angle(x)), 0, 1)
    expected = scipy.signal.istft(mask * x, **frames)[1][:8000]
    estimate = estimate_of(name, target, other)
    # Beyond the last window the two pad differently. The rest is correctly rounded float32, which
    # only a computation in float64 gives: half a unit in the last place is 2^-24 of the value.
    np.testing.assert_allclose(estimate[:-256], expected[:-256], rtol=1.001 * 2**-24, atol=1e-12)


def test_oracles_are_ordered_as_theory_says() -> None:
    # Noise in two bands: the phase-sensitive mask has the least error of all masks in [0, 1].
    band = scipy.signal.butter(2, 1000, fs=RATE_HZ, output="sos")
    other = noise(16000, seed=1)
    target = torch.from_numpy(scipy.signal.sosfilt(band, noise(16000).numpy())).float()
    values = [snr_db(target, estimate_of(name, target, other)) for name in ("mixture", "oracle_irm", "oracle_psm")]
    assert values == sorted(values)
    assert values[1] - values[0] > 5.0


@pytest.mark.parametrize("name", ORACLES)
def test_batch_changes_no_bit(name: str) -> None:
    lengths = [2400, 8000, 2400, 301, 240000, 8000]
    sources = [(noise(t, seed=k), noise(t, seed=10 + k)) for k, t in enumerate(lengths)]
    batch = batch_of([(target + other)[None] for target, other in sources])
    together = answer(name, batch, [truth_of(*pair) for pair in sources])
    assert together.shape == (len(lengths), max(lengths))
    for row, pair, length in zip(together, sources, lengths, strict=True):
        assert torch.equal(row[:length], estimate_of(name, *pair))
        assert not row[length:].any()


@pytest.fixture
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", ["oracle_irm", "oracle_psm"])
def test_threads_change_no_bit(name: str) -> None:
    # Threads cut a batch elsewhere than a row alone: a mask in float32 has other last bits then.
    sources = [(noise(8001, seed=k), noise(8001, seed=10 + k)) for k in range(5)]
    batch = batch_of([(target + other)[None] for target, other in sources])
    together = answer(name, batch, [truth_of(*pair) for pair in sources])
    for row, pair in zip(together, sources, strict=True):
        assert torch.equal(row, estimate_of(name, *pair))


@pytest.mark.parametrize("name", ORACLES)
def test_absent_target_is_silence_beside_a_present_one(name: str) -> None:
    target, other = noise(2000), noise(2000, seed=1)
    batch = batch_of([other[None], (target + other)[None]])
    estimate = answer(name, batch, [truth_of(None, other), truth_of(target, other)])
    assert not estimate[0].any()
    assert torch.equal(estimate[1], estimate_of(name, target, other))


@pytest.mark.parametrize("name", ORACLES)
def test_silent_sources_give_silence_and_no_nan(name: str) -> None:
    zeros = torch.zeros(2000)
    assert torch.equal(estimate_of(name, zeros, zeros), zeros)


@pytest.mark.parametrize("name", ORACLES)
def test_target_alone_passes(name: str) -> None:
    target = noise(2000)
    estimate = estimate_of(name, target, torch.zeros(2000))
    torch.testing.assert_close(estimate, target, rtol=0, atol=1e-6)


def test_no_interferer_at_all() -> None:
    target = noise(2000)
    truth = Truth(target=target[None], interferers=torch.zeros(0, 2000), active_classes=(), transcript=None)
    estimate = answer("oracle_irm", batch_of([target[None]]), [truth])[0]
    torch.testing.assert_close(estimate, target, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hop_ms": 17.0}, r"hop_ms = 17 with window_ms = 32: the hop must be above 0"),
        ({"hop_ms": 0.0}, r"hop_ms = 0 with"),
        ({"exponent": 0.0}, r"exponent = 0 must be above 0"),
        ({"beta": -1.0}, r"beta = -1 must be above 0"),
        ({"hop": 8.0}, r"unknown key 'hop'; did you mean 'hop_ms'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_system("oracle_irm", **options)


def test_options_are_on_the_card() -> None:
    card = load_system("oracle_irm", hop_ms=4.0, beta=1.0).card
    assert card.options == {"window_ms": 32.0, "hop_ms": 4.0, "exponent": 2.0, "beta": 1.0}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["mixture", "silence", *ORACLES])
def test_cuda_agrees_with_cpu(name: str) -> None:
    target, other = noise(8000), noise(8000, seed=1)
    batch, truth = batch_of([(target + other)[None]]), truth_of(target, other)
    system = load_system(name, device="cuda")
    if isinstance(system, PrivilegedSystem):
        estimate = system.extract_with_truth(batch, [truth]).estimate
    else:
        estimate = system.extract(batch).estimate
    assert estimate.is_cuda
    torch.testing.assert_close(estimate.cpu(), answer(name, batch, [truth]), rtol=0, atol=1e-6)
