"""Metrics on a GPU: how many trials in a second, and whether the values are those of the CPU.

Signals go from pinned memory to the device batch by batch, as float32, and every batch waits for its values.
"""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import lfilter
from torch import Tensor

from ...bench.metrics.bsseval import Sdr
from ...bench.metrics.energy import Attenuation, SdSdr, SiSdr, Snr
from ...bench.metrics.protocol import BatchMetric, Signals
from ...bench.metrics.stoi import Stoi
from ...core.arrays import Array, as_array
from .page import table
from .sections import Settings

RATE_HZ, LENGTH_S = 8000, 6.0
TRIALS, BATCH = 6000, 240
CPU_TRIALS, CPU_BATCH = 192, 32
TALKERS = 48
FRAMES = round(RATE_HZ * LENGTH_S)
METRICS: tuple[BatchMetric, ...] = (Snr(), SiSdr(), SdSdr(), Attenuation(), Sdr(), Stoi(), Stoi(extended=True))


@dataclass(frozen=True, slots=True)
class SignalBatch:
    """Estimates, references and mixtures [N, T] in host memory, float32."""

    estimate: Tensor
    reference: Tensor
    mixture: Tensor

    def batch(self, start: int, stop: int, device: torch.device) -> Signals:
        """Some of them on a device."""
        roles = (self.estimate, self.reference, self.mixture)
        moved = [signal[start:stop].to(device, non_blocking=True) for signal in roles]
        lengths = torch.full((stop - start,), FRAMES, device=device)
        return Signals(estimate=moved[0], reference=moved[1], mixture=moved[2], lengths=lengths, sample_rate_hz=RATE_HZ)


@dataclass(frozen=True, slots=True)
class DeviceTimes:
    """Values [N] of some metrics, and seconds of all transfers and of all else."""

    values: list[Tensor]
    transfers_s: float
    computing_s: float

    @property
    def seconds(self) -> float:
        """Of transfers and computing together."""
        return self.transfers_s + self.computing_s

    def rate(self) -> float:
        """Trials per second."""
        return len(self.values[0]) / self.seconds

    def share(self) -> float:
        """Of the time that transfers take."""
        return self.transfers_s / self.seconds


