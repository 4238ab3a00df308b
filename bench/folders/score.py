"""Scoring folders of audio files, paired by name: the quickest way in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ...core.allocator import give_back_freed_memory
from ...core.errors import ConfigError, OutputError
from ...core.files import make_folder
from ...core.prefetch import AHEAD, ahead
from ...core.progress import ProgressFactory, quiet
from ...core.provenance import resolve_device
from ...datasets.seeding import digest
from ...systems.protocol import Family, SystemCard
from ..metrics.registry import MetricContext
from ..metrics.shared.batches import spared_threads
from ..rows import ScoreRow, write_shard
from ..run.new_record import finished, new_record, system_record
from ..run.record import DatasetRecord, RunRecord, SystemRecord, read_record, write_record
from ..scoring.cache import ScoreCache, default_cache_dir
from ..scoring.plan import MetricChoice
from ..scoring.pool import FilePool
from ..scoring.scorer import (
    MetricPlan,
    Pending,
    Scorable,
    Score,
    Scorer,
    improvements,
    plan_metrics,
    reference_values,
)
from .paired_files import PairedFiles, pair_folders, read_scorable

_CPU_CHUNK, _DEVICE_CHUNK = 32, 256
"""Trials that are scored at once: on a GPU enough to keep it busy."""
_DATASET = "files"
_MIXTURE = "mixture"
_REFERENCE = "reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """How folders are scored.

    Attributes:
        out: run folder; scoring a second system into it puts both on one leaderboard.
        metrics: energy metrics, and their improvements where there are mixtures, if empty.
        system: name of the system in rows and reports.
        channel: channel of files with several; None refuses them.
        transcripts: CSV file with the columns `name` (of the reference, without suffix) and `text`.
    """

    out: Path
    metrics: tuple[str | MetricChoice, ...] = ()
    transcripts: Path | None = None
    system: str = "estimates"
    channel: int | None = None
    device: str = "auto"
    jobs: int = 2
    cache: Path | None = None
    progress: ProgressFactory = quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderScores:
    """What came out.

    Attributes:
        trials: references that were scored.
        failed_trials: those without any usable value.
        unpaired: estimates that have no reference, and were left out.
        files: what was scored.
    """

    record: RunRecord
    trials: int
    failed_trials: int
    unpaired: tuple[str, ...]
    files: PairedFiles


def score_folders(
    *, estimates: Path, references: Path, mixtures: Path | None, options: ScoreOptions
) -> FolderScores:
    """Score every reference against the estimate of the same name.

    A missing, unreadable, non-finite or ill-sized estimate is a failed row.

    Raises:
        ConfigError: a folder is missing or empty, a mixture is missing, rates or channels differ.
        AudioError: a reference or mixture cannot be read.
        OutputError: the run folder holds scores against other references.
    """
    _check_title(options.system, mixtures)
    device = resolve_device(options.device)
    choices = options.metrics or _default_metrics(mixtures is not None)
    plan = plan_metrics(choices, context=MetricContext(device=device))
    if plan.improvements and mixtures is None:
        raise ConfigError(
            f"metric {plan.improvements[0].info.name!r} compares with the mixture: "
            "add --mixtures DIR, or leave it out"
        )
    with FilePool(options.jobs) as pool, ExitStack() as stack:
        if plan.of_files:
            pool.start()
            stack.enter_context(spared_threads(options.jobs))
        files = pair_folders(
            estimates, references, mixtures, channel=options.channel, transcripts=options.transcripts
        )
        record = _record(files, options, device)
        make_folder(options.out / "rows")
        cache = ScoreCache(options.cache or default_cache_dir())
        scorer = Scorer(plan, sample_rate_hz=files.sample_rate_hz, device=device, pool=pool)
        work = _Work(files, scorer, cache, options)
        baseline = work.mixture_scores() if mixtures is not None else {}
        perfect = work.reference_scores() if plan.reference_values else {}
        scores = work.estimate_scores()
    give_back_freed_memory()
    made = _RowMaker(record.run_id, plan, baseline, perfect)
    if baseline:
        _write_mixture(options.out, made.rows(_MIXTURE, baseline))
    _write(options.out, options.system, made.rows(options.system, scores))
    record = finished(record, trials=len(files.keys), failed_trials=_failed(scores))
    write_record(options.out, record)
    return FolderScores(
        record=record,
        trials=len(files.keys),
        failed_trials=_failed(scores),
        unpaired=tuple(sorted(set(files.estimates) - set(files.keys))),
        files=files,
    )


class _Work:
    """Scores of estimates and of mixtures by key."""

    def __init__(self, files: PairedFiles, scorer: Scorer, cache: ScoreCache, options: ScoreOptions) -> None:
        self._files, self._scorer, self._cache, self._options = files, scorer, cache, options
        self._size = _CPU_CHUNK if scorer.device.type == "cpu" else _DEVICE_CHUNK
        self._chunks = [
            files.keys[start : start + self._size] for start in range(0, len(files.keys), self._size)
        ]

    def estimate_scores(self) -> dict[str, list[Score]]:
        """Scores of what the system gave."""
        return self._scores(self._options.system, self._files.estimates, keep=False)

    def mixture_scores(self) -> dict[str, list[Score]]:
        """Scores of the mixtures, computed once for each set of references and mixtures."""
        return self._scores(_MIXTURE, self._files.mixtures, keep=True)

    def reference_scores(self) -> dict[str, list[Score]]:
        """What the references themselves come to, for metrics that show it."""
        return self._scores(_REFERENCE, self._files.references, keep=True)

    def _scores(self, what: str, folder: Mapping[str, Path], *, keep: bool) -> dict[str, list[Score]]:
        by_key: dict[str, list[Score]] = {key: [] for key in self._files.keys}
        scorer = self._scorer
        if what == _REFERENCE:
            scorer = scorer.restricted([value.base for value in scorer.plan.reference_values])
        metrics = scorer.plan.metrics
        signatures = [metric.signature(self._files.sample_rate_hz) for metric in metrics]
        cache_key = digest("files", what, self._files.fingerprint, str(self._size), *signatures)
        with self._options.progress(what, len(self._files.keys)) as advance:
            numbers = range(len(self._chunks))
            known = {n: self._cache.load(cache_key, n) if keep else None for n in numbers}
            missing = [n for n in numbers if known[n] is None]
            computed = self._computed(scorer, missing, folder)
            for number in numbers:
                scores = known[number]
                if scores is None:
                    scores = next(computed)
                    if keep:
                        self._cache.store(cache_key, number, scores)
                for score in scores:
                    by_key[score.trial_id].append(score)
                advance(len(self._chunks[number]))
        return by_key

    def _computed(
        self, scorer: Scorer, numbers: Sequence[int], folder: Mapping[str, Path]
    ) -> Iterator[list[Score]]:
        """Scores of these chunks in order; the pool has the next ones before it is done."""
        waiting: deque[Pending] = deque()
        for items in ahead(lambda n: self._load(self._chunks[n], folder), numbers):
            waiting.append(scorer.submit(items))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _load(self, keys: Sequence[str], folder: Mapping[str, Path]) -> list[Scorable]:
        return [read_scorable(self._files, key, folder.get(key)) for key in keys]


def _default_metrics(with_mixtures: bool) -> tuple[str, ...]:
    return ("sdri", "si_sdri", "snri") if with_mixtures else ("sdr", "si_sdr", "snr")


def _check_title(title: str, mixtures: Path | None) -> None:
    if not title.strip():
        raise ConfigError(f"--system {title!r} is empty; give the system a name")
    if title == _MIXTURE and mixtures is not None:
        raise ConfigError(
            f"--system {title!r} is what the mixtures themselves are called; choose another name"
        )


def _record(files: PairedFiles, options: ScoreOptions, device: str) -> RunRecord:
    """The record of this run and of the systems that were scored into the folder before."""
    before = read_record(options.out)
    systems: dict[str, SystemRecord] = {}
    if before is not None:
        known = before.datasets.get(_DATASET)
        if known is None or known.fingerprint != files.fingerprint:
            raise OutputError(
                f"folder {str(options.out)!r} holds scores against other references, mixtures or "
                "channels; choose another --out"
            )
        systems.update(before.systems)
    systems[options.system] = _scored(options.system, "external", files.answers)
    if files.mixtures:
        systems[_MIXTURE] = _scored(_MIXTURE, "baseline", files.fingerprint)
    record = new_record(
        name=options.out.resolve().name or "score",
        config=None,
        systems=systems,
        datasets={_DATASET: _dataset(files, tuple(systems))},
        device=device,
        seed=0,
    )
    # One run, however many systems join it.
    return record if before is None else record.model_copy(update={"run_id": before.run_id})


def _scored(title: str, family: Family, sha256: str) -> SystemRecord:
    card = SystemCard(name=title, family=family, description="scored files", sha256=sha256)
    return system_record(card, identity=digest("files", title, sha256))


def _dataset(files: PairedFiles, systems: tuple[str, ...]) -> DatasetRecord:
    return DatasetRecord(
        fingerprint=files.fingerprint,
        version="",
        builder="files",
        sample_rate_hz=files.sample_rate_hz,
        licences=(),
        trials={"FMQ 1:0": len(files.keys)},
        systems=systems,
    )


def _write(out: Path, key: str, rows: Iterable[ScoreRow]) -> None:
    write_shard(out / "rows" / f"part-{digest(key)[:12]}.parquet", list(rows))


def _write_mixture(out: Path, rows: Iterable[ScoreRow]) -> None:
    """One shard for each metric, so that scoring with other metrics leaves these rows there.

    They hold for all that is scored into the folder. Those of a system do not, because its files
    may be others the next time: they are replaced.
    """
    by_signature: dict[str, list[ScoreRow]] = {}
    for row in rows:
        by_signature.setdefault(row.signature, []).append(row)
    for signature, same in by_signature.items():
        _write(out, f"{_MIXTURE}|{signature}", same)


@dataclass(frozen=True, slots=True)
class _RowMaker:
    """Rows of all scores; `baseline` has those of the mixtures, `perfect` of the references."""

    run_id: str
    plan: MetricPlan
    baseline: Mapping[str, list[Score]]
    perfect: Mapping[str, list[Score]]

    def rows(self, system: str, scores: Mapping[str, list[Score]]) -> Iterator[ScoreRow]:
        """All rows of one system."""
        for key, found in scores.items():
            judged = reference_values(self.plan, system=found, reference=self.perfect.get(key, []))
            gained = improvements(self.plan, system=found, mixture=self.baseline.get(key, []))
            for score in [*found, *judged, *gained]:
                yield self._row(system, score)

    def _row(self, system: str, score: Score) -> ScoreRow:
        return ScoreRow(
            run_id=self.run_id,
            system=system,
            dataset=_DATASET,
            trial_id=score.trial_id,
            mixture_id=score.trial_id,
            condition="FMQ",
            n_active=1,
            n_inactive=0,
            cluster=score.trial_id,
            metric=score.metric,
            signature=score.signature,
            value=score.value,
            status=score.status,
            reason=score.reason,
            weight=score.weight,
            detail=score.detail,
        )


def _failed(scores: Mapping[str, list[Score]]) -> int:
    """References of which no metric has a value, and at least one failed."""
    statuses = [{score.status for score in found} for found in scores.values()]
    return sum(1 for found in statuses if "failed" in found and "ok" not in found)
