"""One system on one dataset: load, ask, score, overlapped, with bounded memory.

Trials go through in chunks of fixed composition. A thread renders the chunks ahead; this thread
runs the system and the batched metrics; the pool of processes runs the metrics of one file. At
most `AHEAD` chunks are in flight on either side, however long the dataset is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import torch

from ...core.errors import TsebenchError
from ...core.prefetch import AHEAD, ahead
from ...datasets.dataset import Dataset
from ...datasets.seeding import digest
from ...systems.protocol import AnySystem
from ..inference.ask import Answer, Answering, Inference
from ..inference.batching import Item
from ..metrics.protocol import Facts, Metric
from ..scoring.cache import ScoreCache
from ..scoring.pool import FilePool
from ..scoring.scorer import MetricPlan, Pending, Scorable, Score, Scorer
from .estimate_store import all_kept, keep_answers, kept_answers

CHUNK_TRIALS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkScores:
    """Base-metric scores of one chunk: trials [first, last) of the dataset."""

    chunk: int
    trials: range
    scores: list[Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A system as a run uses it.

    Attributes:
        identity: see `cache.system_identity`.
        estimates: folder where its estimates are kept, or None.
    """

    system: AnySystem
    identity: str
    estimates: Path | None


@dataclass(frozen=True, slots=True)
class _Task:
    """One system, the metrics that are wanted, and their cache keys by name."""

    asked: Asked
    metrics: tuple[Metric, ...]
    keys: dict[str, str]
    stopped: Event


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A chunk on its way to the system: scores that are known, and trials if some are not."""

    chunk: int
    known: dict[str, list[Score]]
    items: list[Item]


@dataclass(frozen=True, slots=True)
class _Answered:
    """A chunk with an answer for each of its trials, of which some are fresh."""

    loaded: _Loaded
    answers: dict[int, Answer]
    fresh: list[Item]


@dataclass(frozen=True, slots=True)
class _Begun:
    """A chunk that the system may be answering; what was kept of it is known."""

    loaded: _Loaded
    kept: dict[int, Answer]
    fresh: list[Item]
    answering: Answering | None

    def finish(self) -> _Answered:
        """Wait for the answers."""
        found = self.answering.finish() if self.answering else {}
        return _Answered(self.loaded, self.kept | found, self.fresh)


@dataclass(frozen=True, slots=True)
class _Scoring:
    """A chunk whose scores are being computed."""

    chunk: int
    known: dict[str, list[Score]]
    pending: list[Pending]

    @property
    def done(self) -> bool:
        return all(pending.done for pending in self.pending)


class Evaluation:
    """Computes base-metric scores of systems on one dataset.

    Args:
        dataset: an open dataset.
        plan: the metrics.
        device: device of systems and batched metrics.
        batch_size: most queries in a batch.
        pool: processes for metrics of one file.
        cache: scores from before.
        chunk_trials: trials of a chunk.
    """

    def __init__(
        self,
        dataset: Dataset,
        plan: MetricPlan,
        *,
        device: str,
        batch_size: int,
        pool: FilePool,
        cache: ScoreCache,
        chunk_trials: int = CHUNK_TRIALS,
    ) -> None:
        self._dataset = dataset
        self._plan = plan
        self._device = device
        self._batch_size = batch_size
        self._pool = pool
        self._cache = cache
        self._rate_hz = dataset.card.sample_rate_hz
        self._chunk_trials = chunk_trials
        total = len(dataset)
        self._chunks = tuple(
            range(start, min(start + chunk_trials, total)) for start in range(0, total, chunk_trials)
        )

    def chunks(self) -> tuple[range, ...]:
        """Trials of each chunk; they depend on the dataset and the chunks' length alone."""
        return self._chunks

    def run(
        self, asked: Asked, wanted: Iterable[int], *, metrics: Sequence[Metric] | None = None
    ) -> Iterator[ChunkScores]:
        """Scores of the wanted chunks, in order.

        Args:
            asked: the system.
            wanted: numbers of chunks.
            metrics: base metrics; those of the plan if None.

        Raises:
            AudioError: a recording of the dataset is missing or damaged; the chunks before it are
                given first.
        """
        inference = Inference(asked.system, device=self._device, batch_size=self._batch_size)
        task = self._task(asked, self._plan.metrics if metrics is None else metrics)
        waiting: deque[_Scoring] = deque()
        loads = ahead(lambda chunk: self._load(chunk, task), list(wanted))
        try:
            for answered in self._answered(task, inference, loads):
                pending = self._scored(task, answered)
                loaded = answered.loaded
                waiting.append(_Scoring(loaded.chunk, loaded.known, pending))
                while waiting and (len(waiting) > AHEAD or waiting[0].done):
                    yield self._finish(waiting.popleft(), task)
        except TsebenchError:
            yield from self._finish_all(waiting, task)
            raise
        finally:
            task.stopped.set()
            loads.close()
        yield from self._finish_all(waiting, task)

    def _task(self, asked: Asked, metrics: Sequence[Metric]) -> _Task:
        facts = (asked.identity, self._dataset.card.fingerprint, str(self._chunk_trials))
        keys = {m.info.name: digest("score", *facts, m.signature(self._rate_hz)) for m in metrics}
        return _Task(asked, tuple(metrics), keys, Event())

    def _load(self, chunk: int, task: _Task) -> _Loaded:
        """What is known of a chunk, and its rendered trials if that is not all."""
        ids = [self._dataset.trials[index].id for index in self._chunks[chunk]]
        found = {name: self._cache.load(key, chunk) for name, key in task.keys.items()}
        known = {
            name: scores
            for name, scores in found.items()
            if scores is not None and list(dict.fromkeys(s.trial_id for s in scores)) == ids
        }
        items: list[Item] = []
        if len(known) < len(task.keys) or not all_kept(task.asked.estimates, ids):
            for index in self._chunks[chunk]:
                if task.stopped.is_set():
                    break
                query, truth = self._dataset[index]
                items.append(Item(index=index, query=query, truth=truth))
        return _Loaded(chunk, known, items)

    def _answered(self, task: _Task, inference: Inference, loads: Iterable[_Loaded]) -> Iterator[_Answered]:
        """Chunks with the answers; a GPU has begun with the next one when one is given."""
        before: _Begun | None = None
        try:
            for loaded in loads:
                answered = before.finish() if before else None
                before = self._begin(task, inference, loaded)
                if answered:
                    yield answered
                if not inference.batches_ahead:
                    yield before.finish()
                    before = None
        except TsebenchError:
            if before:
                yield before.finish()
            raise
        if before:
            yield before.finish()

    def _begin(self, task: _Task, inference: Inference, loaded: _Loaded) -> _Begun:
        answers = kept_answers(task.asked.estimates, loaded.items)
        fresh = [item for item in loaded.items if item.index not in answers]
        return _Begun(loaded, answers, fresh, inference.begin(fresh) if fresh else None)

    def _scored(self, task: _Task, answered: _Answered) -> list[Pending]:
        items, answers = answered.loaded.items, answered.answers
        if not items:
            return []
        keep_answers(task.asked.estimates, answered.fresh, answers, self._rate_hz)
        lacking = tuple(m for m in task.metrics if m.info.name not in answered.loaded.known)
        plan = replace(self._plan, metrics=lacking, improvements=(), reference_values=())
        classes = task.asked.system.card.classes
        batch = [_scorable(item, answers[item.index], classes) for item in items]
        return self._score(plan, batch, self._device) if lacking else []

    def _score(self, plan: MetricPlan, batch: Sequence[Scorable], device: str) -> list[Pending]:
        """Score a batch; when memory runs out in halves, and at last on the CPU."""
        scorer = Scorer(plan, sample_rate_hz=self._rate_hz, device=device, pool=self._pool)
        try:
            return [scorer.submit(batch)]
        except torch.OutOfMemoryError:
            half = len(batch) // 2
        if half:
            halves = (batch[:half], batch[half:])
            return [pending for part in halves for pending in self._score(plan, part, device)]
        if device != "cpu":
            return self._score(plan, batch, "cpu")
        failed = replace(batch[0], estimate=None, failure="out of memory while scoring")
        return [scorer.submit([failed])]

    def _finish_all(self, waiting: deque[_Scoring], task: _Task) -> Iterator[ChunkScores]:
        while waiting:
            yield self._finish(waiting.popleft(), task)

    def _finish(self, scoring: _Scoring, task: _Task) -> ChunkScores:
        scores = [score for known in scoring.known.values() for score in known]
        fresh = [score for pending in scoring.pending for score in pending.result()]
        for metric in task.metrics:
            names = {metric.info.name, *(part.name for part in metric.info.parts)}
            named = [score for score in fresh if score.metric in names]
            if named:
                self._cache.store(task.keys[metric.info.name], scoring.chunk, named)
        trials = self._chunks[scoring.chunk]
        return ChunkScores(chunk=scoring.chunk, trials=trials, scores=[*scores, *fresh])


def _scorable(item: Item, answer: Answer, classes: tuple[str, ...] | None) -> Scorable:
    target, enrollments = item.truth.target, item.query.clues.enrollments
    facts = Facts(
        interferers=item.truth.interferers,
        transcript=item.truth.transcript,
        active_classes=item.truth.active_classes,
        classes=classes,
        class_probabilities=answer.class_probabilities,
        enrollment=enrollments[0] if enrollments else None,
    )
    return Scorable(
        trial_id=item.query.id,
        estimate=answer.estimate,
        failure=answer.failure,
        reference=None if target is None else target[0],
        mixture=item.query.mixture[0],
        facts=facts,
    )
