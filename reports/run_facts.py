"""What `run.json` says of a run: systems, datasets, versions. Every field is optional."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..core.errors import ConfigError
from ..core.validation import parse

_TRIALS = "trials_"


class _Facts(BaseModel):
    """Read-only facts; keys that reports do not use are let through."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class CostFacts(_Facts):
    """What a system costs; None where it is not known, and `notes` say why."""

    params: int | None = None
    macs_per_s: float | None = None
    macs_per_query: float | None = None
    rtf: float | None = None
    peak_memory_mb: float | None = None
    device: str = ""
    notes: tuple[str, ...] = ()


class SystemFacts(_Facts):
    """What a report says of a system; `card` is its SystemCard as JSON."""

    privileged: bool = False
    family: str = ""
    cost: CostFacts | None = None
    card: Mapping[str, Any] = {}

    def text(self, key: str) -> str:
        """One field of the card as text, "" if it is not there."""
        return plain(self.card.get(key))


class OverlapFacts(_Facts):
    """What a test set and the training data of a system share; see `datasets/contamination.py`."""

    named: tuple[str, ...] = ()
    listed: bool = False
    recordings: int = 0
    of_recordings: int = 0
    speakers: int = 0
    of_speakers: int = 0
    trials: int = 0


class ContentsFacts(_Facts):
    """What a dataset is made of."""

    parts: tuple[str, ...] = ()
    recordings: int = 0
    speakers: int = 0

    def text(self) -> str:
        """Parts and counts in a row."""
        counts = [f"{self.recordings} recordings"]
        counts += [f"{self.speakers} speakers"] if self.speakers else []
        return ", ".join([*self.parts, *counts])


class DatasetFacts(_Facts):
    """What a report says of a dataset.

    Attributes:
        licences: by corpus, or in a row.
        counts: numbers of its card; `trials_PMQ_1:3` is the number of trials of a stratum.
        trials: number of trials by label of the stratum, for example "PMQ 1:3".
        systems: which should have run on it.
        skipped: why others did not.
        overlaps: systems that were trained on some of it.
        role: what a paper's table calls it.
        missing: what it lacks, if it was built without recordings that were missing.
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
    sample_rate_hz: int = 0

    def expected_trials(self) -> dict[str, int]:
        """Number of trials by label of the stratum; empty if the run does not say."""
        return dict(self.trials) or {
            key.removeprefix(_TRIALS).replace("_", " "): count
            for key, count in self.counts.items()
            if key.startswith(_TRIALS)
        }


class BootstrapFacts(_Facts):
    """How the run wants its intervals."""

    resamples: int = 1000
    level: float = 0.95


class ConfigFacts(_Facts):
    """The part of a run's config that reports follow."""

    bootstrap: BootstrapFacts = BootstrapFacts()
    paper_tables: tuple[str, ...] = ()
    scale: str = "full"


class RunFacts(_Facts):
    """One run, as its `run.json` tells it."""

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

    def overlap(self, dataset: str, system: str) -> OverlapFacts | None:
        """What a dataset and the training data of a system share; None if nothing is known."""
        facts = self.datasets.get(dataset)
        return facts.overlaps.get(system) if facts else None

    @property
    def finished(self) -> bool:
        """False for a run that is going on, or was killed; True also where nothing is said."""
        return not ("trials" in self.model_fields_set and self.trials is None)

    @property
    def title(self) -> str:
        """The run's name, or its id without one."""
        return self.name or self.run_id


def read_runs(run_dirs: Sequence[Path]) -> tuple[RunFacts, ...]:
    """Facts of each run folder; a folder without `run.json` gives its name alone.

    Raises:
        ConfigError: a `run.json` is not readable, or two runs used one name for two datasets.
    """
    runs = tuple(_read(Path(folder)) for folder in run_dirs)
    _check_same_datasets(runs)
    return runs


def plain(value: object) -> str:
    """A JSON value as text for people: lists joined by commas, mappings as `key: value`."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(item) or '–'}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return str(value)


def _read(folder: Path) -> RunFacts:
    path = folder / "run.json"
    if not path.is_file():
        return RunFacts(run_id=folder.name)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
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
                    f"dataset {name!r} is {fingerprint!r} in run {first!r} and "
                    f"{facts.fingerprint!r} in run {run.run_id!r}: these are different trials; "
                    "report the two runs separately"
                )
