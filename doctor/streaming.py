"""Checks of `tsebench doctor SYSTEM --streaming`: causality, latency, speed, and equality with the offline answer."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from ..bench.inference.ask import Failure, ask, guarded
from ..bench.inference.process_state import state_put_back
from ..bench.inference.streamed import PIECE_S
from ..core.errors import ExtractionError
from ..core.provenance import device_name
from ..datasets.batches import collate
from ..datasets.seeding import generator
from ..datasets.types import Query
from ..systems.protocol import AnySystem, StreamingSystem, why_not_streaming
from ..systems.shared.batches import full_float32
from ..systems.shared.probes import Probe, make_probe
from .system_checks import SAME_DB, CheckResult, estimates_of, sort_out

T = TypeVar("T")

DURATION_S = 3.0
UNCHANGED_DB = -100.0
"""Largest change of an output before the future can reach it: rounding stays below, any influence is far above."""

_WARM_UP = 10
_CHANGES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRun:
    """Answer of a stream to one query.

    Attributes:
        answer: [T].
        late: most samples that a push left unanswered.
        seconds: of each push.
        cpu_seconds: the same on the clock of this process, all its threads together.
    """

    answer: Tensor
    late: int
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProbe:
    """A streaming system under test, a query at its rate, and both of its answers to it."""

    system: StreamingSystem
    probe: Probe
    device: str
    offline: Tensor
    streamed: StreamRun

    @property
    def rate_hz(self) -> int:
        """Of the query."""
        return self.probe.query.sample_rate_hz

    def samples(self, count: int) -> str:
        """A number of samples as text, in ms too."""
        return f"{count} samples ({1e3 * count / self.rate_hz:.3g} ms)"


def check_streaming(
    system: AnySystem, *, sample_rate_hz: int, device: str = "cpu", duration_s: float = DURATION_S
) -> list[CheckResult]:
    """Stream a made-up query through a system.

    Args:
        system: built on the device, in this process.
        sample_rate_hz: rate of the query, if the card does not name one.
        duration_s: of its mixture.

    Returns:
        One result for each check, in a fixed order; a single one if the system does not stream.
    """
    if problem := why_not_streaming(system):
        return [CheckResult("streaming", False, problem)]
    if not isinstance(system, StreamingSystem):
        raise TypeError(f"{type(system).__name__} has no start(query)")
    rate = system.card.sample_rate_hz or sample_rate_hz
    probe = make_probe(system.card, name="stream", duration_s=duration_s, sample_rate_hz=rate, seed=0)
    chunk = system.card.chunk_samples or 1
    begun = _tried(lambda: (_offline(system, probe, device), _stream(system, probe.query, [chunk], device)))
    if isinstance(begun, str):
        return [CheckResult("streaming", False, begun)]
    probed = StreamProbe(system=system, probe=probe, device=device, offline=begun[0], streamed=begun[1])
    results: list[CheckResult] = []
    for name, check in _CHECKS.items():
        found = _tried(partial(check, probed))
        passed, detail = (False, found) if isinstance(found, str) else found
        results.append(CheckResult(name, passed, detail))
    return results


_Finding = tuple[bool, str]


def _causality(probed: StreamProbe) -> _Finding:
    """Output up to t does not change with the input after t + latency, whole and streamed."""
    latency, chunk = probed.system.card.latency_samples or 1, probed.system.card.chunk_samples or 1
    length = len(probed.offline)
    rng = generator("stream", probed.probe.query.id)
    starts = [chunk * int(number) for number in rng.integers(0, max(1, length // chunk), size=_CHANGES // 4)]
    # The first sample that a chunk must not depend on, the one before, and places between.
    places = [start + latency - past for start in starts for past in (0, 1)]
    places += [int(place) for place in rng.integers(1, length, size=_CHANGES - len(places))]
    places = [place for place in places if 0 < place < length]
    reach, piece = 0, [max(1, round(PIECE_S * probed.rate_hz))]
    in_pieces = _stream(probed.system, probed.probe.query, piece, probed.device).answer
    for place in places:
        other = _with_future(probed.probe, place)
        whole = _offline(probed.system, other, probed.device)
        streamed = _stream(probed.system, other.query, piece, probed.device).answer
        for before, after in ((probed.offline, whole), (in_pieces, streamed)):
            reach = max(reach, place - _first_change(before, after) + 1)
    detail = f"output depends on at most {probed.samples(reach)} from its own time on, and the card says {latency}"
    return reach <= latency, f"{detail}, in {len(places)} changes of the future"


def _latency(probed: StreamProbe) -> _Finding:
    """No push leaves more than the latency unanswered."""
    card, query = probed.system.card, probed.probe.query
    promised = card.latency_samples or 1
    beginning = replace(query, mixture=query.mixture[:, : 4 * promised])
    late = _stream(probed.system, beginning, [1], probed.device).late
    parts = f"chunk {card.chunk_samples} + look-ahead {card.lookahead_samples}"
    detail = f"{probed.samples(promised)} = {parts}"
    return late < promised, f"{detail}; at most {late} samples wait for their answer"


def _pieces(probed: StreamProbe) -> _Finding:
    """The answer does not depend on the sizes of the pieces that are pushed."""
    rng = generator("pieces", probed.probe.query.id)
    sizes = [int(size) for size in rng.integers(1, max(2, round(PIECE_S * probed.rate_hz)), size=97)]
    uneven = _stream(probed.system, probed.probe.query, sizes, probed.device)
    level_db = peak_difference_db(probed.streamed.answer, uneven.answer)
    return level_db <= SAME_DB, f"pieces of 1 to {max(sizes)} samples: {_apart(level_db)}"


def _offline_answer(probed: StreamProbe) -> _Finding:
    """The streamed answer is the one that the system gives for the whole mixture."""
    level_db = peak_difference_db(probed.offline, probed.streamed.answer)
    same = level_db <= SAME_DB
    advice = "" if same else "; run it with streaming: true, or its scores are not those of its stream"
    return same, f"streamed and whole mixture: {_apart(level_db)}{advice}"


def _real_time(probed: StreamProbe) -> _Finding:
    """Time of a push over the duration of its chunk."""
    chunk = probed.system.card.chunk_samples or 1
    factors, of_cpu = (
        sorted(seconds * probed.rate_hz / chunk for seconds in times[_WARM_UP:])
        for times in (probed.streamed.seconds, probed.streamed.cpu_seconds)
    )
    if not factors:
        return True, "the query has too few chunks to be timed"
    high = factors[math.ceil(0.99 * len(factors)) - 1]
    where = f"{len(factors)} chunks, {device_name(probed.device)}"
    cpu = f"; CPU time: median {statistics.median(of_cpu):.3g}" if probed.device == "cpu" else ""
    slow = "; slower than real time" if high > 1.0 else ""
    middle = statistics.median(factors)
    return True, f"median {middle:.3g}, 99th percentile {high:.3g} of a chunk's time ({where}{cpu}){slow}"


_CHECKS: Mapping[str, Callable[[StreamProbe], _Finding]] = {
    "causality": _causality,
    "latency": _latency,
    "pieces": _pieces,
    "offline": _offline_answer,
    "real_time": _real_time,
}


def peak_difference_db(first: Tensor, second: Tensor) -> float:
    """20 log10(max |a − b| / max |a|) of two answers; −inf if they are identical."""
    error, peak = float((first.double() - second.double()).abs().max()), float(first.double().abs().max())
    if error == 0:
        return -math.inf
    return 20 * math.log10(error / peak) if peak else math.inf


def _apart(level_db: float) -> str:
    return "identical" if level_db == -math.inf else f"{level_db:.1f} dB apart at most, re the peak"


def _first_change(before: Tensor, after: Tensor) -> int:
    """First sample that differs by more than rounding; the length if none does."""
    allowed = 10 ** (UNCHANGED_DB / 20) * float(before.abs().max())
    changed = ((before - after).abs() > allowed).nonzero()
    return int(changed[0]) if len(changed) else len(before)


def _with_future(probe: Probe, place: int) -> Probe:
    """The query with louder noise from a sample on."""
    mixture = probe.query.mixture.clone()
    noise = torch.from_numpy(generator("future", place).standard_normal(tuple(mixture[:, place:].shape)))
    mixture[:, place:] = 3.0 * mixture[:, place:].abs().max() * noise.to(mixture.dtype)
    return replace(probe, query=replace(probe.query, mixture=mixture))


def _offline(system: AnySystem, probe: Probe, device: str) -> Tensor:
    batch = collate([probe.query], device=device)
    return estimates_of(sort_out(ask(system, batch, [probe.truth]), batch))[0]


@torch.inference_mode()
def _stream(system: StreamingSystem, query: Query, sizes: Sequence[int], device: str) -> StreamRun:
    """Push a query in pieces of these sizes, again and again, and time each push."""
    batch = collate([query], device=device)
    on_device = replace(query, mixture=batch.mixture[0], clues=batch.clues[0])
    answers: list[Tensor] = []
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    late = taken = given = 0
    with state_put_back(), full_float32():
        stream = system.start(replace(on_device, mixture=on_device.mixture[:, :0]))
        while taken < on_device.mixture.shape[-1]:
            samples = on_device.mixture[:, taken : taken + sizes[len(answers) % len(sizes)]]
            _wait_for(device)
            started, cpu_started = time.perf_counter(), time.process_time()
            answers.append(stream.push(samples))
            _wait_for(device)
            seconds.append(time.perf_counter() - started)
            cpu_seconds.append(time.process_time() - cpu_started)
            taken, given = taken + samples.shape[-1], given + len(answers[-1])
            late = max(late, taken - given)
        answers.append(stream.finish())
    answer = torch.cat([part.cpu() for part in answers])
    if len(answer) != taken:
        raise ExtractionError(f"the stream gave {len(answer)} samples for a mixture of {taken}")
    if not bool(answer.isfinite().all()):
        raise ExtractionError("the stream gave NaN or inf")
    return StreamRun(answer=answer, late=late, seconds=tuple(seconds), cpu_seconds=tuple(cpu_seconds))


def _wait_for(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _tried(work: Callable[[], T]) -> T | str:
    """The result of a check, or in one line why it has none."""
    found = guarded(work)
    return found.reason if isinstance(found, Failure) else found
