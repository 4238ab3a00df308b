"""Measured passes of one query at several lengths: time, MACs and memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...core.errors import ExtractionError
from ...datasets.batches import collate
from ...datasets.types import Clues
from ...systems.protocol import AnySystem, QueryBatch, SystemCard
from ...systems.shared.probes import make_probe
from ..inference.ask import ask
from ..inference.batching import Item, as_taken_by
from .energy_meter import open_meter

_UNIT = 7680  # lengths are multiples of 2⁹·3·5 samples, which most hops and chunks fill exactly
_TIMED_S = 2.0
_FEWEST, _MOST_S = 3, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Real-time factor: median, shortest and longest pass; and peak memory of the tensors from the allocator (CUDA).

    `joules_per_s` is the energy of all timed passes over their audio, in J for each second; None: not measured.
    """

    rtf: float
    rtf_low: float
    rtf_high: float
    peak_bytes: int | None
    joules_per_s: float | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """MACs, and peak memory of the tensors where the allocator keeps no statistics."""

    macs_per_s: float | None
    macs_per_query: float | None  # None if the MACs are no linear function of the duration
    peak_bytes: int | None
    note: str | None


def cost_items(card: SystemCard, sample_rate_hz: int, example: Item | None) -> tuple[Item, ...]:
    """One query at the system's rate, cut or repeated to about 1, 2 and 5 s; the clue stays."""
    item = _made_up(card, card.sample_rate_hz or sample_rate_hz) if example is None else as_taken_by(example, card)
    unit = _UNIT * max(1, round(item.query.sample_rate_hz / _UNIT))
    return tuple(_of_length(item, unit * factor) for factor in (1, 2, 5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """A system and its query at three lengths, the shortest first; batches go to the device."""

    system: AnySystem
    items: tuple[Item, ...]
    device: str

    def time(self, *, repeats: int) -> Timing:
        """Time the longest query, after a pass to warm up.

        Slow systems are timed less often, but at least three times, unless these take half a minute.
        """
        item = self.items[-1]
        self._timed(item)
        passes: list[tuple[float, int]] = []
        meter = open_meter(self.device)
        while len(passes) < repeats and sum(s for s, _ in passes) < (_TIMED_S if len(passes) >= _FEWEST else _MOST_S):
            passes.append(self._timed(item))
        joules = meter.joules() if meter else None
        duration_s = _duration_s(item)
        factors = sorted(seconds / duration_s for seconds, _ in passes)
        threads = torch.get_num_threads()
        where = "" if self._cuda else f" on {threads} CPU thread{'s' if threads > 1 else ''}"
        return Timing(
            rtf=statistics.median(factors),
            rtf_low=factors[0],
            rtf_high=factors[-1],
            peak_bytes=max(peak for _, peak in passes) if self._cuda else None,
            joules_per_s=None if joules is None else joules / (len(passes) * duration_s),
            note=f"timed {len(passes)}× with {duration_s:.3g} s{where}"
            + (f"; energy by {meter.source}" if meter and joules is not None else ""),
        )

    def count(self) -> Counts:
        """Count the MACs of all lengths, and the memory of the longest."""
        from .macs import LiveTensors, MacCounter  # noqa: PLC0415 - imports a compiler where torch has one

        counter, memory = MacCounter(), LiveTensors()
        macs: list[int] = []
        for item in self.items:
            with ExitStack() as watchers:
                batch = self._batch(item)
                if item is self.items[-1] and not self._cuda:
                    watchers.enter_context(memory)
                watchers.enter_context(counter.counting())
                self._ask(item, batch)
            macs.append(counter.macs)
        return _growth(
            macs, [_duration_s(item) for item in self.items], peak_bytes=None if self._cuda else memory.peak_bytes
        )

    def _timed(self, item: Item) -> tuple[float, int]:
        """Wall time of one answer in seconds, and the peak of its tensors in bytes (CUDA)."""
        batch = self._batch(item)
        before = 0
        if self._cuda:
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device)
        start = time.perf_counter()
        self._ask(item, batch)
        if self._cuda:
            torch.cuda.synchronize(self.device)
        seconds = time.perf_counter() - start
        return seconds, torch.cuda.max_memory_allocated(self.device) - before if self._cuda else 0

    @torch.inference_mode()
    def _batch(self, item: Item) -> QueryBatch:
        return collate([item.query], device=self.device)

    def _ask(self, item: Item, batch: QueryBatch) -> None:
        """Have one query answered; a refusal raises `ExtractionError`."""
        extraction = ask(self.system, batch, [item.truth])
        if item.query.id in extraction.failures:
            raise ExtractionError(extraction.failures[item.query.id])

    @property
    def _cuda(self) -> bool:
        return self.device.startswith("cuda")


def _growth(macs: Sequence[int], durations_s: Sequence[float], *, peak_bytes: int | None) -> Counts:
    """The line through the first and the last count; the middle one tests linearity."""
    first, middle, last = macs
    per_s = (last - first) / (durations_s[-1] - durations_s[0])
    rest = first - per_s * durations_s[0]
    linear = abs(middle - rest - per_s * durations_s[1]) <= 0.01 * middle
    span = f"{durations_s[0]:.3g} to {durations_s[-1]:.3g} s"
    return Counts(
        macs_per_s=per_s,
        # Below zero where no padding makes up for the context that the first frame needs.
        macs_per_query=max(0.0, rest) if linear else None,
        peak_bytes=peak_bytes,
        note=None if linear else f"MACs are not linear in the duration; macs_per_s is their mean slope from {span}",
    )


def _made_up(card: SystemCard, sample_rate_hz: int) -> Item:
    probe = make_probe(card, name="cost", duration_s=1.0, sample_rate_hz=sample_rate_hz, seed=0)
    clues = probe.query.clues
    enrollments = tuple(_looped(clip, 4 * sample_rate_hz) for clip in clues.enrollments)  # of 4 s
    query = replace(probe.query, clues=replace(clues, enrollments=enrollments))
    return Item(index=0, query=query, truth=probe.truth)


def _of_length(item: Item, length: int) -> Item:
    """A copy with signals of `length` samples."""
    query, truth = item.query, item.truth
    clues = _own_clues(query.clues, duration_s=length / query.sample_rate_hz)
    target = None if truth.target is None else _looped(truth.target, length)
    return replace(
        item,
        query=replace(query, mixture=_looped(query.mixture, length), clues=clues),
        truth=replace(truth, target=target, interferers=_looped(truth.interferers, length)),
    )


def _own_clues(clues: Clues, *, duration_s: float) -> Clues:
    """A copy, with as many pictures of a video as the mixture lasts."""
    video = clues.video
    if video is not None and clues.video_fps:
        pictures = max(1, round(duration_s * clues.video_fps))
        video = _looped(video.movedim(0, -1), pictures).movedim(-1, 0)
    enrollments = tuple(clip.clone() for clip in clues.enrollments)
    return replace(clues, enrollments=enrollments, video=video)


def _looped(signal: Tensor, length: int) -> Tensor:
    """A copy of a signal [..., T], repeated or cut to `length`."""
    times = -(-length // signal.shape[-1])
    return signal.repeat(*[1] * (signal.ndim - 1), times)[..., :length].clone()


def _duration_s(item: Item) -> float:
    return item.length / item.query.sample_rate_hz
