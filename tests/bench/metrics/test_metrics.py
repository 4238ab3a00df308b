"""Registered metrics against the packages they must agree with, on noise and on real audio."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
import torch
from helpers.paths import SHARED
from numpy.typing import NDArray
from pesq import pesq
from torch import Tensor

from tsebench.bench.metrics import bsseval
from tsebench.bench.metrics.bsseval import Sdr, bss_eval_sdr_db, filtered_sdr_db
from tsebench.bench.metrics.energy import SiSdr
from tsebench.bench.metrics.pesq import Pesq
from tsebench.bench.metrics.protocol import BatchMetric, FileMetric, MetricInfo, Signals, takes_arrays
from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.metrics.shared import pesq_utterances
from tsebench.bench.metrics.shared.pesq_utterances import too_many_utterances
from tsebench.bench.outcome import FailedValueError
from tsebench.datasets.signals.audio import read_mono, resample

BATCHED = ("attenuation", "estoi", "sd_sdr", "sdr", "si_sdr", "snr", "stoi")
PER_FILE = ("pesq",)
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real audio at {SHARED}")

Samples = NDArray[np.float32]


def mir_eval_sdr(estimate: Tensor, reference: Tensor) -> float:
    """The reference implementation of BSSEval v3, one source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its own deprecation
        from mir_eval.separation import bss_eval_sources

        sdr, *_ = bss_eval_sources(reference[None].double().numpy(), estimate[None].double().numpy())
    return float(sdr[0])


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def batch(estimate: Tensor, reference: Tensor, lengths: Tensor | None = None) -> Signals:
    if lengths is None:
        lengths = torch.full((len(estimate),), estimate.shape[-1])
    inside = torch.arange(estimate.shape[-1]) < lengths[:, None]
    return Signals(
        estimate=estimate,
        reference=reference,
        mixture=(reference + noise(*estimate.shape, seed=99).to(estimate.dtype)) * inside,
        lengths=lengths,
        sample_rate_hz=8000,
    )


def batched(name: str) -> BatchMetric:
    metric = load_metric(name)
    assert isinstance(metric, BatchMetric)
    return metric


def per_file(name: str) -> FileMetric:
    metric = load_metric(name)
    assert isinstance(metric, FileMetric)
    return metric


