"""i-vectors: features, background model and total variability against closed forms and NumPy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.fft import dct
from scipy.stats import multivariate_normal
from torch import Tensor

from tsebench.core.mel import slaney_filters
from tsebench.systems.nets.i_vector.extractor import IVectorConfig, IVectorExtractor
from tsebench.systems.nets.i_vector.fit import fit_extractor
from tsebench.systems.nets.i_vector.gmm import DiagonalGmm, fit_gmm, k_means
from tsebench.systems.nets.i_vector.mfcc import Mfcc, deltas
from tsebench.systems.nets.i_vector.total_variability import Statistics, fit_total_variability, posterior, statistics

MFCC = {"sample_rate_hz": 8000, "window": 200, "stride": 80, "num_mels": 24, "num_ceps": 13}
MFCC |= {"num_deltas": 2, "vad_db": 30.0, "normalise": "mean_variance"}
SMALL = {"i_vector_dim": 4, "i_vector_recordings": 60, "ubm_components": 8, "ubm_frames": 6000}


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def noise(num_samples: int, seed: int) -> Tensor:
    return randn(num_samples, seed=seed).float()


def padded(*signals: Tensor) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(signal) for signal in signals])
    return torch.nn.utils.rnn.pad_sequence(signals, batch_first=True), lengths


# Features.


def numpy_cepstra(signal: np.ndarray) -> np.ndarray:
    """Cepstra of frames of 200 samples every 80 at unit RMS, one frame at a time."""
    x = signal / np.sqrt(np.mean(signal**2))
    y = np.append(x[0], x[1:] - 0.97 * x[:-1])
    taper = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(200) / 200)
    bands = slaney_filters(24, n_fft=200, sample_rate_hz=8000)
    bands = bands / bands.sum(axis=1, keepdims=True)
    rows = []
    for start in range(0, len(y) - 199, 80):
        power = np.abs(np.fft.rfft(y[start : start + 200] * taper)) ** 2 / np.sum(taper**2)
        rows.append(dct(np.log(bands @ power + 1e-6), norm="ortho")[:13])
    return np.array(rows)


def test_cepstra_are_those_of_numpy():
    signal = noise(1234, 3).double()
    features, active = Mfcc(**{**MFCC, "normalise": "none"})(*padded(signal))
    assert features.shape == (1, 13, 39)
    assert active.all()
    np.testing.assert_allclose(features[0, :, :13], numpy_cepstra(signal.numpy()), atol=1e-9)


def test_slopes_of_a_ramp_and_of_its_held_ends():
    ramp = 3.0 * torch.arange(12.0, dtype=torch.float64)[None, :, None]
    slopes = deltas(ramp, torch.tensor([10]))[0, :, 0]
    torch.testing.assert_close(slopes[2:8], torch.full((6,), 3.0, dtype=torch.float64))
    # Regression (1·(x₁ − x₀) + 2·(x₂ − x₀)) / 10 where both frames behind are the first one.
    torch.testing.assert_close(slopes[[0, 9]], torch.tensor([1.5, 1.5], dtype=torch.float64))


@pytest.mark.parametrize("normalise", ["none", "mean", "mean_variance"])
def test_padding_a_batch_changes_no_feature(normalise):
    mfcc = Mfcc(**{**MFCC, "normalise": normalise})
    signals = [noise(n, n) for n in (1, 150, 200, 279, 280, 1500)]
    together, active = mfcc(*padded(*signals))
    for row, signal in enumerate(signals):
        alone, spoken = mfcc(*padded(signal))
        count = spoken.shape[1]
        assert count == 1 + max(0, len(signal) - 200) // 80
        assert torch.equal(active[row, :count], spoken[0])
        assert not active[row, count:].any()
        torch.testing.assert_close(together[row, :count], alone[0], atol=1e-9, rtol=1e-9)


def test_only_speech_counts_and_level_does_not():
    signal = torch.cat([noise(4000, 1), 1e-4 * noise(4000, 2)])
    features, active = Mfcc(**MFCC)(*padded(signal, 0.01 * signal))
    spoken = features[0][active[0]]
    # 48 frames lie wholly in the loud half, and 3 more reach into it, the last by pre-emphasis.
    assert 48 <= len(spoken) <= 51
    torch.testing.assert_close(spoken.mean(dim=0), torch.zeros(39, dtype=torch.float64))
    torch.testing.assert_close(spoken.var(dim=0, correction=0), torch.ones(39, dtype=torch.float64))
    torch.testing.assert_close(features[1][active[1]], spoken, atol=1e-4, rtol=1e-4)


def test_silence_is_finite():
    features, active = Mfcc(**MFCC)(torch.zeros(2, 900), torch.tensor([900, 1]))
    assert features.isfinite().all()
    assert active.any(dim=1).all()


# Background model.


def mixture_of_three(count: int) -> tuple[DiagonalGmm, Tensor]:
    """A mixture of components that hardly overlap, and frames drawn from it."""
    gmm = DiagonalGmm(
        weights=torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64),
        means=torch.tensor([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]], dtype=torch.float64),
        variances=torch.tensor([[1.0, 0.5], [2.0, 1.0], [0.3, 1.5]], dtype=torch.float64),
    )
    owner = torch.multinomial(gmm.weights, count, replacement=True, generator=generator(1))
    drawn = randn(count, 2, seed=2)
    return gmm, gmm.means[owner] + gmm.variances[owner].sqrt() * drawn


def test_joint_densities_are_those_of_scipy():
    gmm, frames = mixture_of_three(50)
    expected = np.stack(
        [
            math.log(w) + multivariate_normal(m, np.diag(v)).logpdf(frames)
            for w, m, v in zip(gmm.weights, gmm.means.numpy(), gmm.variances.numpy(), strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(gmm.log_joint(frames), expected, rtol=1e-10)


def test_a_known_mixture_is_found_again():
    gmm, frames = mixture_of_three(30_000)
    found = fit_gmm(frames, num_components=3, iterations=20, variance_floor=1e-6, seed=0).gmm
    order = torch.cdist(gmm.means, found.means).argmin(dim=1)
    assert sorted(order.tolist()) == [0, 1, 2]
    # Four standard errors of the rarest component: 6,000 frames, variances of at most 2.
    torch.testing.assert_close(found.means[order], gmm.means, atol=4 * (2 / 6000) ** 0.5, rtol=0)
    torch.testing.assert_close(found.variances[order], gmm.variances, atol=0, rtol=4 * (2 / 6000) ** 0.5)
    torch.testing.assert_close(found.weights[order], gmm.weights, atol=4 * 0.5 / 173, rtol=0)


@pytest.mark.parametrize("num_components", [1, 4, 16])
def test_em_never_makes_the_frames_less_likely(num_components):
    frames = mixture_of_three(2000)[1] + randn(2000, 2, seed=5) ** 3
    options = {"num_components": num_components, "iterations": 25, "variance_floor": 1e-9}
    history = fit_gmm(frames, **options, seed=3).log_likelihoods
    assert all(after >= before - 1e-12 for before, after in itertools.pairwise(history))
    # One Gaussian is at its best from the start.
    assert history[-1] > history[0] + 0.01 or num_components == 1
    assert fit_gmm(frames, **options, seed=3).log_likelihoods == history


def test_variances_have_a_floor_and_copies_of_one_frame_a_centre():
    frames = torch.zeros(100, 3, dtype=torch.float64)
    frames[50:] = 1.0
    gmm = fit_gmm(frames, num_components=8, iterations=5, variance_floor=0.1, seed=0).gmm
    assert all(part.isfinite().all() for part in (gmm.weights, gmm.means, gmm.variances))
    assert gmm.variances.min() >= 0.1 * 0.25 - 1e-12
    centres = k_means(frames, 5, generator(0))
    assert {tuple(centre) for centre in centres.tolist()} == {(0.0,) * 3, (1.0,) * 3}


# Total variability. C components, D features, R entries.

C, D, R = 5, 6, 3


def drawn_statistics(matrix: Tensor, count: int, *, seed: int) -> tuple[Statistics, Tensor]:
    """Statistics of `count` recordings of the model, and the w that made them [count, R]."""
    zeroth = 5.0 + 40.0 * torch.rand(count, C, generator=generator(seed), dtype=torch.float64)
    w = randn(count, R, seed=seed + 1)
    shift = torch.einsum("cdr,ur->ucd", matrix, w)
    drawn = randn(count, C, D, seed=seed + 2)
    first = zeroth[:, :, None] * shift + zeroth.sqrt()[:, :, None] * drawn
    return Statistics(zeroth=zeroth, first=first), w


def test_posterior_is_the_formula_of_the_supervector():
    matrix, scale = 0.4 * randn(C, D, R, seed=1), 0.5 + torch.rand(C, D, dtype=torch.float64)
    stats, _ = drawn_statistics(matrix, 4, seed=2)
    answer = posterior(matrix, stats)
    # Dehak et al. (2011), eq. 5 and 6, with Σ and T as they are, not divided by anything.
    sigma = np.diag(scale.square().flatten().numpy())
    t = (matrix * scale[:, :, None]).reshape(C * D, R).numpy()
    for row in range(4):
        n = np.diag(np.repeat(stats.zeroth[row].numpy(), D))
        f = (stats.first[row] * scale).flatten().numpy()
        precision = np.eye(R) + t.T @ np.linalg.inv(sigma) @ n @ t
        w = np.linalg.inv(precision) @ t.T @ np.linalg.inv(sigma) @ f
        np.testing.assert_allclose(answer.mean[row], w, rtol=1e-9)
        np.testing.assert_allclose(answer.covariance[row], np.linalg.inv(precision), atol=1e-12)


def test_likelihood_is_that_of_the_joint_gaussian():
    matrix = 0.4 * randn(C, D, R, seed=1)
    stats, _ = drawn_statistics(matrix, 4, seed=2)
    t = matrix.reshape(C * D, R).numpy()
    for row, value in enumerate(posterior(matrix, stats).log_likelihood):
        counts = np.repeat(stats.zeroth[row].numpy(), D)
        # The mean of n frames of N(m + T w, 1) is N(m, T Tᵀ + 1/n), and N(m, 1/n) without T.
        mean = stats.first[row].flatten().numpy() / counts
        zero = np.zeros(C * D)
        told = multivariate_normal(zero, t @ t.T + np.diag(1 / counts)).logpdf(mean)
        untold = multivariate_normal(zero, np.diag(1 / counts)).logpdf(mean)
        np.testing.assert_allclose(value, told - untold, rtol=1e-9)


def test_em_of_the_total_variability_never_falls_and_comes_up_to_the_truth():
    matrix = 0.4 * randn(C, D, R, seed=1)
    stats, _ = drawn_statistics(matrix, 500, seed=2)
    fitted = fit_total_variability(stats, dim=R, iterations=30, seed=0)
    history = fitted.log_likelihoods
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(history))
    truth = float(posterior(matrix, stats).log_likelihood.mean())
    # The best fit to 500 recordings beats what drew them, by C·D·R / 2 nats in all on average.
    assert truth < history[-1] < truth + C * D * R / 2 / 500 * 3


def subspace_angles(found: Tensor, truth: Tensor) -> Tensor:
    """Cosines of the angles between the ranges of [N, R] matrices."""
    return torch.linalg.svdvals(torch.linalg.qr(found)[0].T @ torch.linalg.qr(truth)[0])


def rotated(vectors: Tensor, truth: Tensor) -> Tensor:
    """Vectors [B, R] turned as near to the true ones as a rotation brings them (Procrustes)."""
    u, _, v = torch.linalg.svd(vectors.T @ truth)
    return vectors @ u @ v


def test_a_known_total_variability_is_found_again():
    matrix = 0.4 * randn(C, D, R, seed=1)
    stats, w = drawn_statistics(matrix, 800, seed=2)
    found = fit_total_variability(stats, dim=R, iterations=30, seed=0).matrix
    assert subspace_angles(found.flatten(0, 1), matrix.flatten(0, 1)).min() > 0.998
    # T takes the covariance of these 800 w in, which is not quite the identity.
    white = w @ torch.linalg.inv(torch.linalg.cholesky(w.T @ w / len(w))).T
    error = rotated(posterior(found, stats).mean, white) - white
    # Even with the true T an i-vector errs by its posterior covariance; not by more than 5 % more.
    best = posterior(matrix, stats).covariance.diagonal(dim1=1, dim2=2).mean()
    assert error.square().mean() < 1.05 * best


def test_background_model_and_total_variability_are_found_from_frames():
    base = 8.0 * randn(C, D, seed=7)
    matrix = 0.5 * randn(C, D, R, seed=8)
    count, length = 300, 200
    w = randn(count, R, seed=9)
    owner = torch.randint(C, (count, length), generator=generator(10))
    means = base + torch.einsum("cdr,ur->ucd", matrix, w)
    picked = means.gather(1, owner[:, :, None].expand(-1, -1, D))
    frames = picked + randn(count, length, D, seed=11)
    gmm = fit_gmm(frames.flatten(0, 1), num_components=C, iterations=15, variance_floor=1e-4, seed=0).gmm
    order = torch.cdist(base, gmm.means).argmin(dim=1)
    assert sorted(order.tolist()) == list(range(C))
    stats = statistics(gmm, frames, torch.ones(count, length, dtype=torch.bool))
    torch.testing.assert_close(stats.zeroth.sum(dim=1), torch.full((count,), float(length), dtype=torch.float64))
    found = fit_total_variability(stats, dim=R, iterations=30, seed=0).matrix
    shifts = (found * gmm.variances.sqrt()[:, :, None])[order]
    assert subspace_angles(shifts.flatten(0, 1), matrix.flatten(0, 1)).min() > 0.99
    vectors = rotated(posterior(found, stats).mean, w)
    assert (vectors * w).sum() / (vectors.norm() * w.norm()) > 0.98


def test_frames_that_do_not_count_are_left_out():
    gmm, frames = mixture_of_three(30)
    active = torch.arange(30) < 20
    some = statistics(gmm, frames[None], active[None])
    alone = statistics(gmm, frames[None, :20], torch.ones(1, 20, dtype=torch.bool))
    torch.testing.assert_close(some.zeroth, alone.zeroth)
    torch.testing.assert_close(some.first, alone.first)


def test_unused_components_keep_their_matrix():
    matrix = 0.4 * randn(C, D, R, seed=1)
    stats, _ = drawn_statistics(matrix, 50, seed=2)
    stats.zeroth[:, 2], stats.first[:, 2] = 0.0, 0.0
    assert fit_total_variability(stats, dim=R, iterations=5, seed=0).matrix.isfinite().all()


# The extractor.


def tones(count: int) -> list[Tensor]:
    """Coloured noises, each with a resonance of its own, of different lengths."""
    signals = []
    for i in range(count):
        spectrum = torch.fft.rfft(noise(3000 + 40 * (i % 7), i))
        hz = torch.linspace(0, 4000, len(spectrum))
        centre_hz = 300 + 3000 * ((i * 37) % count) / count
        signals.append(torch.fft.irfft(spectrum / (1 + ((hz - centre_hz) / 300) ** 2)))
    return signals


def fitted(**changes: object) -> tuple[IVectorExtractor, list[Tensor]]:
    extractor, signals = IVectorExtractor(IVectorConfig(**{**SMALL, **changes})), tones(60)
    batches = [padded(*signals[start : start + 16]) for start in range(0, 60, 16)]
    report = fit_extractor(extractor, lambda: batches, seed=0)
    assert report.recordings == 60
    # Stationary noise: every frame counts as speech.
    frames = sum(1 + (len(signal) - 200) // 80 for signal in signals)
    assert report.seconds == pytest.approx(0.01 * frames)
    return extractor, signals


def test_the_vectors_it_was_fitted_to_are_white_and_of_one_length():
    extractor, signals = fitted()
    vectors = extractor(*padded(*signals))
    torch.testing.assert_close(vectors.norm(dim=1), torch.full((60,), 2.0))
    raw = extractor.raw(extractor.statistics(*padded(*signals)))
    white = (raw - extractor.centre) @ extractor.whitening.T.double()
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(4).double(), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.cov(white.T, correction=0), torch.eye(4).double(), atol=1e-3, rtol=0)


def test_recordings_in_a_batch_have_the_vectors_that_they_have_alone():
    extractor, signals = fitted()
    together = extractor(*padded(noise(9000, 1), *signals[:6]))[1:]
    alone = torch.cat([extractor(*padded(signal)) for signal in signals[:6]])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_fitting_twice_gives_the_same_and_everything_is_a_buffer():
    first, again = fitted()[0].state_dict(), fitted()[0].state_dict()
    assert list(IVectorExtractor(IVectorConfig()).parameters()) == []
    assert {tensor.dtype for tensor in first.values()} == {torch.float32}
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = IVectorExtractor(IVectorConfig(**SMALL))
    other.load_state_dict(first)
    signals = padded(*tones(5))
    assert torch.equal(other(*signals), fitted()[0](*signals))


def test_no_gradient_goes_in_and_mixed_precision_changes_nothing():
    extractor, signals = fitted()
    asked, lengths = padded(*signals[:3])
    assert not extractor(asked.requires_grad_(), lengths).requires_grad
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = extractor(asked, lengths)
    assert torch.equal(half, extractor(asked, lengths))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_vectors_and_fit_are_the_same_on_a_gpu():
    extractor, signals = fitted()
    asked, lengths = padded(*signals)
    on_cpu = extractor(asked, lengths)
    extractor.cuda()
    on_gpu = extractor(asked.cuda(), lengths.cuda()).cpu()
    torch.testing.assert_close(on_gpu, on_cpu, atol=1e-4, rtol=1e-4)
    there = IVectorExtractor(IVectorConfig(**SMALL)).cuda()
    fit_extractor(there, lambda: [(asked.cuda(), lengths.cuda())], seed=0)
    here = IVectorExtractor(IVectorConfig(**SMALL))
    fit_extractor(here, lambda: [(asked, lengths)], seed=0)
    again = there(asked.cuda(), lengths.cuda()).cpu()
    # Eigenvectors have no sign of their own: angles between recordings are compared.
    expected = here(asked, lengths)
    torch.testing.assert_close(again @ again.T, expected @ expected.T, atol=1e-2, rtol=1e-2)
