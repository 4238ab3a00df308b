"""Scores of one system, or of files made elsewhere, on one set of trials: load, answer, score.

Trials go through in chunks of fixed composition, and three kinds of work overlap. Threads load chunks ahead, one for a
CPU, which the system needs, and several for a GPU: rendering and reading are I/O and NumPy, which release the
interpreter. The calling thread runs the system and the batched metrics, because both use the device and torch's own
threads. The pool of processes computes metrics that take one file at a time. At most `AHEAD` chunks wait on either
side, or one more than threads that load, so that memory does not grow with the set; they are given in order, so that a
run that is killed has lost the last few at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from threading import Event
from typing import TYPE_CHECKING

from ...core.allocator import give_back_freed_memory
from ...core.arrays import memory_errors
from ...core.errors import TsebenchError
from ...core.prefetch import AHEAD, ahead
from ...core.processors import usable_processors
from ...datasets.seeding import digest, sample_seed
from ...datasets.types import Query
from ..inference.answer import Answer
from ..inference.batching import Item
from ..metrics.protocol import Metric
from ..outcome import Score
from ..scoring.cache import ScoreCache
from ..scoring.edges import Scorable, swapped
from ..scoring.plan import MetricPlan
from ..scoring.pool import FilePool
from ..scoring.scorer import Pending, Scorer
from .trial_set import AnswerSource, TrialSet, scorable

if TYPE_CHECKING:
    from ..inference.ask import Answering

CHUNK_TRIALS = 32
"""Trials of a chunk: enough for a few batches, few enough that little is lost when a run is killed."""
LOADERS = 4
"""Most threads that load chunks for a GPU; more have little to gain while all share one interpreter."""
CHUNK_SAMPLES = 1 << 27
"""Most samples of the mixtures of a chunk of several trials: half a gigabyte, or two hours at 16 kHz in all."""
_CHUNKS_UNTIL_GIVEN_BACK = 32
"""Batches of ever other lengths leave gaps between blocks of memory, which would add up over thousands of trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkScores:
    """Base-metric scores of one chunk: trials [first, last) of the set."""

    chunk: int
    trials: range
    scores: list[Score]


@dataclass(frozen=True, slots=True)
class _Task:
    """One source of answers, the metrics that are wanted, and keys by metric if scores are cached."""

    source: AnswerSource
    metrics: tuple[Metric, ...]
    cache: ScoreCache | None
    keys: dict[str, str]
    stopped: Event


@dataclass(slots=True)
class _Chunk:
    """A chunk on its way through the stages.

    Attributes:
        known: scores from the cache, by metric.
        items: its trials, or none if all scores and answers are there.
        answers: by item index, first those on disk.
        answering: the system's answers under way.
        pending: scores under way.
    """

    number: int
    known: dict[str, list[Score]]
    items: list[Item]
    answers: dict[int, Answer]
    answering: Answering | None = None
    pending: Sequence[Pending] = ()

    @property
    def unanswered(self) -> list[Item]:
        return [item for item in self.items if item.index not in self.answers]

    @property
    def scored(self) -> bool:
        return all(pending.done for pending in self.pending)