def real_files(folder: str, count: int) -> list[tuple[Samples, int]]:
    """Some real recordings, at most 4 s each, evenly chosen from a folder."""
    paths = sorted(p for p in (SHARED / folder).rglob("*") if p.suffix in {".flac", ".ogg"})
    picked = [paths[i * len(paths) // count] for i in range(count)]
    read = [read_mono(path, channel="mean") for path in picked]
    return [(samples[: 4 * rate], rate) for samples, rate in read]


def degraded_pairs(folder: str, count: int) -> list[tuple[Tensor, Tensor, int]]:
    """A filtered target with another recording below it, at about 0, 20 and 40 dB."""
    pairs = []
    for number, ((target, rate), (other, _)) in enumerate(pairwise(real_files(folder, count + 1))):
        frames = min(len(target), len(other))
        level = 10.0 ** -(number % 3)
        filtered = np.convolve(target[:frames], [0.6, 0.0, -0.2, 0.1])[:frames]
        gain = level * np.linalg.norm(target[:frames]) / (np.linalg.norm(other[:frames]) + 1e-9)
        estimate = (filtered + gain * other[:frames]).astype(np.float32)
        pairs.append((torch.from_numpy(estimate), torch.from_numpy(target[:frames]), rate))
    return pairs


def test_sdr_agrees_with_mir_eval_on_noise() -> None:
    reference = noise(6, 6000, seed=1)
    levels = torch.tensor([1e-4, 1e-2, 0.3, 1.0, 10.0, 1e3])[:, None]
    estimate = reference.roll(3, dims=-1) + levels * noise(6, 6000, seed=2)
    ours = batched("sdr").compute(batch(estimate, reference))
    theirs = torch.tensor([mir_eval_sdr(e, r) for e, r in zip(estimate, reference, strict=True)])
    torch.testing.assert_close(ours, theirs.double(), atol=1e-6, rtol=0)


@needs_data
@pytest.mark.parametrize(("folder", "count"), [("digits", 12), ("esc10", 9)])
def test_sdr_agrees_with_mir_eval_on_real_audio(folder: str, count: int) -> None:
    for estimate, reference, _ in degraded_pairs(folder, count):
        ours = float(bss_eval_sdr_db(estimate=estimate[None], reference=reference[None]))
        assert ours == pytest.approx(mir_eval_sdr(estimate, reference), abs=1e-4)


@needs_data
@pytest.mark.parametrize("level_db", [-60.0, -20.0, 60.0, 90.0])
def test_sdr_agrees_with_mir_eval_far_from_0_db(level_db: float) -> None:
    for number, (_, reference, _) in enumerate(degraded_pairs("digits", 3)):
        rest = noise(len(reference), seed=20 + number)
        gain = 10.0 ** (-level_db / 20.0) * reference.double().norm() / rest.norm()
        estimate = reference.double() + gain * rest
        ours = float(bss_eval_sdr_db(estimate=estimate[None], reference=reference[None]))
        assert ours == pytest.approx(mir_eval_sdr(estimate, reference), abs=1e-4)


@pytest.mark.parametrize("frames", [2, 100, 511, 512, 513, 3584, 3585, 3586, 8000])
def test_sdr_of_any_length_agrees_with_mir_eval(frames: int) -> None:
    reference = noise(frames, seed=30) * (torch.arange(frames) % 3000 < 1500)
    estimate = reference + 0.3 * noise(frames, seed=31)
    ours = float(bss_eval_sdr_db(estimate=estimate[None], reference=reference[None]))
    assert ours == pytest.approx(mir_eval_sdr(estimate, reference), abs=1e-4)


@needs_data
def test_recursion_and_factorisation_have_the_same_value(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = degraded_pairs("esc10", 6)
    values = [float(bss_eval_sdr_db(estimate=e[None], reference=r[None])) for e, r, _ in pairs]
    monkeypatch.setattr(bsseval, "REMAINDER", -1.0)  # no recursion is good enough
    for value, (e, r, _) in zip(values, pairs, strict=True):
        factorised = float(bss_eval_sdr_db(estimate=e[None], reference=r[None]))
        assert value == pytest.approx(factorised, abs=1e-6)


def test_sdr_forgives_a_filter_of_512_taps_and_no_more() -> None:
    reference = noise(1, 4000, seed=3)
    inside = torch.zeros_like(reference)
    inside[..., 511:] = 0.5 * reference[..., :-511]
    outside = torch.zeros_like(reference)
    outside[..., 512:] = 0.5 * reference[..., :-512]
    # Only the tail that leaves the window is lost: 511 of 4000 samples, ‖tail‖² / ‖rest‖².
    assert float(bss_eval_sdr_db(estimate=inside, reference=reference)) > 8.0
    assert float(bss_eval_sdr_db(estimate=outside, reference=reference)) < 0.0
    assert float(bss_eval_sdr_db(estimate=outside, reference=reference, taps=513)) > 8.0


def test_sdr_of_one_tap_is_the_scale_invariant_sdr() -> None:
    reference = noise(3, 2000, seed=4)
    estimate = 0.4 * reference + 0.2 * noise(3, 2000, seed=5)
    one_tap = Sdr(taps=1).compute(batch(estimate, reference))
    closed = SiSdr(zero_mean=False).compute(batch(estimate, reference))
    torch.testing.assert_close(one_tap, closed, atol=1e-9, rtol=0)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_sdr_does_not_depend_on_levels(scale: float) -> None:
    reference = noise(1, 3000, seed=6)
    estimate = reference + 0.1 * noise(1, 3000, seed=7)
    expected = bss_eval_sdr_db(estimate=estimate, reference=reference)
    for pair in ((scale * estimate, reference), (estimate, scale * reference)):
        value = bss_eval_sdr_db(estimate=pair[0], reference=pair[1])
        torch.testing.assert_close(value, expected, atol=1e-9, rtol=0)


def test_sdr_of_a_singular_reference_is_finite_and_costs_its_neighbours_nothing() -> None:
    time = torch.linspace(-1, 1, 4000, dtype=torch.float64)
    bump = torch.exp(-((time / 0.1) ** 2))  # its shifts are linearly dependent in float64
    reference = torch.stack([bump, noise(4000, seed=8), torch.zeros(4000), bump])
    disturbance = 0.01 * noise(4, 4000, seed=9)
    values = bss_eval_sdr_db(estimate=reference + disturbance, reference=reference)
    alone = bss_eval_sdr_db(estimate=reference[1:2] + disturbance[1:2], reference=reference[1:2])
    assert values.isfinite().all()
    assert float(values[1]) == pytest.approx(float(alone), abs=1e-9)
    assert float(values[2]) == pytest.approx(-156.5, abs=0.1)
    assert float(values[0]) == pytest.approx(mir_eval_sdr(bump + disturbance[0], bump), abs=0.01)


@pytest.mark.parametrize("name", BATCHED)
def test_padding_and_company_do_not_change_a_value(name: str) -> None:
    metric = batched(name)
    lengths = torch.tensor([5000, 1234, 4999, 700])
    inside = torch.arange(5000) < lengths[:, None]
    reference = (noise(4, 5000, seed=10) + 0.1) * inside
    estimate = (reference + 0.3 * noise(4, 5000, seed=11)) * inside
    together = batch(estimate, reference, lengths)
    values = metric.compute(together)
    assert values.dtype == torch.float64
    for row, length in enumerate(lengths.tolist()):
        alone = Signals(
            estimate=estimate[row : row + 1, :length],
            reference=reference[row : row + 1, :length],
            mixture=together.mixture[row : row + 1, :length],
            lengths=lengths[row : row + 1],
            sample_rate_hz=8000,
        )
        torch.testing.assert_close(metric.compute(alone)[0], values[row], atol=1e-6, rtol=0, equal_nan=True)


@pytest.mark.parametrize("name", BATCHED)
def test_arrays_and_tensors_have_the_same_value(name: str) -> None:
    metric = batched(name)
    assert takes_arrays(metric)
    lengths = torch.tensor([9000, 8000, 30, 7000, 9000])
    inside = torch.arange(9000) < lengths[:, None]
    reference = noise(5, 9000, seed=40) * inside
    # Far from and near to the reference, where SDR follows from energies and where the reference is filtered.
    level = torch.tensor([1.0, 1e-5, 0.3, 30.0, 0.1])[:, None]
    tensors = batch(reference + level * noise(5, 9000, seed=41) * inside, reference, lengths)
    arrays = Signals(
        estimate=tensors.estimate.numpy(),
        reference=reference.numpy(),
        mixture=tensors.mixture.numpy(),
        lengths=lengths.numpy(),
        sample_rate_hz=8000,
    )
    found = metric.compute(arrays)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, metric.compute(tensors).numpy(), rtol=0, atol=1e-10)
    none = {name: getattr(arrays, name)[:0] for name in ("estimate", "reference", "mixture", "lengths")}
    assert metric.compute(Signals(**none, sample_rate_hz=8000)).shape == (0,)


def test_sdr_from_energies_is_that_of_the_filtered_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = noise(4, 6000, seed=42).numpy()
    estimate = reference + np.array([[0.1], [0.3], [1.0], [10.0]]) * noise(4, 6000, seed=43).numpy()
    direct = bss_eval_sdr_db(estimate=estimate, reference=reference)
    filtered = filtered_sdr_db(estimate=estimate, reference=reference)
    monkeypatch.setattr(bsseval, "filtered_sdr_db", None)  # none of these needs it
    np.testing.assert_array_equal(bss_eval_sdr_db(estimate=estimate, reference=reference), direct)
    np.testing.assert_allclose(direct, filtered, rtol=0, atol=1e-10)


def test_closed_forms_of_the_registered_ratios() -> None:
    reference = torch.tensor([[3.0, -3.0, 0.0, 0.0]])
    estimate = torch.tensor([[3.0, -3.0, 1.0, -1.0]])
    signals = Signals(
        estimate=estimate, reference=reference, mixture=10 * estimate, lengths=torch.tensor([4]), sample_rate_hz=8000
    )
    nine = pytest.approx(10 * np.log10(9.0), abs=1e-6)
    assert float(batched("snr").compute(signals)) == nine
    assert float(batched("si_sdr").compute(signals)) == nine
    assert float(batched("sd_sdr").compute(signals)) == nine
    assert float(batched("attenuation").compute(signals)) == pytest.approx(-20.0, abs=1e-6)


@pytest.mark.parametrize("mode", ["nb", "wb"])
@needs_data
def test_pesq_equals_the_package(mode: str) -> None:
    rate = 8000 if mode == "nb" else 16000
    for estimate, reference, own_rate in degraded_pairs("digits", 3):
        degraded = resample(estimate.numpy(), from_hz=own_rate, to_hz=rate)
        clean = resample(reference.numpy(), from_hz=own_rate, to_hz=rate)
        value = per_file("pesq").compute_file(estimate=degraded, reference=clean, sample_rate_hz=rate)
        assert value == pesq(rate, clean, degraded, mode)
        assert value != pesq(rate, degraded, clean, mode)


@needs_data
def test_pesq_of_other_rates_is_wide_band_after_resampling() -> None:
    estimate, reference, _ = degraded_pairs("digits", 1)[0]
    value = per_file("pesq").compute_file(estimate=estimate.numpy(), reference=reference.numpy(), sample_rate_hz=11025)
    clean, degraded = (resample(signal.numpy(), from_hz=11025, to_hz=16000) for signal in (reference, estimate))
    assert value == pesq(16000, clean, degraded, "wb")


def bursts(count: int, rate: int, *, tail_s: float = 0.0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Bursts of noise of 0.25 s and pauses of 0.25 s, and the same in noise."""
    rng = np.random.default_rng(0)
    burst, pause = rng.standard_normal(rate // 4), np.zeros(rate // 4)
    parts = [pause, *([burst, pause] * count), burst[: int(tail_s * rate)], pause]
    reference = (0.1 * np.concatenate(parts)).astype(np.float32)
    return (reference + 0.02 * rng.standard_normal(len(reference))).astype(np.float32), reference


@pytest.mark.parametrize(("mode", "rate"), [("nb", 8000), ("nb", 16000), ("wb", 16000)])
def test_pesq_counts_utterances_as_the_package_does(mode: Literal["nb", "wb"], rate: int) -> None:
    metric = Pesq(mode=mode)
    for count in (49, 50):
        estimate, reference = bursts(count, rate)
        assert not too_many_utterances(
            estimate=estimate, reference=reference, sample_rate_hz=rate, wide_band=mode == "wb"
        )
    value = metric.compute_file(estimate=estimate, reference=reference, sample_rate_hz=rate)
    assert value == pesq(rate, reference, estimate, mode)
    for count in (51, 60):
        estimate, reference = bursts(count, rate)
        with pytest.raises(FailedValueError, match=f"^pesq_too_many_utterances: {count}, and pesq holds 50$"):
            metric.compute_file(estimate=estimate, reference=reference, sample_rate_hz=rate)


def test_pesq_of_a_short_burst_after_fifty_utterances_fails_too() -> None:
    estimate, reference = bursts(50, 8000, tail_s=0.1)
    with pytest.raises(FailedValueError, match="pesq_too_many_utterances"):
        Pesq().compute_file(estimate=estimate, reference=reference, sample_rate_hz=8000)


def test_pesq_of_long_files_is_refused_where_nothing_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pesq_utterances, "_module", lambda: None)
    estimate, reference = bursts(30, 8000)
    assert Pesq().compute_file(estimate=estimate, reference=reference, sample_rate_hz=8000) > 1
    estimate, reference = bursts(45, 8000)
    with pytest.raises(FailedValueError, match=r"pesq_too_many_utterances: up to .* cannot be counted here"):
        Pesq().compute_file(estimate=estimate, reference=reference, sample_rate_hz=8000)


@pytest.mark.parametrize(
    ("estimate", "reference", "reason"),
    [
        (noise(1000), noise(1000), "pesq_too_short"),
        (0 * noise(16000), noise(16000), "pesq_silent_estimate"),
        (noise(16000), 1e-30 * noise(16000), "pesq_no_utterance"),
    ],
)
def test_pesq_fails_with_a_reason(estimate: Tensor, reference: Tensor, reason: str) -> None:
    with pytest.raises(FailedValueError, match=f"^{reason}"):
        per_file("pesq").compute_file(
            estimate=estimate.float().numpy(), reference=reference.float().numpy(), sample_rate_hz=16000
        )


def test_signatures_name_every_setting() -> None:
    assert {name: load_metric(name).signature(8000) for name in BATCHED} == {
        "attenuation": "attenuation|f64|floor:-120|tsebench:1",
        "estoi": "estoi|torch|f64|fs:8000>10000|pystoi:0.4.1|tsebench:2",
        "sd_sdr": "sd_sdr|zero_mean:true|f64|silent:-30|tsebench:2",
        "sdr": "sdr|bsseval3|taps:512|f64|silent:-30|tsebench:3",
        "si_sdr": "si_sdr|zero_mean:true|f64|silent:-30|tsebench:2",
        "snr": "snr|f64|tsebench:1",
        "stoi": "stoi|torch|f64|fs:8000>10000|pystoi:0.4.1|tsebench:2",
    }
    assert SiSdr(zero_mean=False, floor_db=-50).signature(8000) == ("si_sdr|zero_mean:false|f64|silent:-50|tsebench:2")
    rates = {rate: load_metric("pesq").signature(rate) for rate in (8000, 16000, 44100)}
    assert rates[8000].startswith("pesq|nb|pesq:")
    assert rates[8000].endswith("|fs:8000")
    assert rates[16000].startswith("pesq|wb|pesq:")
    assert rates[44100].endswith("|fs:44100>16000|soxr:VHQ")


@pytest.mark.parametrize("name", [*BATCHED, *PER_FILE])
def test_every_metric_describes_itself(name: str) -> None:
    info = load_metric(name).info
    assert isinstance(info, MetricInfo)
    assert info.name == name
    assert info.description
    assert load_metric(name).signature(16000).split("|")[0] == name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", BATCHED)
def test_values_are_the_same_on_cuda(name: str) -> None:
    reference = noise(3, 8000, seed=12)
    signals = batch(reference + 0.3 * noise(3, 8000, seed=13), reference)
    moved = Signals(
        estimate=signals.estimate.cuda(),
        reference=signals.reference.cuda(),
        mixture=signals.mixture.cuda(),
        lengths=signals.lengths.cuda(),
        sample_rate_hz=8000,
    )
    there = batched(name).compute(moved).cpu()
    torch.testing.assert_close(there, batched(name).compute(signals), atol=1e-6, rtol=0)
