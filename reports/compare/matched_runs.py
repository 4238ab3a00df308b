"""Two run folders, checked to be comparable: same datasets, same metrics, systems in pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from ...bench.rows import read_coded_rows
from ...bench.run.record import RunFacts, read_runs
from ...bench.statistics.samples import one_per_trial
from ...bench.text_columns import distinct
from ...core.errors import ConfigError, UnknownNameError
from ..leaderboard.wording import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPair:
    """A system of the base run and the one that is compared with it."""

    base: str
    candidate: str

    @property
    def title(self) -> str:
        """One name, or both with an arrow."""
        if self.base == self.candidate:
            return self.candidate
        return f"{self.base} → {self.candidate}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs."""

    folder: Path
    facts: RunFacts
    rows: pd.DataFrame = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Two runs that can be compared.

    Attributes:
        pairs: systems, by name.
        datasets: of both runs.
        metrics: by dataset and name, those that both runs have with one signature.
        notes: what only one run has.
        gaps: missing trials of either run.
    """

    base: Side
    candidate: Side
    pairs: tuple[SystemPair, ...]
    datasets: tuple[str, ...]
    metrics: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    gaps: tuple[str, ...]


def match_runs(
    base: Path,
    candidate: Path,
    *,
    base_system: str | None = None,
    candidate_system: str | None = None,
    metrics: Sequence[str] = (),
) -> Matched:
    """Open two runs and pair what they share.

    Args:
        base_system: compare this one alone; default: all that both runs have.
        candidate_system: with that one; default: of the same name.
        metrics: which; default: all that both runs have.

    Raises:
        ConfigError: a folder holds no rows, the runs share no dataset, system or metric, a dataset has two
            fingerprints, or a metric has two signatures.
    """
    with ThreadPoolExecutor() as pool:
        ours, theirs = pool.map(_open, (base, candidate))
    sides = (ours, theirs)
    named = (base_system or candidate_system, candidate_system or base_system)
    pairs = _pairs(*sides, *named)
    datasets = _shared(sides, "dataset", "build the sets once, and run both systems on them")
    for name in datasets:
        _check_fingerprint(name, *sides)
    own = [_keep(side, names) for side, names in zip(sides, _names(pairs), strict=True)]
    return Matched(
        base=own[0],
        candidate=own[1],
        pairs=pairs,
        datasets=datasets,
        metrics=_metrics(own[0], own[1], datasets, metrics),
        notes=tuple(_notes(sides, pairs, datasets, all_systems=named[0] is None)),
        gaps=tuple(gap for side in own for gap in _gaps(side, datasets)),
    )


def _open(folder: Path) -> Side:
    rows = one_per_trial(read_coded_rows(folder))
    (facts,) = read_runs([folder])
    return Side(folder=folder, facts=facts, rows=rows)


def _keep(side: Side, systems: Sequence[str]) -> Side:
    return replace(side, rows=side.rows[side.rows["system"].isin(systems)])


def _names(pairs: Sequence[SystemPair]) -> tuple[list[str], list[str]]:
    return [pair.base for pair in pairs], [pair.candidate for pair in pairs]


def _values(side: Side, column: str) -> list[str]:
    return sorted(map(str, side.rows[column].unique()))


def _shared(sides: Sequence[Side], column: str, fix: str) -> tuple[str, ...]:
    both = [_values(side, column) for side in sides]
    shared = tuple(name for name in both[0] if name in both[1])
    if not shared:
        raise ConfigError(
            f"the runs have no {column} in common: base has {', '.join(both[0])}, candidate has "
            f"{', '.join(both[1])}; {fix}"
        )
    return shared


def _pairs(base: Side, candidate: Side, ours: str | None, theirs: str | None) -> tuple[SystemPair, ...]:
    if ours is not None and theirs is not None:
        for what, side, name in (("base", base, ours), ("candidate", candidate, theirs)):
            if name not in _values(side, "system"):
                raise UnknownNameError(f"system of the {what} run", name, _values(side, "system"))
        return (SystemPair(base=ours, candidate=theirs),)
    fix = "name two with --base-system A --candidate-system B"
    names = _shared((base, candidate), "system", fix)
    return tuple(SystemPair(base=name, candidate=name) for name in names)


def _check_fingerprint(name: str, base: Side, candidate: Side) -> None:
    ours, theirs = (_fingerprint(side, name) for side in (base, candidate))
    if ours and theirs and ours != theirs:
        raise ConfigError(
            f"dataset {name!r} has fingerprint {ours[:12]!r} in the base run and {theirs[:12]!r} "
            "in the candidate run: these are different trials; run both on one build of the set"
        )


def _fingerprint(side: Side, dataset: str) -> str:
    facts = side.facts.datasets.get(dataset)
    return facts.fingerprint if facts else ""


def _metrics(
    base: Side, candidate: Side, datasets: Sequence[str], wanted: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    ours, theirs = (_signatures(side) for side in (base, candidate))
    keys = [key for key in ours if key in theirs and key[0] in datasets]
    known = {metric for _, metric in keys}
    for name in wanted:
        if name not in known:
            raise UnknownNameError("metric of both runs", name, known)
    chosen = tuple(key for key in keys if not wanted or key[1] in wanted)
    if not chosen:
        raise ConfigError(
            f"the runs have no metric in common: base has {_listed(ours)}, candidate has "
            f"{_listed(theirs)}; score one of them again with the metrics of the other"
        )
    for key in chosen:
        both = ours[key] | theirs[key]
        if len(both) > 1:
            raise ConfigError(
                f"metric {key[1]!r} of dataset {key[0]!r} is {' and '.join(sorted(ours[key]))!r} in the base run and "
                f"{' and '.join(sorted(theirs[key]))!r} in the candidate run: these are different measures; score one "
                "of the runs again, or leave the metric out with --metrics"
            )
    return chosen


def _signatures(side: Side) -> dict[tuple[str, str], frozenset[str]]:
    """Signatures by dataset and metric."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for dataset, metric, signature in distinct(side.rows, ["dataset", "metric", "signature"]).itertuples(index=False):
        key = str(dataset), str(metric)
        found[key] = found.get(key, frozenset()) | {str(signature)}
    return dict(sorted(found.items()))


