"""From answers to rows: the scores of each system on one set, with improvements and reference values."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ...core.progress import Advance, ProgressFactory
from ...datasets.types import Tag, Trial
from ..metrics.protocol import Metric
from ..outcome import SCORE_FIELDS, Score
from ..score_row import ScoreRow
from ..scoring.scorer import improvements, reference_values
from .evaluation import ChunkScores, Evaluation
from .nearest_source import nearest_tag
from .trial_set import AnswerSource

Coming = tuple[AnswerSource, Sequence[int]]
"""A source of answers, and the chunks that are wanted of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRows:
    """Rows of one sample of a system for one chunk of trials."""

    chunk: int
    rows: list[ScoreRow]


class SetScores:
    """Rows of systems, or of files made elsewhere, on one set.

    Scores of the mixtures and of the references are computed once, and joined to those of every sample of every system:
    an improvement is value(system) − value(mixture) of the same trial and signature. `tags_of` gives the tags of a
    trial's rows, and `own` the chunks that this process computes, if these are not all.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        *,
        run_id: str,
        progress: ProgressFactory,
        tags_of: Callable[[Trial], Mapping[str, Tag]] = lambda _: {},
        own: Sequence[int] | None = None,
    ) -> None:
        self._own = range(len(evaluation.chunks)) if own is None else own
        self._evaluation, self._dataset, self._plan = evaluation, evaluation.dataset, evaluation.plan
        self._run_id, self._progress_of, self._tags_of = run_id, progress, tags_of
        self._mixture: dict[str, list[Score]] = {}
        self._mixture_identity = ""
        self._reference: dict[str, list[Score]] = {}
        self._coming: deque[Coming] = deque()
        self._begun: dict[tuple[str, int], Iterator[ChunkScores]] = {}

    def announce(self, coming: Iterable[Coming]) -> None:
        """Name the chunks of sources that `rows` is called for later, in order.

        The first ones of each begin while the last scores before them are waited for, so that processes for metrics of
        one file need not wait for the next system.
        """
        self._coming = deque(coming)

    def score_mixtures(
        self, source: AnswerSource, chunks: Sequence[int], *, metrics: Sequence[Metric] | None = None
    ) -> None:
        """Score the unprocessed mixtures, which the source answers with, by base metrics (None: those of the plan)."""
        self._mixture_identity = source.identity
        self._mixture = self._scores("mixture scores", source, chunks, metrics)

    def score_references(self, source: AnswerSource, chunks: Sequence[int]) -> None:
        """Score the references themselves, which the source answers with, by the metrics that show this value."""
        metrics = [value.base for value in self._plan.reference_values if value.part is None]
        self._reference = self._scores("reference scores", source, chunks, metrics)

    def rows(self, title: str, source: AnswerSource, chunks: Sequence[int]) -> Iterator[ChunkRows]:
        """Rows of one sample of a system, chunk by chunk; own chunks that are not named count as done."""
        what = f"{title}, sample {source.sample}" if source.sample else title
        with self._progress(what, self._own) as advance:
            advance(self._count(self._own) - self._count(chunks))
            for part in self._parts(source, chunks):
                scores = _by_trial(part.scores)
                trials = [self._dataset.trials[index] for index in part.trials]
                rows = [row for t in trials for row in self._rows_of(title, source.sample, t, scores[t.id])]
                yield ChunkRows(chunk=part.chunk, rows=rows)
                advance(len(part.trials))

    def _scores(
        self, what: str, source: AnswerSource, chunks: Sequence[int], metrics: Sequence[Metric] | None
    ) -> dict[str, list[Score]]:
        found: list[Score] = []
        with self._progress(what, chunks) as advance:
            for part in self._evaluation.run(source, chunks, metrics=metrics, submitted=self._begin_next):
                found += part.scores
                advance(len(part.trials))
        return _by_trial(found)

    def _begin_next(self) -> None:
        """Begin with the next source that is announced, unless one is begun; the mixtures are scored once."""
        while self._coming and not self._begun:
            source, chunks = self._coming.popleft()
            if chunks and source.identity != self._mixture_identity:
                begun = self._evaluation.begun(source, chunks, submitted=self._begin_next)
                self._begun[source.identity, source.sample] = begun

    def _parts(self, source: AnswerSource, chunks: Sequence[int]) -> Iterator[ChunkScores]:
        if self._coming and self._coming[0][0] is source:
            self._coming.popleft()
        if not self._mixture or source.identity != self._mixture_identity:
            begun = self._begun.pop((source.identity, source.sample), None)
            yield from begun or self._evaluation.run(source, chunks, submitted=self._begin_next)
            return
        for chunk in chunks:
            trials = self._evaluation.chunks[chunk]
            known = [score for i in trials for score in self._mixture[self._dataset.trials[i].id]]
            yield ChunkScores(chunk=chunk, trials=trials, scores=known)

    def _rows_of(self, title: str, sample: int, trial: Trial, scores: Sequence[Score]) -> Iterator[ScoreRow]:
        judged = reference_values(
            self._plan,
            system=scores,
            reference=self._reference.get(trial.id, []),
            unreferenced=trial.recorded is not None,
        )
        gained = improvements(self._plan, system=scores, mixture=self._mixture.get(trial.id, []))
        tags = {**self._tags_of(trial), **nearest_tag(scores)}
        unnamed = {metric.info.name for metric in self._plan.watched}
        for score in [*(score for score in scores if score.metric not in unnamed), *judged, *gained]:
            yield ScoreRow(
                **{name: getattr(score, name) for name in SCORE_FIELDS},
                run_id=self._run_id,
                system=title,
                dataset=self._dataset.card.name,
                mixture_id=trial.mixture_id,
                condition=trial.condition.kind,
                n_active=trial.condition.n_active,
                n_inactive=trial.condition.n_inactive,
                cluster=trial.cluster,
                tags=tags,
                sample=sample,
            )

    def _count(self, chunks: Iterable[int]) -> int:
        return sum(len(self._evaluation.chunks[chunk]) for chunk in chunks)

    def _progress(self, what: str, chunks: Iterable[int]) -> AbstractContextManager[Advance]:
        return self._progress_of(f"{self._dataset.card.name}: {what}", self._count(chunks))


def _by_trial(scores: Iterable[Score]) -> dict[str, list[Score]]:
    found: dict[str, list[Score]] = {}
    for score in scores:
        found.setdefault(score.trial_id, []).append(score)
    return found
