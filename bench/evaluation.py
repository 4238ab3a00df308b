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

import torch

from ..datasets.audio import read_mono, write
from ..datasets.dataset import Dataset
from ..datasets.seeding import digest
from ..errors import AudioError
from ..systems.protocol import AnySystem
from .batching import Item
from .cache import ScoreCache
from .inference import Answer, Inference
from .pool import FilePool
from .prefetch import AHEAD, ahead
from .scoring import MetricPlan, Pending, Scorable, Score, Scorer

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
class _Loaded:
    """A chunk on its way to the system: scores that are known, and trials if some are not."""

    chunk: int
    known: dict[str, list[Score]]
    items: list[Item]


@dataclass(frozen=True, slots=True)
class _Scoring:
    """A chunk whose scores are being computed."""

    chunk: int
    known: dict[str, list[Score]]
    pending: Pending | None


class Evaluation:
    """Computes base-metric scores of systems on one dataset.

    Args:
        dataset: an open dataset.
        plan: the metrics.
        device: device of systems and batched metrics.
        batch_size: most queries in a batch.
        pool: processes for metrics of one file.
        cache: scores from before.
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
    ) -> None:
        self._dataset = dataset
        self._plan = plan
        self._device = device
        self._batch_size = batch_size
        self._pool = pool
        self._cache = cache
        self._rate_hz = dataset.card.sample_rate_hz

    def chunks(self) -> list[range]:
        """Trials of each chunk; they depend on the dataset alone."""
        total = len(self._dataset)
        return [
            range(start, min(start + CHUNK_TRIALS, total))
            for start in range(0, total, CHUNK_TRIALS)
        ]

    def run(self, asked: Asked, wanted: Iterable[int]) -> Iterator[ChunkScores]:
        """Scores of the wanted chunks, in order.

        Raises:
            AudioError: a recording of the dataset is missing or damaged.
        """
        inference = Inference(asked.system, device=self._device, batch_size=self._batch_size)
        keys = self._keys(asked.identity)
        waiting: deque[_Scoring] = deque()
        for loaded in ahead(lambda chunk: self._load(chunk, keys), list(wanted)):
            pending = self._submit(asked, inference, loaded)
            waiting.append(_Scoring(loaded.chunk, loaded.known, pending))
            if len(waiting) > AHEAD:
                yield self._finish(waiting.popleft(), keys)
        while waiting:
            yield self._finish(waiting.popleft(), keys)

    def _keys(self, identity: str) -> dict[str, str]:
        """Cache key by base metric."""
        fingerprint = self._dataset.card.fingerprint
        return {
            metric.info.name: digest(
                "score", identity, fingerprint, metric.signature(self._rate_hz)
            )
            for metric in self._plan.metrics
        }

    def _load(self, chunk: int, keys: dict[str, str]) -> _Loaded:
        """What is known of a chunk, and its rendered trials if that is not all."""
        found = {name: self._cache.load(key, chunk) for name, key in keys.items()}
        known = {name: scores for name, scores in found.items() if scores is not None}
        items: list[Item] = []
        if len(known) < len(keys):
            for index in self.chunks()[chunk]:
                query, truth = self._dataset[index]
                items.append(Item(index=index, query=query, truth=truth))
        return _Loaded(chunk, known, items)

    def _submit(self, asked: Asked, inference: Inference, loaded: _Loaded) -> Pending | None:
        if not loaded.items:
            return None
        answers = self._kept(asked, loaded.items)
        fresh = [item for item in loaded.items if item.index not in answers]
        if fresh:
            found = inference.answer(fresh)
            self._keep(asked, fresh, found)
            answers.update(found)
        lacking = tuple(m for m in self._plan.metrics if m.info.name not in loaded.known)
        scorer = Scorer(
            replace(self._plan, metrics=lacking, improvements=()),
            sample_rate_hz=self._rate_hz,
            device=self._device,
            pool=self._pool,
        )
        return scorer.submit([_scorable(item, answers[item.index]) for item in loaded.items])

    def _finish(self, scoring: _Scoring, keys: dict[str, str]) -> ChunkScores:
        scores = [score for known in scoring.known.values() for score in known]
        fresh = scoring.pending.result() if scoring.pending else []
        for name, key in keys.items():
            named = [score for score in fresh if score.metric == name]
            if named:
                self._cache.store(key, scoring.chunk, named)
        trials = self.chunks()[scoring.chunk]
        return ChunkScores(chunk=scoring.chunk, trials=trials, scores=[*scores, *fresh])

    def _kept(self, asked: Asked, items: Sequence[Item]) -> dict[int, Answer]:
        if asked.estimates is None:
            return {}
        answers: dict[int, Answer] = {}
        for item in items:
            path = asked.estimates / f"{item.query.id}.wav"
            if path.is_file():
                try:
                    answers[item.index] = Answer(estimate=torch.from_numpy(read_mono(path)[0]))
                except AudioError:
                    path.unlink()  # cut by a crash, or not finite: ask the system again
        return answers

    def _keep(self, asked: Asked, items: Sequence[Item], answers: dict[int, Answer]) -> None:
        if asked.estimates is None:
            return
        for item in items:
            estimate = answers[item.index].estimate
            if estimate is not None and bool(estimate.isfinite().all()):
                path = asked.estimates / f"{item.query.id}.wav"
                write(path, estimate.numpy(), self._rate_hz)


def _scorable(item: Item, answer: Answer) -> Scorable:
    target = item.truth.target
    return Scorable(
        trial_id=item.query.id,
        estimate=answer.estimate,
        failure=answer.failure,
        reference=None if target is None else target[0],
        mixture=item.query.mixture[0],
    )
