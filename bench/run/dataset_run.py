"""All systems of a run on one dataset: which shards are missing, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.progress import ProgressFactory
from ...datasets.dataset import Dataset
from ...datasets.seeding import digest
from ...systems.protocol import AnySystem
from ..rows import write_shard
from ..scoring.cache import system_identity
from ..scoring.plan import MetricPlan
from .estimate_store import SystemAnswers, estimates_folder
from .evaluation import Evaluation
from .set_scores import SetScores
from .trial_tags import VERSION, TrialTags


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSet:
    """A dataset of a run: its metrics, the systems that run on it, and why others do not."""

    dataset: Dataset
    plan: MetricPlan
    systems: tuple[str, ...]
    skipped: Mapping[str, str]
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where and how results are written; nothing here changes a value, apart from `run_id`.

    Attributes:
        out: the run folder.
        estimates: folder of the run's estimates, or None.
        device: where the systems' batches go.
        batch_size: most queries in a batch.
    """

    out: Path
    estimates: Path | None
    run_id: str
    device: str
    batch_size: int
    progress: ProgressFactory


class DatasetRun:
    """All systems of a run on one dataset.

    Args:
        each: the dataset, its metrics and systems.
        evaluation: computes their scores.
        target: where rows and estimates go.
        systems: the systems of the run by title.
    """

    def __init__(self, each: OpenSet, evaluation: Evaluation, target: Target, systems: Mapping[str, AnySystem]) -> None:
        self._set, self._evaluation, self._target = each, evaluation, target
        self._sources = {title: self._source(systems[title], title) for title in each.systems}
        self._paths = {title: self._shards(title) for title in each.systems}

    @property
    def shards(self) -> list[Path]:
        """The shards of all systems, also those that are not written yet."""
        return [path for paths in self._paths.values() for path in paths]

    def run(self, *, baseline: AnySystem, perfect: AnySystem) -> None:
        """Write the shards that are missing.

        Args:
            baseline: answers with the mixture; improvements are over it.
            perfect: answers with the reference.
        """
        plan, target = self._set.plan, self._target
        scores = SetScores(
            self._evaluation, run_id=target.run_id, progress=target.progress, tags_of=TrialTags(self._set.dataset).tags
        )
        missing = {title: self._missing(title) for title in self._paths}
        wanted = sorted({chunk for chunks in missing.values() for chunk in chunks})
        if plan.improvements and wanted:
            self._score_mixtures(scores, self._source(baseline), wanted)
        if plan.reference_values and wanted:
            scores.score_references(self._source(perfect), wanted)
        for title, chunks in missing.items():
            for part in scores.rows(title, self._sources[title], chunks):
                write_shard(self._paths[title][part.chunk], part.rows)

    def _score_mixtures(self, scores: SetScores, source: SystemAnswers, wanted: Sequence[int]) -> None:
        """Score the mixtures: of a baseline that is no system of the run, what improvements need."""
        same = next((own for own in self._sources.values() if own.identity == source.identity), None)
        metrics = None if same else [gain.base for gain in self._set.plan.improvements]
        scores.score_mixtures(same or source, wanted, metrics=metrics)

    def _source(self, system: AnySystem, title: str | None = None) -> SystemAnswers:
        """Answers of a system; those of a system of the run are stored if the run keeps estimates."""
        card, target = self._set.dataset.card, self._target
        folder = None
        if title is not None and target.estimates is not None:
            folder = estimates_folder(
                target.estimates,
                dataset=card.name,
                title=title,
                identity=system_identity(system),
                fingerprint=card.fingerprint,
            )
        return SystemAnswers(
            system,
            device=target.device,
            batch_size=target.batch_size,
            sample_rate_hz=card.sample_rate_hz,
            folder=folder,
        )

    def _missing(self, title: str) -> list[int]:
        return [chunk for chunk, path in enumerate(self._paths[title]) if not path.is_file()]

    def _shards(self, title: str) -> list[Path]:
        """Paths by chunk; a name holds a digest of all that determines the rows."""
        card, plan = self._set.dataset.card, self._set.plan
        columns = (*plan.metrics, *plan.reference_values, *plan.improvements)
        signatures = [column.signature(card.sample_rate_hz) for column in columns]
        chunks = self._evaluation.chunks
        facts = (self._target.run_id, self._sources[title].identity, card.fingerprint, VERSION)
        key = digest(*facts, str([len(chunk) for chunk in chunks[:1]]), *signatures)[:12]
        folder = self._target.out / "rows"
        return [folder / f"part-{card.name}-{title}-{key}-{chunk:05d}.parquet" for chunk in range(len(chunks))]