def talkers(rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise like speech [TALKERS, 2 T]: formants, syllables and pauses at −60 dB."""
    seconds = np.arange(2 * FRAMES) / RATE_HZ
    made = []
    for _ in range(TALKERS):
        voice = rng.standard_normal(len(seconds))
        for low_hz, high_hz in ((300, 800), (900, 2200)):
            angle = 2.0 * np.pi * rng.uniform(low_hz, high_hz) / RATE_HZ
            voice = lfilter([1.0], [1.0, -1.9 * np.cos(angle), 0.9025], voice)
        syllables = np.sin(np.pi * rng.uniform(3.0, 5.0) * seconds + rng.uniform(0.0, np.pi)) ** 2
        pauses = np.sin(2.0 * np.pi * rng.uniform(0.3, 0.6) * seconds) < -0.7
        voice *= np.where(pauses, 1e-3, syllables)
        made.append((0.1 * voice / voice.std()).astype(np.float32))
    return np.stack(made)


def trials(count: int, *, pinned: bool) -> SignalBatch:
    """So many trials, all different: a talker, coloured, and what is left of another one."""
    rng = np.random.default_rng(0)
    voices = talkers(rng)
    made = SignalBatch(*(torch.empty(count, FRAMES, pin_memory=pinned) for _ in range(3)))
    estimates, references, mixtures = (signal.numpy() for signal in (made.estimate, made.reference, made.mixture))
    one = rng.integers(TALKERS, size=count)
    other = (one + rng.integers(1, TALKERS, size=count)) % TALKERS
    starts = rng.integers(1, FRAMES, (2, count))
    gains = (10.0 ** (rng.uniform(-25.0, 0.0, count) / 20.0)).astype(np.float32)

    def fill(number: int) -> None:
        at, at_other = starts[:, number]
        target = voices[one[number], at : at + FRAMES]
        interferer = voices[other[number], at_other : at_other + FRAMES]
        references[number] = target
        np.add(target, interferer, out=mixtures[number])
        estimate = np.multiply(interferer, gains[number], out=estimates[number])
        estimate += np.float32(0.8) * target
        estimate -= np.float32(0.3) * voices[one[number], at - 1 : at - 1 + FRAMES]

    with ThreadPoolExecutor() as pool:
        deque(pool.map(fill, range(count)), maxlen=0)
    return made


@torch.no_grad()
def on_cpu(signals: SignalBatch, metric: BatchMetric) -> DeviceTimes:
    """A metric of the first trials, over arrays as in a run; the batches lie where they are wanted."""
    cpu = torch.device("cpu")

    def computed(start: int) -> Array:
        given = signals.batch(start, start + CPU_BATCH, cpu)
        arrays = {name: as_array(getattr(given, name)) for name in ("estimate", "reference", "mixture", "lengths")}
        return metric.compute(replace(given, **arrays))

    computed(0)
    begin = time.perf_counter()
    values = [computed(start) for start in range(0, CPU_TRIALS, CPU_BATCH)]
    return DeviceTimes([torch.from_numpy(np.concatenate(values))], 0.0, time.perf_counter() - begin)


@torch.no_grad()
def on_gpu(signals: SignalBatch, metrics: Sequence[BatchMetric]) -> DeviceTimes:
    """Some metrics of all trials; every batch is sent once, and its values are waited for."""
    cuda = torch.device("cuda")
    for metric in metrics:
        metric.compute(signals.batch(0, BATCH, cuda))
    torch.cuda.synchronize()
    values: list[list[Tensor]] = [[] for _ in metrics]
    transfers_s = 0.0
    begin = time.perf_counter()
    for start in range(0, len(signals.reference), BATCH):
        before = time.perf_counter()
        batch = signals.batch(start, min(start + BATCH, len(signals.reference)), cuda)
        torch.cuda.synchronize()
        transfers_s += time.perf_counter() - before
        for metric, found in zip(metrics, values, strict=True):
            found.append(metric.compute(batch).cpu())
    seconds = time.perf_counter() - begin
    return DeviceTimes([torch.cat(found) for found in values], transfers_s, seconds - transfers_s)


def difference(one: Tensor, other: Tensor) -> float:
    """Largest difference of two columns of values, which must be NaN at the same places."""
    if not torch.equal(one.isnan(), other.isnan()):
        return float("inf")
    return float((one - other).nan_to_num().abs().max())


def report(settings: Settings) -> str:
    """The section of the page; a line where there is no GPU."""
    title = "## Metrics on a GPU"
    if not torch.cuda.is_available():
        return f"{title}\n\nNot measured: torch {torch.__version__} sees no GPU."
    torch.set_num_threads(1)  # of the CPU's side; as in the other tables
    signals = trials(CPU_TRIALS if settings.quick else TRIALS, pinned=True)
    columns = ["metric", "GPU, trials/s", "of it transfers", "CPU, trials/s", "times faster", "largest difference"]
    lines = [_line(signals, metric) for metric in METRICS]
    return "\n\n".join([title, _explained(len(signals.reference)), table(columns, lines), _together(signals)])


def _line(signals: SignalBatch, metric: BatchMetric) -> list[str]:
    cpu, gpu = on_cpu(signals, metric), on_gpu(signals, [metric])
    apart = difference(gpu.values[0][:CPU_TRIALS], cpu.values[0])
    return [
        *(f"`{metric.info.name}`", f"{gpu.rate():.0f}", f"{100 * gpu.share():.0f} %"),
        *(f"{cpu.rate():.0f}", f"{gpu.rate() / cpu.rate():.1f}", f"{apart:.0e} {metric.info.unit}"),
    ]


def _explained(count: int) -> str:
    return (
        f"{torch.cuda.get_device_name()}; one thread of the processor; "
        f"Python {platform.python_version()}, torch {torch.__version__}. "
        f"{count} trials of {LENGTH_S:g} s at {RATE_HZ} Hz (noise like speech), float32 in pinned "
        f"memory, sent in batches of {BATCH} and scored in float64; the time of transfers is "
        f"counted. The CPU takes the first {CPU_TRIALS} in batches of {CPU_BATCH}; the values of "
        "these are compared."
    )


def _together(signals: SignalBatch) -> str:
    measured = on_gpu(signals, METRICS)
    peak_gb = torch.cuda.max_memory_allocated() / 1e9
    return (
        f"All of them, each batch sent once: {measured.rate():.0f} trials/s "
        f"({measured.seconds:.2f} s for all), {100 * measured.share():.1f} % of the time for "
        f"transfers, at most {peak_gb:.1f} GB of its memory."
    )
