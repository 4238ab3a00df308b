"""How long one trial takes in every metric, against the package that it agrees with.

Both sides of a row run in turn, in a process that may use one thread or all cores, and the fastest
repeat counts, because a busy machine only ever adds to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ...bench.metrics.protocol import BatchMetric, Signals
from ...bench.metrics.registry import load_metric
from ...core.allocator import keep_freed_memory
from ...datasets.corpora.synthetic_speech import SyntheticSpeech
from ...datasets.signals.audio import resample
from .page import THREADS, missing, table
from .sections import Settings

RATE_HZ, LENGTH_S, BATCH, REPEATS = 8000, 6.0, 16, 10
SETTLE_S = 0.1
"""Threads of linear algebra go on spinning for a while, and would take a core from the other."""
MEMORY_METRICS = ("snr", "si_sdr", "sd_sdr", "sdr", "stoi")

Signal = NDArray[np.float64]
Peer = Callable[[Signal, Signal], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTime:
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
    """Signals [N, T] as metrics take them; the mixture is the reference and the one before it."""
    frames = reference.shape[-1]
    return Signals(
        estimate=estimate,
        reference=reference,
        mixture=reference + np.roll(reference, 1, axis=0),
        lengths=np.full(len(reference), frames),
        sample_rate_hz=RATE_HZ,
    )


def pystoi_value(*, extended: bool) -> Peer:
    """STOI of pystoi."""
    from pystoi import stoi  # noqa: PLC0415 - a peer, and not always there

    return lambda estimate, reference: float(stoi(reference, estimate, RATE_HZ, extended=extended))


def mir_eval_sdr(estimate: Signal, reference: Signal) -> float:
    """SDR of mir_eval in dB."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its own deprecation
        from mir_eval.separation import bss_eval_sources  # noqa: PLC0415

        sdr, *_ = bss_eval_sources(reference[None], estimate[None], compute_permutation=False)
    return float(sdr[0])


def numpy_snr(estimate: Signal, reference: Signal) -> float:
    """SNR in dB."""
    noise = reference - estimate
    return float(10.0 * np.log10(np.sum(reference**2) / np.sum(noise**2)))


def numpy_si_sdr(estimate: Signal, reference: Signal) -> float:
    """SI-SDR of zero-mean signals in dB."""
    estimate, reference = estimate - estimate.mean(), reference - reference.mean()
    target = np.sum(estimate * reference) / np.sum(reference**2) * reference
    return float(10.0 * np.log10(np.sum(target**2) / np.sum((target - estimate) ** 2)))


def batched(name: str) -> BatchMetric:
    """A registered metric that takes batches."""
    metric = load_metric(name)
    if not isinstance(metric, BatchMetric):
        raise TypeError(f"{name} is not batched")
    return metric


def timed(name: str, peer_name: str, peer: Peer, *, repeats: int) -> MetricTime:
    """The fastest of some repeats, in which ours and theirs take turns to go first."""
    estimate, reference = speech(BATCH)
    signals, metric = batch(estimate, reference), batched(name)
    pairs = list(zip(estimate, reference, strict=True))
    sides = (lambda: metric.compute(signals).tolist(), lambda: [peer(e, r) for e, r in pairs])
    seconds: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats):
        values: list[list[float]] = [[], []]
        for side in (0, 1) if repeat % 2 else (1, 0):
            time.sleep(SETTLE_S)
            for _ in range(2):  # the first one after a sleep is slow
                begin = time.perf_counter()
                values[side] = sides[side]()
                seconds[side].append(time.perf_counter() - begin)
    ours_ms, theirs_ms = (1e3 * min(side) / BATCH for side in seconds)
    return MetricTime(
        metric=name,
        peer=peer_name,
        ours_ms=ours_ms,
        theirs_ms=theirs_ms,
        difference=max(abs(one - other) for one, other in zip(*values, strict=True)),
    )


def _in_process(*arguments: str, threads: int) -> str:
    """Output of this module in a new process with the given number of threads."""
    command = [sys.executable, "-m", __spec__.name, *arguments]
    limits = dict.fromkeys(THREADS, str(threads))
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | limits).stdout


def times(repeats: int) -> list[MetricTime]:
    """Every metric against its peer, as far as that is installed."""
    keep_freed_memory()  # as the commands do; for both sides
    found = []
    if not missing("pystoi"):
        found += [
            timed("stoi", "pystoi", pystoi_value(extended=False), repeats=repeats),
            timed("estoi", "pystoi", pystoi_value(extended=True), repeats=repeats),
        ]
    if not missing("mir_eval"):
        found.append(timed("sdr", "mir_eval", mir_eval_sdr, repeats=repeats))
    return [
        *found,
        timed("si_sdr", "NumPy", numpy_si_sdr, repeats=repeats),
        timed("snr", "NumPy", numpy_snr, repeats=repeats),
    ]


def score_and_measure(trials: int) -> float:
    """Score trials batch by batch as a run does; the peak resident memory in MB."""
    import resource  # noqa: PLC0415 - of Unix

    estimate, reference = speech(BATCH)
    signals = batch(estimate, reference)
    # Numbers are kept, not tensors: small tensors between large ones leave holes in the heap.
    kept = [batched(name).compute(signals).tolist() for _ in range(0, trials, BATCH) for name in MEMORY_METRICS]
    if not np.isfinite(kept).all():
        raise ValueError("a value is not finite")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def report(settings: Settings) -> str:
    """The section of the page."""
    repeats = 2 if settings.quick else REPEATS
    counts = sorted({1, os.cpu_count() or 1})
    sides = [[MetricTime(**row) for row in json.loads(_in_process("times", str(repeats), threads=n))] for n in counts]
    columns = ["metric"]
    for count in counts:
        columns += [f"ours, {count} threads" if count > 1 else "ours, 1 thread", "theirs", "times"]
    few, many = ((n, float(_in_process("memory", str(n), threads=counts[-1]))) for n in (300, 3000))
    lacking = filter(None, (missing("pystoi"), missing("mir_eval")))
    return "\n\n".join(
        [
            "## Metrics",
            f"Milliseconds for one trial of {LENGTH_S:g} s at {RATE_HZ} Hz (synthetic speech), in "
            f"batches of {BATCH} in float64; the fastest of {2 * repeats} repeats, in which both "
            "sides take turns, and how many times faster ours is. Both may use one thread, or as "
            "many as the machine has cores; the others compute one file at a time and gain little "
            "from a second thread.",
            table(
                [*columns, "largest difference"],
                [
                    [
                        f"`{same[0].metric}` against {same[0].peer}",
                        *[text for row in same for text in _cells(row)],
                        f"{max(row.difference for row in same):.0e}",
                    ]
                    for same in zip(*sides, strict=True)
                ],
            ),
            f"Peak memory of a process that scores {', '.join(MEMORY_METRICS)}: "
            f"{few[1]:.0f} MB for {few[0]} trials, {many[1]:.0f} MB for {many[0]}.",
            *lacking,
        ]
    )


def _cells(row: MetricTime) -> list[str]:
    ratio = row.theirs_ms / row.ours_ms
    return [f"{row.ours_ms:.2f}", f"{row.theirs_ms:.2f}", f"{ratio:.1f}"]


if __name__ == "__main__":
    kind, count = sys.argv[1], int(sys.argv[2])
    found = score_and_measure(count) if kind == "memory" else [asdict(row) for row in times(count)]
    sys.stdout.write(json.dumps(found))
