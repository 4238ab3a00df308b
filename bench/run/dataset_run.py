"""All systems of a run on one dataset: which shards are missing, and the rows of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ...core.progress import Advance, ProgressFactory
from ...datasets.dataset import Dataset
from ...datasets.seeding import digest
from ...datasets.types import Tag, Trial
from ...systems.protocol import AnySystem
from ..rows import ScoreRow, write_shard
from ..scoring.cache import system_identity
from ..scoring.scorer import MetricPlan, Score, improvements, reference_values
from .estimate_store import estimates_folder
from .evaluation import Asked, ChunkScores, Evaluation
from .trial_tags import VERSION, Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSet:
    """A dataset of a run: its metrics, the systems that run on it, and why others do not."""

    dataset: Dataset
    plan: MetricPlan
    systems: tuple[str, ...]
    skipped: Mapping[str, str]
    role: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the results of a run go."""

    out: Path
    estimates: Path | None
    run_id: str
    progress: ProgressFactory


class SetRun:
    """All systems of a run on one dataset.

    Args:
        each: the dataset, its metrics and systems.
        evaluation: computes their scores.
        target: where rows and estimates go.
        systems: the systems of the run by title.
    """

    def __init__(
        self, each: OpenSet, evaluation: Evaluation, target: Target, systems: Mapping[str, AnySystem]
    ) -> None:
        self._set, self._evaluation, self._target = each, evaluation, target
        self._name = each.dataset.card.name
        self._chunks = evaluation.chunks()
        self._traits = Traits(each.dataset)
        self._asked = {title: self._ask(title, systems[title]) for title in each.systems}
        self._paths = {title: self._shards(title) for title in each.systems}
        self._baseline: dict[str, list[Score]] = {}
        self._references: dict[str, list[Score]] = {}
        self._baseline_identity = ""

    @property
    def shards(self) -> list[Path]:
        """The shards of all systems, also those that are not written yet."""
        return [path for paths in self._paths.values() for path in paths]

    def run(self, *, baseline: AnySystem, perfect: AnySystem) -> None:
        """Write the shards that are missing.

        Args:
            baseline: gives the mixture; improvements are over it.
            perfect: gives the reference.
        """
        missing = {title: self._missing(title) for title in self._paths}
        wanted = sorted({chunk for chunks in missing.values() for chunk in chunks})
        if self._set.plan.improvements and wanted:
            self._score_baseline(baseline, wanted)
        if self._set.plan.reference_values and wanted:
            self._score_references(perfect, wanted)
        for title, chunks in missing.items():
            self._score(title, chunks)

    def _ask(self, title: str, system: AnySystem) -> Asked:
        identity = system_identity(system)
        kept = self._target.estimates
        if kept is not None:
            kept = estimates_folder(
                kept,
                dataset=self._name,
                title=title,
                identity=identity,
                fingerprint=self._set.dataset.card.fingerprint,
            )
        return Asked(system=system, identity=identity, estimates=kept)

    def _missing(self, title: str) -> list[int]:
        return [chunk for chunk, path in enumerate(self._paths[title]) if not path.is_file()]

    def _score_baseline(self, system: AnySystem, wanted: Sequence[int]) -> None:
        """Scores of the unprocessed mixture by trial; every improvement is a join against them."""
        identity = self._baseline_identity = system_identity(system)
        same = (asked for asked in self._asked.values() if asked.identity == identity)
        asked = next(same, None)
        # Of a mixture that is not in the table, only what improvements need.
        metrics = None if asked else [gain.base for gain in self._set.plan.improvements]
        asked = asked or Asked(system=system, identity=identity, estimates=None)
        with self._progress("mixture scores", wanted) as advance:
            for part in self._evaluation.run(asked, wanted, metrics=metrics):
                for score in part.scores:
                    self._baseline.setdefault(score.trial_id, []).append(score)
                advance(len(part.trials))

    def _score_references(self, system: AnySystem, wanted: Sequence[int]) -> None:
        """Scores of the references themselves by trial."""
        asked = Asked(system=system, identity=system_identity(system), estimates=None)
        metrics = [value.base for value in self._set.plan.reference_values]
        with self._progress("reference scores", wanted) as advance:
            for part in self._evaluation.run(asked, wanted, metrics=metrics):
                for score in part.scores:
                    self._references.setdefault(score.trial_id, []).append(score)
                advance(len(part.trials))

    def _score(self, title: str, missing: Sequence[int]) -> None:
        """Write the shards of one system that are missing."""
        with self._progress(title, range(len(self._chunks))) as advance:
            advance(len(self._set.dataset) - self._count(missing))
            for part in self._parts(self._asked[title], missing):
                write_shard(self._paths[title][part.chunk], list(self._rows(title, part)))
                advance(len(part.trials))

    def _parts(self, asked: Asked, missing: Sequence[int]) -> Iterator[ChunkScores]:
        if asked.identity == self._baseline_identity:
            trials = self._set.dataset.trials
            for chunk in missing:
                known = [s for i in self._chunks[chunk] for s in self._baseline[trials[i].id]]
                yield ChunkScores(chunk=chunk, trials=self._chunks[chunk], scores=known)
        else:
            yield from self._evaluation.run(asked, missing)

    def _count(self, chunks: Iterable[int]) -> int:
        return sum(len(self._chunks[chunk]) for chunk in chunks)

    def _progress(self, what: str, chunks: Iterable[int]) -> AbstractContextManager[Advance]:
        return self._target.progress(f"{self._name}: {what}", self._count(chunks))

    def _shards(self, title: str) -> list[Path]:
        """Paths by chunk; a name holds all that determines the rows."""
        card, plan = self._set.dataset.card, self._set.plan
        rate, identity = card.sample_rate_hz, self._asked[title].identity
        columns = (*plan.metrics, *plan.reference_values, *plan.improvements)
        signatures = [column.signature(rate) for column in columns]
        trials = str([len(chunk) for chunk in self._chunks[:1]])
        facts = (self._target.run_id, identity, card.fingerprint, VERSION)
        key = digest(*facts, trials, *signatures)[:12]
        folder = self._target.out / "rows"
        return [
            folder / f"part-{self._name}-{title}-{key}-{chunk:05d}.parquet"
            for chunk in range(len(self._chunks))
        ]

    def _rows(self, title: str, part: ChunkScores) -> Iterator[ScoreRow]:
        by_trial: dict[str, list[Score]] = {}
        for score in part.scores:
            by_trial.setdefault(score.trial_id, []).append(score)
        for index in part.trials:
            trial = self._set.dataset.trials[index]
            tags = self._traits.tags(trial)
            scores = by_trial[trial.id]
            plan = self._set.plan
            judged = reference_values(plan, system=scores, reference=self._references.get(trial.id, []))
            gained = improvements(plan, system=scores, mixture=self._baseline.get(trial.id, []))
            for score in [*scores, *judged, *gained]:
                yield _row(
                    score, trial, tags=tags, system=title, dataset=self._name, run_id=self._target.run_id
                )


def _row(
    score: Score, trial: Trial, *, tags: Mapping[str, Tag], system: str, dataset: str, run_id: str
) -> ScoreRow:
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
        weight=score.weight,
        detail=score.detail,
        tags=tags,
    )
