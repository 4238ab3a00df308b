"""Scoring the estimates of a pack again, on a set of the verifier's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ...core.errors import ConfigError, shortened
from ...core.progress import Notify, ProgressFactory, quiet, silent
from ...core.provenance import resolve_device
from ...datasets.dataset import Dataset
from ...systems.registry import load_system
from ..metrics.registry import MetricContext
from ..run.estimate_store import SystemAnswers
from ..run.evaluation import CHUNK_TRIALS, Evaluation
from ..run.runner import BASELINE, PERFECT
from ..run.set_scores import SetScores
from ..run.trial_tags import TrialTags
from ..score_row import ScoreRow
from ..scoring.cache import ScoreCache, default_cache_dir
from ..scoring.plan import MetricPlan, MetricSpec, plan_metrics
from ..scoring.pool import FilePool
from .pack_record import PackedEstimates
from .packed_answers import PackedAnswers
from .read_pack import Pack


@dataclass(frozen=True, slots=True, kw_only=True)
class RescoreOptions:
    """How a pack is scored again.

    Attributes:
        metrics: of the verifier; empty: those that the pack's run names.
        baseline: also give the rows of the unprocessed mixture.
    """

    metrics: tuple[MetricSpec, ...] = ()
    baseline: bool = False
    device: str = "auto"
    jobs: int = 2
    cache: Path | None = None
    progress: ProgressFactory = quiet
    say: Notify = field(default=silent)


@dataclass(frozen=True, slots=True, kw_only=True)
class RescoredSet:
    """Rows of one set, by title of a system; `lacking` has the trials without an estimate."""

    dataset: Dataset
    metrics: tuple[MetricSpec, ...]
    plan: MetricPlan
    rows: Mapping[str, tuple[ScoreRow, ...]] = field(repr=False)
    lacking: Mapping[str, tuple[str, ...]]


def rescore(pack: Pack, dataset: Dataset, options: RescoreOptions, *, scratch: Path) -> RescoredSet:
    """Score all systems of a pack on a set, from the estimates that the pack holds.

    Args:
        dataset: of the verifier; its name is that of the set in the pack.
        scratch: folder that the estimates are unpacked into.

    Raises:
        ConfigError: a file is not the one that the pack lists, or a metric cannot be computed here.
    """
    name, device = dataset.card.name, resolve_device(options.device)
    wanted = [each for each in pack.record.estimates if each.dataset == name and each.included]
    if BASELINE in {each.system for each in wanted}:
        raise ConfigError(
            f"{str(pack.path)!r}: a system is called {BASELINE!r}, which is the unprocessed mixture; rename it"
        )
    context = MetricContext(device=device, grammar=dataset.grammar())
    metrics = options.metrics or claimed_metrics(pack, name)
    plan = plan_metrics(metrics, context=context, watch=True)
    rows: dict[str, tuple[ScoreRow, ...]] = {}
    with FilePool(options.jobs, notify=options.say) as pool:
        cache = ScoreCache(options.cache or default_cache_dir(), notify=options.say)
        evaluation = Evaluation(dataset, plan, device=device, pool=pool, cache=cache, chunk_trials=CHUNK_TRIALS)
        tags_of = TrialTags(dataset).tags
        scores = SetScores(evaluation, run_id=pack.run.run_id, progress=options.progress, tags_of=tags_of)
        chunks = range(len(evaluation.chunks))
        mixtures = _known_answers(BASELINE, dataset, device)
        if plan.improvements or options.baseline:
            scores.score_mixtures(mixtures, chunks)
        if plan.reference_values and not all(trial.recorded for trial in dataset.trials):
            scores.score_references(_known_answers(PERFECT, dataset, device), chunks)
        for each in wanted:
            folder = scratch / each.folder
            pack.unpack(each, folder)
            sources = _answers(pack, each, folder)
            parts = (part for source in sources for part in scores.rows(each.system, source, chunks))
            rows[each.system] = tuple(row for part in parts for row in part.rows)
        if options.baseline:
            rows[BASELINE] = tuple(row for part in scores.rows(BASELINE, mixtures, chunks) for row in part.rows)
    lacking = {each.system: _lacking(each, dataset) for each in wanted}
    return RescoredSet(dataset=dataset, metrics=metrics, plan=plan, rows=rows, lacking=lacking)


def claimed_metrics(pack: Pack, dataset: str) -> tuple[MetricSpec, ...]:
    """The metrics of the rows that a pack claims for a set, with the options of its config that name no files.

    Raises:
        ConfigError: there are none, or one has an option that may be a path: the verifier names the metrics then.
    """
    config = pack.run.config
    data = config.model_dump(mode="json") if config is not None else {}
    there = {*pack.rows.loc[pack.rows["dataset"] == dataset, "metric"]}
    every = [data.get("metrics") or (), *(spec.get("metrics") or () for spec in data.get("datasets", ()))]
    try:
        named = [MetricSpec.model_validate(each, strict=False) for part in every for each in part]
    except (TypeError, ValidationError):
        raise ConfigError(
            f"{str(pack.path)!r}: the metrics of its config are no list of names and options; name them with --metrics"
        ) from None
    specs = tuple({spec.name: spec for spec in named if spec.name in there}.values())
    if not specs:
        raise ConfigError(f"{str(pack.path)!r} does not say which metrics {dataset!r} has; name them with --metrics")
    for spec in specs:
        for key, value in spec.options.items():
            if not isinstance(value, int | float | str) or (isinstance(value, str) and set(value) & set("/\\~$")):
                raise ConfigError(
                    f"{str(pack.path)!r}: metric {spec.name!r} has {key} = {shortened(str(value), 60)!r}, which may "
                    "name a file: nothing that a pack names is opened; give --metrics and --option yourself"
                )
    return specs


def _known_answers(name: str, dataset: Dataset, device: str) -> SystemAnswers:
    """Answers of a shipped system: the mixtures, or the references."""
    return SystemAnswers(
        load_system(name, device=device), device=device, batch_size=8, sample_rate_hz=dataset.card.sample_rate_hz
    )


def _answers(pack: Pack, each: PackedEstimates, folder: Path) -> Sequence[PackedAnswers]:
    """Answers of each sample of a system."""
    facts = pack.run.systems[each.system]
    named = facts.card.get("classes")
    classes = tuple(map(str, named)) if isinstance(named, list | tuple) else None
    return [PackedAnswers(each, folder, classes=classes, sample=k) for k in range(max(1, min(facts.samples, 1000)))]


def _lacking(each: PackedEstimates, dataset: Dataset) -> tuple[str, ...]:
    return tuple(trial.id for trial in dataset.trials if f"{trial.id}.wav" not in each.files)