class Evaluation:
    """Computes base-metric scores on one set.

    Args:
        device: device of batched metrics.
        pool: processes for metrics of one file.
        cache: scores of earlier runs, or None.
        swap_roles: score each reference against its estimate, for variants of metrics.
        loaders: threads that load chunks; None: as many as suit the device.
        in_workers: on a CPU the pool computes batched metrics, too, because this process has no system to run.
    """

    def __init__(
        self,
        dataset: TrialSet,
        plan: MetricPlan,
        *,
        device: str,
        pool: FilePool,
        cache: ScoreCache | None,
        chunk_trials: int = CHUNK_TRIALS,
        swap_roles: bool = False,
        loaders: int | None = None,
        in_workers: bool = False,
    ) -> None:
        self.dataset, self.plan, self._rate_hz = dataset, plan, dataset.card.sample_rate_hz
        self._device, self._pool, self._cache = device, pool, cache
        self._chunk_trials, self._swap_roles = chunk_trials, swap_roles
        self._in_workers = in_workers
        self._loaders = _loaders(device) if loaders is None else loaders
        self.chunks = tuple(_chunks(dataset, chunk_trials))
        """Trials of each chunk; they depend on the set and the chunks' length alone."""

    def run(
        self,
        source: AnswerSource,
        wanted: Iterable[int],
        *,
        metrics: Sequence[Metric] | None = None,
        submitted: Callable[[], None] = lambda: None,
    ) -> Iterator[ChunkScores]:
        """Scores of the wanted chunks, in order, by base metrics (None: those of the plan, and those it watches).

        Args:
            submitted: called when all are under way, before the last ones are waited for.

        Raises:
            AudioError: a recording of the set is missing or damaged; the chunks before it are given first.
        """
        found = self._run(source, wanted, metrics=metrics, submitted=submitted)
        return (part for part in found if part is not None)

    def begun(
        self, source: AnswerSource, wanted: Iterable[int], *, submitted: Callable[[], None]
    ) -> Iterator[ChunkScores]:
        """As `run`, with the first chunks under way when this returns."""
        found = self._run(source, wanted, submitted=submitted)
        first = next(found, None)
        return chain([] if first is None else [first], (part for part in found if part is not None))

    def _run(
        self,
        source: AnswerSource,
        wanted: Iterable[int],
        *,
        metrics: Sequence[Metric] | None = None,
        submitted: Callable[[], None] = lambda: None,
    ) -> Iterator[ChunkScores | None]:
        """Scores of chunks as `run` gives them; None before the first, as soon as `AHEAD` chunks are under way."""
        every = (*self.plan.metrics, *self.plan.watched)
        task = self._task(source, every if metrics is None else tuple(metrics))
        waiting: deque[_Chunk] = deque()
        begun = 0
        loads = ahead(lambda number: self._load(number, task), list(wanted), threads=self._loaders)
        try:
            for chunk in self._answered(task, loads):
                chunk.pending = self._submit(task, chunk)
                chunk.items, chunk.answers = [], {}  # the signals are not needed any more
                waiting.append(chunk)
                begun += 1
                if begun == AHEAD:
                    yield None
                if begun % _CHUNKS_UNTIL_GIVEN_BACK == 0:
                    give_back_freed_memory()
                # The pool may still compute the last chunks while the system answers the next.
                while waiting and (len(waiting) > AHEAD or waiting[0].scored):
                    yield self._finish(waiting.popleft(), task)
        except TsebenchError:
            while waiting:
                yield self._finish(waiting.popleft(), task)
            raise
        finally:
            task.stopped.set()
            loads.close()
        if begun < AHEAD:
            yield None
        submitted()
        while waiting:
            yield self._finish(waiting.popleft(), task)

    def _task(self, source: AnswerSource, metrics: tuple[Metric, ...]) -> _Task:
        facts = [source.identity, self.dataset.card.fingerprint, str(self._chunk_trials)]
        facts += [f"sample {source.sample}"] if source.sample else []
        keys = {m.info.name: digest("score", *facts, m.signature(self._rate_hz), self.plan.code_of(m)) for m in metrics}
        return _Task(source, metrics, self._cache if source.reusable else None, keys, Event())

    def _load(self, number: int, task: _Task) -> _Chunk:
        """Known scores of a chunk; also its trials and their answers on disk if that is not all."""
        ids = [self.dataset.trials[index].id for index in self.chunks[number]]
        known: dict[str, list[Score]] = {}
        for name, key in task.keys.items():
            scores = task.cache.load(key, number) if task.cache else None
            if scores is not None and list(dict.fromkeys(score.trial_id for score in scores)) == ids:
                known[name] = scores
        items: list[Item] = []
        if len(known) < len(task.keys) or not task.source.complete(ids):
            for index in self.chunks[number]:
                if task.stopped.is_set():
                    break
                query, truth = self.dataset[index]
                items.append(Item(index=index, query=self._of_sample(query, task.source.sample), truth=truth))
        return _Chunk(number, known, items, task.source.stored(items))

    def _of_sample(self, query: Query, sample: int) -> Query:
        """The query with the seed of a sample."""
        return replace(query, seed=sample_seed(self.dataset.card.fingerprint, query.id, sample))

    def _answered(self, task: _Task, loads: Iterable[_Chunk]) -> Iterator[_Chunk]:
        """Chunks with all answers.

        Where the system runs ahead (on a GPU), it begins with the next chunk before one is given, so that it is busy
        while the caller submits scores.
        """
        inference = task.source.inference
        runs_ahead = inference is not None and inference.batches_ahead > 0
        before: _Chunk | None = None
        try:
            for chunk in loads:
                answered = self._collect(task, before) if before else None
                before = chunk
                if inference is not None and chunk.unanswered:
                    chunk.answering = inference.begin(chunk.unanswered)
                if answered:
                    yield answered
                if not runs_ahead:
                    yield self._collect(task, chunk)
                    before = None
        except TsebenchError:
            if before:
                yield self._collect(task, before)
            raise
        if before:
            yield self._collect(task, before)

    @staticmethod
    def _collect(task: _Task, chunk: _Chunk) -> _Chunk:
        if chunk.answering:
            new = chunk.unanswered
            chunk.answers |= chunk.answering.finish()
            chunk.answering = None
            task.source.store(new, chunk.answers)
        return chunk

    def _submit(self, task: _Task, chunk: _Chunk) -> list[Pending]:
        lacking = [metric for metric in task.metrics if metric.info.name not in chunk.known]
        if not (chunk.items and lacking):
            return []
        batch = [scorable(item, chunk.answers[item.index], task.source.classes) for item in chunk.items]
        if self._swap_roles:
            batch = [swapped(item, self._rate_hz) for item in batch]
        return self._score(self.plan.restricted(lacking), batch, self._device)

    def _score(self, plan: MetricPlan, batch: Sequence[Scorable], device: str) -> list[Pending]:
        """Score a batch; when memory runs out in halves, and at last on the CPU."""
        scorer = Scorer(plan, sample_rate_hz=self._rate_hz, device=device, pool=self._pool, in_workers=self._in_workers)
        try:
            return [scorer.submit(batch)]
        except memory_errors():
            half = len(batch) // 2
        if half:
            halves = (batch[:half], batch[half:])
            return [pending for part in halves for pending in self._score(plan, part, device)]
        if device != "cpu":
            return self._score(plan, batch, "cpu")
        failed = replace(batch[0], estimate=None, failure="out of memory while scoring")
        return [scorer.submit([failed])]

    def _finish(self, chunk: _Chunk, task: _Task) -> ChunkScores:
        """Wait for the scores of a chunk, and store the new ones."""
        new = [score for pending in chunk.pending for score in pending.result()]
        for metric in task.metrics:
            names = {metric.info.name, *(part.name for part in metric.info.parts)}
            named = [score for score in new if score.metric in names]
            if task.cache and named:
                task.cache.store(task.keys[metric.info.name], chunk.number, named)
        scores = [score for known in chunk.known.values() for score in known]
        return ChunkScores(chunk=chunk.number, trials=self.chunks[chunk.number], scores=[*scores, *new])


def _loaders(device: str) -> int:
    """Threads that load chunks; one processor is left to the thread that runs the system."""
    return 1 if device == "cpu" else max(1, min(LOADERS, usable_processors() - 1))


def _chunks(dataset: TrialSet, chunk_trials: int) -> Iterator[range]:
    """Trials in groups, smaller ones where the set knows that its recordings are long."""
    length_of = getattr(dataset, "length", lambda _: 0)
    start = samples = 0
    for place in range(len(dataset)):
        samples += length_of(place)
        if place > start and (place - start >= chunk_trials or samples > CHUNK_SAMPLES):
            yield range(start, place)
            start, samples = place, length_of(place)
    if len(dataset):
        yield range(start, len(dataset))