def _listed(keys: Iterable[tuple[str, str]]) -> str:
    return ", ".join(sorted({metric for _, metric in keys})) or "none"


def _notes(
    sides: Sequence[Side], pairs: Sequence[SystemPair], datasets: Sequence[str], *, all_systems: bool
) -> Iterable[str]:
    """Systems, datasets and metrics of one run alone, unless the options leave them out."""
    for what, side, paired in zip(("base", "candidate"), sides, _names(pairs), strict=True):
        alone = [name for name in _values(side, "system") if name not in paired]
        if alone and all_systems:
            yield f"systems of the {what} run alone: {', '.join(alone)}"
        alone = [name for name in _values(side, "dataset") if name not in datasets]
        if alone:
            yield f"datasets of the {what} run alone: {', '.join(alone)}"
    ours, theirs = (_signatures(_keep(s, n)) for s, n in zip(sides, _names(pairs), strict=True))
    for what, some, others in (("base", ours, theirs), ("candidate", theirs, ours)):
        alone = sorted({m for d, m in some if (d, m) not in others and d in datasets})
        if alone:
            yield f"metrics of the {what} run alone: {', '.join(alone)}"
    for name in datasets:
        if not all(_fingerprint(side, name) for side in sides):
            yield f"dataset {name} has no fingerprint in one of the runs: trials pair by id alone"


def _gaps(side: Side, datasets: Sequence[str]) -> Iterable[str]:
    """Missing trials of a run by system, over all strata."""
    for name in datasets:
        facts = side.facts.datasets.get(name)
        expected = sum(facts.expected_trials().values()) if facts else 0
        rows = side.rows[side.rows["dataset"] == name]
        for system, own in rows.groupby("system"):
            missing = expected - own["trial_id"].nunique()
            if missing > 0:
                yield (
                    f"run {side.facts.title}: {system} lacks {plural(missing, 'trial')} of "
                    f"{expected} on {name}; start the run again to complete it"
                )
