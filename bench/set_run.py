"""All systems of a run on one dataset: which shards are missing, and the rows of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ..datasets.dataset import Dataset
from ..datasets.seeding import digest
from ..datasets.types import Trial
from ..progress import Advance, ProgressFactory
from ..systems.protocol import AnySystem
from .cache import system_identity
from .evaluation import Asked, ChunkScores, Evaluation
from .rows import ScoreRow, write_shard
from .scoring import MetricPlan, Score, improvements


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSet:
    """A dataset of a run: its metrics, the systems that run on it, and why others do not."""

    dataset: Dataset
    plan: MetricPlan
    systems: tuple[str, ...]
    skipped: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the results of a run go."""

    out: Path
    estimates: Path | None
    run_id: str
    progress: ProgressFactory


class SetRun:
    """All systems of a run on one dataset."""

    def __init__(self, each: OpenSet, evaluation: Evaluation, target: Target) -> None:
        self._set, self._evaluation, self._target = each, evaluation, target
        self._name = each.dataset.card.name
        self._chunks = evaluation.chunks()
        self._baseline: dict[str, list[Score]] = {}
        self._baseline_identity = ""

    def run(self, systems: Mapping[str, AnySystem], *, baseline: AnySystem) -> list[Path]:
        """Write what is missing; returns the shards of all systems."""
        if self._set.plan.improvements:
            self._score_baseline(baseline)
        shards: list[Path] = []
        for title in self._set.systems:
            shards += self._score(title, self._asked(title, systems[title]))
        return shards

    def _asked(self, title: str, system: AnySystem) -> Asked:
        identity = system_identity(system)
        kept = self._target.estimates
        if kept is not None:
            kept = kept / self._name / f"{title}-{identity[:12]}"
        return Asked(system=system, identity=identity, estimates=kept)

    def _score_baseline(self, system: AnySystem) -> None:
        """Scores of the unprocessed mixture by trial; every improvement is a join against them."""
        self._baseline_identity = system_identity(system)
        asked = Asked(system=system, identity=self._baseline_identity, estimates=None)
        with self._progress("mixture scores") as advance:
            for part in self._evaluation.run(asked, range(len(self._chunks))):
                for score in part.scores:
                    self._baseline.setdefault(score.trial_id, []).append(score)
                advance(len(part.trials))

    def _score(self, title: str, asked: Asked) -> list[Path]:
        """Write the shards that are missing; returns all."""
        paths = [self._shard(title, asked, chunk) for chunk in range(len(self._chunks))]
        missing = [chunk for chunk, path in enumerate(paths) if not path.is_file()]
        with self._progress(title) as advance:
            there = set(range(len(self._chunks))) - set(missing)
            advance(sum(len(self._chunks[chunk]) for chunk in there))
            for part in self._parts(asked, missing):
                write_shard(paths[part.chunk], list(self._rows(title, part)))
                advance(len(part.trials))
        return paths

    def _parts(self, asked: Asked, missing: Sequence[int]) -> Iterator[ChunkScores]:
        if self._baseline and asked.identity == self._baseline_identity:
            trials = self._set.dataset.trials
            for chunk in missing:
                known = [s for i in self._chunks[chunk] for s in self._baseline[trials[i].id]]
                yield ChunkScores(chunk=chunk, trials=self._chunks[chunk], scores=known)
        else:
            yield from self._evaluation.run(asked, missing)

    def _progress(self, what: str) -> AbstractContextManager[Advance]:
        return self._target.progress(f"{self._name}: {what}", len(self._set.dataset))

    def _shard(self, title: str, asked: Asked, chunk: int) -> Path:
        card = self._set.dataset.card
        plan, rate = self._set.plan, card.sample_rate_hz
        signatures = [m.signature(rate) for m in (*plan.metrics, *plan.improvements)]
        key = digest(self._target.run_id, asked.identity, card.fingerprint, *signatures)[:12]
        return self._target.out / "rows" / f"part-{self._name}-{title}-{key}-{chunk:05d}.parquet"

    def _rows(self, title: str, part: ChunkScores) -> Iterator[ScoreRow]:
        by_trial: dict[str, list[Score]] = {}
        for score in part.scores:
            by_trial.setdefault(score.trial_id, []).append(score)
        for index in part.trials:
            trial = self._set.dataset.trials[index]
            scores = by_trial[trial.id]
            gained = improvements(
                self._set.plan, system=scores, mixture=self._baseline.get(trial.id, [])
            )
            for score in [*scores, *gained]:
                yield _row(score, trial, title, self._name, self._target.run_id)


def _row(score: Score, trial: Trial, system: str, dataset: str, run_id: str) -> ScoreRow:
    return ScoreRow(
        run_id=run_id,
        system=system,
        dataset=dataset,
        trial_id=trial.id,
        mixture_id=trial.mixture_id,
        condition=trial.condition.kind,
        n_active=trial.condition.n_active,
        n_inactive=trial.condition.n_inactive,
        cluster=trial.cluster,
        metric=score.metric,
        signature=score.signature,
        value=score.value,
        status=score.status,
        reason=score.reason,
        tags=trial.tags,
    )
