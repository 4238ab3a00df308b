"""How long the metrics take, against the packages that they agree with; nothing here is a test.

    python tests/benchmarks/metrics.py           prints the tables
    python tests/benchmarks/metrics.py --write   and writes docs/benchmarks.md

Both sides of a row run in turn, on one thread, so that a busy machine slows down both.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch start their threads
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray

from tsebench.bench.metrics.protocol import METRICS, BatchMetric, Signals
from tsebench.datasets.audio import resample
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech

RATE_HZ, LENGTH_S, BATCH, REPEATS = 8000, 6.0, 16, 9
MEMORY_METRICS = ("snr", "si_sdr", "sd_sdr", "sdr")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

Signal = NDArray[np.float64]
Peer = Callable[[Signal, Signal], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Milliseconds for one trial, and the largest difference between the values."""

    metric: str
    peer: str
    ours_ms: float
    theirs_ms: float
    difference: float


def speech(trials: int) -> tuple[Signal, Signal]:
    """(estimate, reference) [trials, T]: a talker, and what a filter and a second one leave."""
    corpus = SyntheticSpeech(utterances=2)
    recordings = corpus.recordings()
    frames = round(RATE_HZ * LENGTH_S)
    sentences = []
    for recording in recordings[:: max(1, len(recordings) // 12)]:
        samples, own_hz = corpus.read(recording.path)
        sentences.append(resample(samples, from_hz=own_hz, to_hz=RATE_HZ).astype(np.float64))
    starts = np.random.default_rng(0).integers(0, RATE_HZ, trials)
    talk = np.concatenate(sentences)
    reference = np.stack([np.resize(np.roll(talk, -k * 9001 - s), frames)
                          for k, s in enumerate(starts)])  # fmt: skip
    filtered = 0.7 * reference - 0.3 * np.roll(reference, 3, axis=-1)
    return filtered + 0.2 * np.roll(reference, 1, axis=0), reference


def batch(estimate: Signal, reference: Signal) -> Signals:
    frames = reference.shape[-1]
    return Signals(
        estimate=torch.from_numpy(estimate),
        reference=torch.from_numpy(reference),
        mixture=torch.from_numpy(reference + np.roll(reference, 1, axis=0)),
        lengths=torch.full((len(reference),), frames),
        sample_rate_hz=RATE_HZ,
    )


def pystoi_value(*, extended: bool) -> Peer:
    from pystoi import stoi

    return lambda estimate, reference: float(stoi(reference, estimate, RATE_HZ, extended=extended))


def mir_eval_sdr(estimate: Signal, reference: Signal) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its own deprecation
        from mir_eval.separation import bss_eval_sources

        sdr, *_ = bss_eval_sources(reference[None], estimate[None], compute_permutation=False)
    return float(sdr[0])


def numpy_snr(estimate: Signal, reference: Signal) -> float:
    noise = reference - estimate
    return float(10.0 * np.log10(np.sum(reference**2) / np.sum(noise**2)))


def numpy_si_sdr(estimate: Signal, reference: Signal) -> float:
    estimate, reference = estimate - estimate.mean(), reference - reference.mean()
    target = np.sum(estimate * reference) / np.sum(reference**2) * reference
    return float(10.0 * np.log10(np.sum(target**2) / np.sum((target - estimate) ** 2)))


def batched(name: str) -> BatchMetric:
    metric = METRICS.get(name)
    if not isinstance(metric, BatchMetric):
        raise TypeError(f"{name} is not batched")
    return metric


def timed(name: str, peer_name: str, peer: Peer) -> Row:
    """Medians over repeats, in each of which ours and theirs take their turn."""
    estimate, reference = speech(BATCH)
    signals, metric = batch(estimate, reference), batched(name)
    ours, theirs, difference = [], [], 0.0
    for repeat in range(REPEATS + 1):
        begin = time.perf_counter()
        values = metric.compute(signals)
        middle = time.perf_counter()
        expected = [peer(e, r) for e, r in zip(estimate, reference, strict=True)]
        end = time.perf_counter()
        difference = max(
            difference, float((values - torch.tensor(expected, dtype=values.dtype)).abs().max())
        )
        if repeat:  # the first one warms up
            ours.append(middle - begin)
            theirs.append(end - middle)
    return Row(
        metric=name,
        peer=peer_name,
        ours_ms=1e3 * median(ours) / BATCH,
        theirs_ms=1e3 * median(theirs) / BATCH,
        difference=difference,
    )


def peak_mb(trials: int) -> float:
    """Peak memory of a process that scores so many trials in batches, in MB."""
    done = subprocess.run(
        [sys.executable, __file__, "--score", str(trials)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def score_and_measure(trials: int) -> float:
    """Score trials batch by batch as a run does; the peak resident memory in MB."""
    import resource

    estimate, reference = speech(BATCH)
    signals = batch(estimate, reference)
    kept = [
        batched(name).compute(signals) for _ in range(0, trials, BATCH) for name in MEMORY_METRICS
    ]
    if not np.isfinite(kept).all():
        raise ValueError("a value is not finite")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def machine() -> str:
    """The processor, and versions of what is compared."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next((x.partition(":")[2].strip() for x in lines if "model name" in x), model)
    packages = ("torch", "numpy", "scipy", "pystoi", "mir_eval")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{model}, {os.cpu_count()} cores, one thread; Python {platform.python_version()}, {versions}"  # fmt: skip  # noqa: E501


def page(rows: list[Row], memory: dict[int, float]) -> str:
    table = [
        "| metric | ours, ms | compared with | theirs, ms | times faster | largest difference |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
        *(
            f"| `{row.metric}` | {row.ours_ms:.2f} | {row.peer} | {row.theirs_ms:.2f} "
            f"| {row.theirs_ms / row.ours_ms:.1f} | {row.difference:.0e} |"
            for row in rows
        ),
    ]
    few, many = sorted(memory)
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `python tests/benchmarks/metrics.py --write`.",
            "",
            f"Machine: {machine()}.",
            "",
            f"Milliseconds for one trial of {LENGTH_S:g} s at {RATE_HZ} Hz (synthetic speech), in "
            f"batches of {BATCH} in float64; medians of {REPEATS} repeats, in which both sides "
            "take turns. The others compute one file at a time.",
            "",
            *table,
            "",
            f"Peak memory of a process that scores {', '.join(MEMORY_METRICS)}: "
            f"{memory[few]:.0f} MB for {few} trials, {memory[many]:.0f} MB for {many}.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--score", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.score is not None:
        print(score_and_measure(options.score))
        return
    rows = [
        timed("stoi", "pystoi", pystoi_value(extended=False)),
        timed("estoi", "pystoi", pystoi_value(extended=True)),
        timed("sdr", "mir_eval", mir_eval_sdr),
        timed("si_sdr", "NumPy", numpy_si_sdr),
        timed("snr", "NumPy", numpy_snr),
    ]
    text = page(rows, {trials: peak_mb(trials) for trials in (300, 3000)})
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
