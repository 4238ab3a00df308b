"""run.json: what a run was, so that its rows can be understood and made again.

The `Facts` classes hold what reports read, and what `leaderboard.json` carries; every field is optional, so that files
of older releases, or written by hand, can be reported. The `Record` classes add what only the run itself needs. This
module must stay cheap to import: reports read it without torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from ...core.errors import ConfigError, DatasetError, listed
from ...core.files import write_atomic
from ...core.json_text import read_json
from ...core.validation import first_problem, parse
from ...datasets.facts import LevelCard
from ..metrics.protocol import MetricInfo
from ..shards.shard_record import ShardRecord
from ..statistics import MOST_RESAMPLES
from .rank_by import RankBy
from .system_facts import FrozenFacts, SystemFacts

_FILE = "run.json"
_TRIALS = "trials_"


class SystemRecord(SystemFacts):
    """A system of a run as the run itself needs it.

    Attributes:
        identity: see `scoring.identity.system_identity`.
        resampled_from_hz: rates of datasets that were resampled to the system's own rate.
    """

    identity: str = ""
    resampled_from_hz: tuple[int, ...] = ()


class OverlapFacts(FrozenFacts):
    """Recordings and speakers that a set shares with training data; see `datasets.contamination`."""

    named: tuple[str, ...] = ()
    listed: bool = False
    recordings: int = 0
    of_recordings: int = 0
    speakers: int = 0
    of_speakers: int = 0
    trials: int = 0


class OverlapRecord(OverlapFacts):
    """The same, with the number of trials of the set."""

    of_trials: int = 0


class ContentsFacts(FrozenFacts):
    """Parts of corpora in a dataset, and its numbers of recordings and speakers."""

    parts: tuple[str, ...] = ()
    recordings: int = 0
    speakers: int = 0

    def text(self) -> str:
        """Parts and counts in one line."""
        speakers = [f"{self.speakers} speakers"] if self.speakers else []
        return ", ".join([*self.parts, f"{self.recordings} recordings", *speakers])


class ContentsRecord(ContentsFacts):
    """The same, with SHA-256 (hex) of the sorted lists."""

    recordings_sha256: str = ""
    speakers_sha256: str = ""


class DatasetFacts(FrozenFacts):
    """A dataset of a run.

    Attributes:
        licences: by corpus, or as a list.
        counts: numbers of its card; `trials_PMQ_1:3` is the number of trials of a condition.
        trials: number of trials by condition, for example "PMQ 1:3".
        systems: titles of those that run on it.
        skipped: reason by title for systems that do not.
        overlaps: by title, what a system's training data shares with the set.
        role: name of the set in a paper's table, or "".
        missing: recordings that were missing when it was built, as text; "" if none.
        channels: of scored folders whose files have several: channel (a number, or "mean") by folder.
        level: its place in a sweep; None for a plain set.
    """

    fingerprint: str = ""
    licences: Mapping[str, str] | tuple[str, ...] = ()
    counts: Mapping[str, int] = {}
    trials: Mapping[str, int] = {}
    systems: tuple[str, ...] = ()
    skipped: Mapping[str, str] = {}
    contents: ContentsFacts | None = None
    overlaps: Mapping[str, OverlapFacts] = {}
    role: str = ""
    missing: str = ""
    channels: Mapping[str, str] = {}
    sample_rate_hz: int = 0
    level: LevelCard | None = None

    def expected_trials(self) -> dict[str, int]:
        """Number of trials by condition; empty if unknown."""
        return dict(self.trials) or {
            key.removeprefix(_TRIALS).replace("_", " "): count
            for key, count in self.counts.items()
            if key.startswith(_TRIALS)
        }


class DatasetRecord(DatasetFacts):
    """A dataset of a run as the run itself needs it."""

    version: str = ""
    builder: str = ""
    contents: ContentsRecord | None = None
    overlaps: Mapping[str, OverlapRecord] = {}


class BootstrapFacts(FrozenFacts):
    """Settings of the confidence intervals."""

    resamples: int = Field(default=1000, ge=1, le=MOST_RESAMPLES)
    level: float = Field(default=0.95, gt=0.0, lt=1.0)


class ConfigFacts(FrozenFacts):
    """The part of a run's config that reports follow."""

    bootstrap: BootstrapFacts = BootstrapFacts()
    paper_tables: tuple[str, ...] = ()
    scale: str = "full"
    rank_by: RankBy = {}  # noqa: RUF012 - pydantic copies it


