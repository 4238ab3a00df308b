"""Scoring folders of audio files, paired by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.allocator import give_back_freed_memory
from ...core.errors import ConfigError
from ...core.files import make_folder
from ...core.folder_lock import folder_lock
from ...core.processors import spared_threads
from ...core.progress import Notify, ProgressFactory, quiet, silent
from ...core.provenance import resolve_device
from ...datasets.seeding import digest
from ..metrics.registry import MetricContext
from ..run.evaluation import CHUNK_TRIALS, Evaluation
from ..run.set_scores import SetScores
from ..run.trial_set import AnswerSource
from ..score_row import ROWS, SAMPLE, ScoreRow
from ..scoring.batch_job import of_workers
from ..scoring.cache import ScoreCache, default_cache_dir
from ..scoring.needs import OF_FILES, Given, Offer, check_needs
from ..scoring.plan import MetricPlan, MetricSpec, plan_metrics
from ..scoring.pool import FilePool
from ..shards.shard import Shard, Share, Whole
from .assignment import assign
from .channels import Channel, Channels, channels_of
from .file_set import FileSet
from .known_facts import NO_FACTS, FactFiles, FactTables, read_facts
from .labelled_files import LabelledFiles, labelled_files
from .outputs import Paths, list_files, sample_folders
from .paired_files import PairedFiles, paired
from .score_rows import MIXTURE, RowColumns, told_apart, write_mixture_rows, write_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from ..run.record import RunRecord

_DEVICE_CHUNK = 256  # trials that are scored at once on a GPU: enough to keep it busy
MANY_TRIALS, FED_WORKERS = 100, 4
"""Workers compute batched metrics, too, from so many trials on, because they share the work; where they have metrics of
one file, if there are more of them than the calling process can feed while it computes these itself."""
_WAIT_S = 60.0  # for another process that writes its rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """Options of scoring folders.

    Attributes:
        out: run folder; scoring a second system into it puts both on one leaderboard.
        metrics: energy metrics, or their improvements where there are mixtures, if empty.
        channel: channel of files with several, by folder, see `channels_of`; None makes such a file a failed row.
        facts: transcripts, enrollments, activity and recognised words.
        permutation: for several outputs of each mixture, see `outputs.PERMUTATIONS`; None: one folder, paired by name.
        labelled: files are sounds of their mixtures, whose names end with a label, see `labelled_files`.
        shard: the part of the trials that is scored, into a folder of its own; None: all.
        get_ready: called once in a thread of its own while the workers compute, for what follows; what it raises is
            ignored here, and must come again where the result is needed.
        keep_rows: whether the result holds the rows, too.
    """

    out: Path
    metrics: tuple[str | MetricSpec, ...] = ()
    facts: FactFiles = field(default_factory=FactFiles)
    system: str = "estimates"
    channel: Channels | Channel | str = None
    permutation: str | None = None
    labelled: bool = False
    shard: Shard | None = None
    device: str = "auto"
    jobs: int = 2
    cache: Path | None = None
    get_ready: Callable[[], object] | None = None
    keep_rows: bool = True
    progress: ProgressFactory = quiet
    say: Notify = silent


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderScores:
    """Result of scoring folders.

    Attributes:
        failed_trials: those without any usable value.
        unpaired: estimates that have no reference, and were left out.
        rows: of the estimates; `mixture_rows` are those of the mixtures.
    """

    record: RunRecord
    trials: int
    failed_trials: int
    unpaired: tuple[str, ...]
    files: PairedFiles
    device: str
    rows: Iterable[ScoreRow] = field(default=(), repr=False)
    mixture_rows: Iterable[ScoreRow] = field(default=(), repr=False)


def score_folders(*, estimates: Paths, references: Paths, mixtures: Path | None, options: ScoreOptions) -> FolderScores:
    """Score every reference against the estimate of the same name: a run whose answers are files.

    Estimates in folders `sample_0`, `sample_1`, ... are samples of one system, whose values are their means.

    With a permutation, `estimates` and `references` are several folders each, or one with sub-folders: one for each
    output and each reference of a mixture, such as s1 and s2.

    Without references (an empty list of folders) only metrics that need none have values; all others are rows that say
    `no_reference`. The trials are the mixtures, or without any those that transcripts or activity name, or else the
    estimates.

    With `labelled` each mixture is a trial, whose references and estimates are all files named MIXTURE_LABEL.

    A file that is missing, unreadable or not finite, or of another length, rate or number of channels, is a failed row
    with the reason. Without its mixture a trial lacks its improvements alone.

    Raises:
        ConfigError: a folder is missing or empty, or none of its files can be used.
        OutputError: the run folder holds scores against other references.
    """
    _check_title(options.system, mixtures)
    device = resolve_device(options.device)
    referenced = isinstance(references, Path) or bool(references)
    choices = options.metrics or _default_metrics(mixtures, options, referenced=referenced)
    plan = plan_metrics(choices, context=MetricContext(device=device), watch=True)
    check_needs([(plan, _offer(mixtures, options, referenced=referenced))], fixes=OF_FILES)
    with FilePool(options.jobs, notify=options.say) as pool, ExitStack() as stack:
        if plan.of_files:
            pool.start(plan.of_files)  # the workers import their packages while headers are compared
            stack.enter_context(spared_threads(options.jobs))
        samples = _samples(estimates, references, mixtures, options)
        files = samples[0]
        many = len(samples) * len(files.keys) >= MANY_TRIALS
        in_workers = device == "cpu" and (options.jobs > FED_WORKERS if plan.of_files else many and options.jobs > 0)
        if in_workers:
            pool.start(of_workers(plan.metrics))
        record = _record(samples, options, plan, device)
        make_folder(options.out / ROWS)
        trials = _trials(files)
        evaluation = Evaluation(
            trials,
            plan,
            device=device,
            pool=pool,
            cache=ScoreCache(options.cache or default_cache_dir(), notify=options.say),
            # Shards may be scored on different devices.
            chunk_trials=CHUNK_TRIALS if device == "cpu" or options.shard else _DEVICE_CHUNK,
            in_workers=in_workers,
        )
        rows, mixture_rows = _score(trials, samples[1:], evaluation, record, options)
    from ..run.record import write_record  # noqa: PLC0415 - see `_record`

    give_back_freed_memory()
    table = rows.table()
    failed = _failed(table, record, trials)
    count = len(files.keys) if options.shard is None else len(table["trial_id"].unique())
    count *= len(samples)
    with folder_lock(options.out, wait_s=_WAIT_S):
        # Read again: another system may have been scored into the folder meanwhile.
        record = _record(samples, options, plan, device)
        record = record.model_copy(update={"trials": count, "failed_trials": failed})
        write_mixture_rows(options.out, record, mixture_rows.table())
        write_rows(options.out, record, options.system, table)
        write_record(options.out, record)
    return FolderScores(
        record=record,
        trials=count,
        failed_trials=failed,
        unpaired=tuple(dict.fromkeys(name for each in samples for name in each.unpaired)),
        files=files,
        device=device,
        rows=rows if options.keep_rows else (),
        mixture_rows=mixture_rows if options.keep_rows else (),
    )


def _trials(files: PairedFiles) -> FileSet:
    if not isinstance(files, LabelledFiles):
        return FileSet(files)
    from .labelled_set import LabelledSet  # noqa: PLC0415 - imports torch, which other files do without

    return LabelledSet(files)


def _record(samples: Sequence[PairedFiles], options: ScoreOptions, plan: MetricPlan, device: str) -> RunRecord:
    from .score_record import record_of  # noqa: PLC0415 - slow to import, and workers should start before

    return record_of(samples, out=options.out, system=options.system, plan=plan, device=device, shard=options.shard)


def _score(
    trials: FileSet, others: Sequence[PairedFiles], evaluation: Evaluation, record: RunRecord, options: ScoreOptions
) -> tuple[RowColumns, RowColumns]:
    """Rows of the estimates, those of other samples included, and of the mixtures if there are any."""
    share: Share = options.shard or Whole()
    chunks = share.chunks(trials.card.name, first=0, count=len(evaluation.chunks))
    scores = SetScores(evaluation, run_id=record.run_id, progress=options.progress, own=chunks)
    fingerprint = trials.files.fingerprint
    mixtures = trials.answers("mixtures", identity=digest("files", "mixture", fingerprint))
    # Not cached: `score` has no --fresh, which the author of a metric would need.
    sources = [trials.answers("estimates", files=files, sample=k) for k, files in enumerate((trials.files, *others))]
    with_references = bool(evaluation.plan.reference_values) and not trials.files.unreferenced
    scores.announce((source, chunks) for source in sources)
    if trials.files.mixtures:
        scores.score_mixtures(mixtures, chunks)
    if with_references:
        references = trials.answers("references", identity=digest("files", "reference", fingerprint))
        scores.score_references(references, chunks)
    parts = (part for source in sources for part in scores.rows(options.system, source, chunks))
    rows = RowColumns()
    mixture_rows = _rows_of_mixtures(scores, mixtures, chunks, trials)  # while workers have the first estimates
    with ThreadPoolExecutor(1) as thread:
        for number, part in enumerate(parts):
            if number == 0 and options.get_ready:  # from now on this thread mostly waits for the workers
                thread.submit(options.get_ready)
            rows.add(told_apart(row, trials.files) for row in part.rows)
    return rows, mixture_rows


def _rows_of_mixtures(scores: SetScores, mixtures: AnswerSource, chunks: Sequence[int], trials: FileSet) -> RowColumns:
    """Rows of the mixtures, if there are any, which are scored before.

    A mixture is one output for all references, so that every assignment gives the same values.
    """
    rows, end = RowColumns(), trials.files.signature_end
    for part in scores.rows(MIXTURE, mixtures, chunks) if trials.files.mixtures else ():
        rows.add(replace(row, signature=row.signature + end) if end else row for row in part.rows)
    return rows


def _samples(
    estimates: Paths, references: Paths, mixtures: Path | None, options: ScoreOptions
) -> tuple[PairedFiles, ...]:
    """The files of each sample, most often of one."""
    one = options.permutation is None and not options.labelled
    folders: Sequence[Paths] = sample_folders(estimates) if one else []
    facts = read_facts(options.facts)
    return tuple(_paired(folder, references, mixtures, facts, options) for folder in folders or (estimates,))


def _paired(
    estimates: Paths, references: Paths, mixtures: Path | None, facts: FactTables, options: ScoreOptions
) -> PairedFiles:
    if options.labelled:
        return _labelled(estimates, references, mixtures, options)
    listed = list_files(estimates, references, mixtures, permutation=options.permutation, facts=facts)
    files = paired(listed, channels=channels_of(options.channel), facts=facts)
    return assign(files, progress=options.progress) if options.permutation == "si_sdr" else files


def _default_metrics(mixtures: Path | None, options: ScoreOptions, *, referenced: bool) -> tuple[str, ...]:
    """Metrics of a call that names none.

    Raises:
        ConfigError: there are no references, and nothing is given that a metric without them takes.
    """
    if options.labelled:
        return "ca_sdri", "capi_sdri", "casa_sdri", "label_accuracy"
    if referenced:
        return ("sdri", "si_sdri", "snri") if mixtures else ("sdr", "si_sdr", "snr")
    facts = options.facts
    given = {"ter": facts.transcripts, "timing_f1": facts.activity, "speaker_similarity": facts.enrollments}
    if chosen := tuple(name for name, file in given.items() if file is not None):
        return chosen
    raise ConfigError(
        "no references are given: add --references DIR, or what metrics without them take: --transcripts, --activity "
        "or --enrollments; or name metrics that take the estimates alone, as --metrics dnsmos"
    )


def _labelled(estimates: Paths, references: Paths, mixtures: Path | None, options: ScoreOptions) -> LabelledFiles:
    """Files of labelled sounds.

    Raises:
        ConfigError: there is no folder of mixtures, or there are several folders, a permutation or facts on targets.
    """
    if mixtures is None:
        raise ConfigError("--labelled needs the mixtures, which the names of the sounds begin with: add --mixtures DIR")
    if options.permutation is not None or options.facts != NO_FACTS:
        raise ConfigError(
            "--labelled matches sounds by their labels; leave out --permutation, --transcripts and other facts"
        )
    return labelled_files(
        estimates=_one(estimates, "estimates"),
        references=_one(references, "references"),
        mixtures=mixtures,
        channels=channels_of(options.channel),
    )


def _one(folders: Paths, name: str) -> Path:
    given = [folders] if isinstance(folders, Path) else list(folders)
    if len(given) != 1:
        raise ConfigError(f"--{name} is given {len(given)} times; with --labelled give one folder, which holds all")
    return given[0]


def _offer(mixtures: Path | None, options: ScoreOptions, *, referenced: bool) -> Offer:
    """Needs of metrics that the folders meet."""
    given: dict[Given, bool] = {
        "target": True,
        "mixture": mixtures is not None,
        "interferers": referenced and (mixtures is not None or options.permutation is not None),
        "outputs": options.labelled,
        "parts": options.labelled,
        "absence": options.labelled,
        "channels": isinstance(channels_of(options.channel).of("references"), int),
        "transcript": options.facts.transcripts is not None,
        "enrollment": options.facts.enrollments is not None,
        "recognised": options.facts.recognised is not None,
    }
    return Offer(name="this call", gives=frozenset(need for need, there in given.items() if there))


def _check_title(title: str, mixtures: Path | None) -> None:
    if not title.strip():
        raise ConfigError(f"--system {title!r} is empty; give the system a name")
    if title == MIXTURE and mixtures is not None:
        raise ConfigError(f"--system {title!r} is the name of the mixtures themselves; choose another")


def _failed(rows: pa.Table, record: RunRecord, trials: FileSet) -> int:
    """Estimates that failed, by the rule of all runs, and those to a mixture that cannot be used."""
    from ..run.trial_counts import OF_TRIAL_SETS, trials_by_system  # noqa: PLC0415 - slow to import, see above

    table = rows.select(OF_TRIAL_SETS).to_pandas()
    counted = trials_by_system(table, record.systems, record.metrics).values()
    lost = {(trial, sample) for each in counted for _, trial, sample in each.lost}
    given = table.loc[table["trial_id"].isin(trials.unmixed), ["trial_id", SAMPLE]]
    unmixed = set(given.astype({"trial_id": str}).itertuples(index=False, name=None))
    return len(lost | unmixed)
