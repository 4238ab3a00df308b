"""Batched metrics on a GPU have the values of the CPU; nothing here needs another package."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tsebench.bench.metrics import bsseval
from tsebench.bench.metrics.bsseval import Sdr
from tsebench.bench.metrics.energy import Attenuation, SdSdr, SiSdr, Snr
from tsebench.bench.metrics.protocol import BatchMetric, Signals
from tsebench.bench.metrics.shared import batches as chunks
from tsebench.bench.metrics.stoi import Stoi
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import MetricPlan
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer

METRICS: tuple[BatchMetric, ...] = (Snr(), SiSdr(), SdSdr(), Attenuation(), Sdr(), Stoi(), Stoi(extended=True))
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
every_metric = pytest.mark.parametrize("metric", METRICS, ids=[m.info.name for m in METRICS])


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ragged(trials: int, rate_hz: int = 8000) -> Signals:
    """Trials of all lengths up to 3 s with pauses, zero past their ends."""
    frames = 3 * rate_hz
    lengths = torch.linspace(0.5 * rate_hz, frames, trials).round().long()
    inside = torch.arange(frames) < lengths[:, None]
    speaks = torch.sin(torch.arange(frames) * 7.0 / rate_hz + torch.arange(trials)[:, None]) > -0.5
    reference = noise(trials, frames, seed=1) * torch.where(speaks, 1.0, 1e-4) * inside
    other = noise(trials, frames, seed=2) * inside
    return Signals(
        estimate=0.7 * reference - 0.2 * reference.roll(1, -1) * inside + 0.3 * other,
        reference=reference,
        mixture=reference + other,
        lengths=lengths,
        sample_rate_hz=rate_hz,
    )


def on_cuda(signals: Signals) -> Signals:
    return replace(
        signals,
        estimate=signals.estimate.cuda(),
        reference=signals.reference.cuda(),
        mixture=signals.mixture.cuda(),
        lengths=signals.lengths.cuda(),
    )


def agree(metric: BatchMetric, signals: Signals, tolerance: float = 1e-9) -> None:
    there = metric.compute(on_cuda(signals))
    assert there.is_cuda
    assert there.dtype == torch.float64
    torch.testing.assert_close(there.cpu(), metric.compute(signals), atol=tolerance, rtol=0.0, equal_nan=True)


@needs_cuda
@every_metric
@pytest.mark.parametrize("trials", [1, 7, chunks.DEVICE_TRIALS + 1])
def test_values_of_any_batch_are_those_of_the_cpu(metric: BatchMetric, trials: int) -> None:
    agree(metric, ragged(trials))


@needs_cuda
@pytest.mark.parametrize("extended", [False, True], ids=["stoi", "estoi"])
@pytest.mark.parametrize("rate_hz", [10000, 16000, 44100])
def test_stoi_of_any_rate_is_that_of_the_cpu(extended: bool, rate_hz: int) -> None:
    agree(Stoi(extended=extended), ragged(3, rate_hz))


@needs_cuda
@every_metric
def test_an_empty_batch_has_no_values_on_cuda(metric: BatchMetric) -> None:
    empty = ragged(2)
    none = replace(
        empty,
        estimate=empty.estimate[:0],
        reference=empty.reference[:0],
        mixture=empty.mixture[:0],
        lengths=empty.lengths[:0],
    )
    assert metric.compute(on_cuda(none)).shape == (0,)


@needs_cuda
def test_sdr_of_a_singular_reference_costs_its_neighbours_nothing_on_cuda() -> None:
    signals = ragged(5)
    alone = Sdr().compute(on_cuda(signals)).cpu()
    bump = torch.hann_window(signals.reference.shape[-1], dtype=torch.float64)
    reference = torch.cat([signals.reference[:4], bump[None]])
    together = Sdr().compute(on_cuda(replace(signals, reference=reference))).cpu()
    assert bool(together.isfinite().all())
    torch.testing.assert_close(together[:4], alone[:4], atol=1e-9, rtol=0.0)


@needs_cuda
def test_normal_equations_on_cuda_are_solved_for_the_whole_batch_at_once() -> None:
    signals = ragged(8)
    calls: list[int] = []
    factorised = bsseval._factorised

    def counted(autocorrelation: Tensor, correlation: Tensor) -> Tensor:
        calls.append(len(autocorrelation))
        return factorised(autocorrelation, correlation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bsseval, "_factorised", counted)
        Sdr().compute(on_cuda(signals))
    assert calls == [8]


@needs_cuda
def test_the_scorer_on_cuda_has_the_scores_of_the_cpu() -> None:
    signals = ragged(6)
    silent = torch.zeros(int(signals.lengths[0]))
    items = [
        Scorable(
            trial_id=str(row),
            estimate=signals.estimate[row, :length].float(),
            reference=None if row == 5 else signals.reference[row, :length].float(),
            mixture=signals.mixture[row, :length].float(),
        )
        for row, length in enumerate(signals.lengths.tolist())
    ]
    items[0] = replace(items[0], estimate=silent)
    items[1] = replace(items[1], reference=torch.zeros(len(items[1].mixture)))
    items[2] = replace(items[2], estimate=None, failure="missing")
    plan = MetricPlan(metrics=METRICS, improvements=(), reference_values=(), infos=())
    with FilePool(0) as pool:
        here, there = (
            Scorer(plan, sample_rate_hz=8000, device=device, pool=pool).submit(items).result()
            for device in ("cpu", "cuda")
        )
    assert [(s.trial_id, s.metric, s.status, s.reason) for s in there] == [
        (s.trial_id, s.metric, s.status, s.reason) for s in here
    ]
    values, expected = (torch.tensor([s.value for s in side]) for side in (there, here))
    torch.testing.assert_close(values, expected, atol=1e-6, rtol=0.0, equal_nan=True)