class ConfigRecord(ConfigFacts):
    """The whole config of a run; keys without an attribute here are carried along."""

    model_config = ConfigDict(extra="allow")

    datasets: tuple[Mapping[str, Any], ...] = ()


class RunFacts(FrozenFacts):
    """A run. `run_id` depends on what determines the rows, not on when or where it ran.

    Attributes:
        created: when it began (ISO 8601).
        config: None for scored folders.
        trials: answers that the run evaluates, one to each trial or several samples; None while it is unfinished.
        failed_trials: those without any usable value.
        metrics: facts of the metrics in its rows, by name.
    """

    run_id: str = ""
    name: str = ""
    created: str = ""
    device: Any = None
    git: Any = None
    seed: int | None = None
    config: ConfigFacts | None = None
    trials: int | None = None
    failed_trials: int | None = None
    versions: Mapping[str, str | None] = {}
    systems: Mapping[str, SystemFacts] = {}
    datasets: Mapping[str, DatasetFacts] = {}
    metrics: Mapping[str, MetricInfo] = {}

    def overlap(self, dataset: str, system: str) -> OverlapFacts | None:
        """Overlap of a dataset with the training data of a system; None if nothing is known."""
        facts = self.datasets.get(dataset)
        return facts.overlaps.get(system) if facts else None

    @property
    def finished(self) -> bool:
        """False for a run that is going on or was killed; True also if the file does not say."""
        return not ("trials" in self.model_fields_set and self.trials is None)

    def __repr__(self) -> str:
        state = "finished" if self.finished else "unfinished"
        trials = "" if self.trials is None else f", {self.trials} trials"
        systems, datasets = listed(self.systems, length=60), listed(self.datasets, length=60)
        return f"<run {self.title} ({self.run_id}), {state}: {systems} on {datasets}{trials}; {self.device}>"

    __str__ = __repr__

    @property
    def title(self) -> str:
        """The run's name, or its id without one."""
        return self.name or self.run_id


class RunRecord(RunFacts):
    """The whole of run.json.

    Attributes:
        tracking: ids of the MLflow runs by name, if it was tracked.
        shard: which shard of a divided run the folder holds; None for a whole run.
    """

    run_id: str
    name: str
    seed: int = 0
    config: ConfigRecord | None = None
    systems: Mapping[str, SystemRecord] = {}
    datasets: Mapping[str, DatasetRecord] = {}
    tracking: Mapping[str, str] = {}
    shard: ShardRecord | None = None


def write_record(folder: Path, record: RunRecord) -> None:
    """Write run.json."""
    write_atomic(folder / _FILE, record.model_dump_json(indent=2).encode() + b"\n")


def read_record(folder: Path) -> RunRecord | None:
    """Read run.json to go on with the run, or None if there is none.

    Raises:
        DatasetError: it is damaged, or of another release.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        return RunRecord.model_validate(read_json(path), strict=False)
    except (OSError, ValueError) as error:
        if not isinstance(error, ValidationError):
            raise DatasetError(f"{str(path)!r} is damaged: it cannot be read ({error}); use --fresh") from None
        problem = first_problem(error, RunRecord)
        raise DatasetError(
            f"{str(path)!r} is damaged or of another release of tsebench ({problem}); use --fresh"
        ) from None


def read_runs(run_dirs: Sequence[Path]) -> tuple[RunFacts, ...]:
    """Facts of each run folder, for reports; a folder without `run.json` gives its name alone.

    Raises:
        ConfigError: a `run.json` is not readable, or two runs used one name for two datasets.
    """
    runs = tuple(_read_facts(Path(folder)) for folder in run_dirs)
    _check_same_datasets(runs)
    return runs


def _read_facts(folder: Path) -> RunFacts:
    path = folder / _FILE
    if not path.is_file():
        return RunFacts(run_id=folder.name)
    try:
        data = read_json(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error}") from None
    facts = parse(RunFacts, data, where=str(path))
    return facts if facts.run_id else facts.model_copy(update={"run_id": folder.name})


def _check_same_datasets(runs: Sequence[RunFacts]) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for run in runs:
        for name, facts in run.datasets.items():
            if not facts.fingerprint:
                continue
            fingerprint, first = seen.setdefault(name, (facts.fingerprint, run.run_id))
            if fingerprint != facts.fingerprint:
                raise ConfigError(
                    f"dataset {name!r} is {fingerprint!r} in run {first!r} and {facts.fingerprint!r} in run "
                    f"{run.run_id!r}: these are different trials; report the two runs separately"
                )
