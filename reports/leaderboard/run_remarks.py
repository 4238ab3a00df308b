"""Remarks on tables that hold rows of several runs, machines or people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import pandas as pd

from ...bench.run.record import RunFacts
from ...bench.text_columns import distinct

_SHA_DIGITS = 12


def other_weights(rows: pd.DataFrame, runs: Sequence[RunFacts]) -> dict[str, str]:
    """Systems that are not the same in all runs, by their cards, with the reason.

    Runs may call two systems by one name. Where they have trials in common, `merge_runs` compares the values; where
    they have none, the weights and options decide.
    """
    found = {}
    facts = {run.run_id: run for run in runs}
    for system, own in rows.groupby("system"):
        known = [str(run) for run in own["run_id"].unique() if _has_card(facts.get(str(run)), str(system))]
        for one, other in combinations(sorted(known), 2):
            reason = _difference(facts[one], facts[other], str(system))
            if reason and not _shared(own, one, other):
                found[str(system)] = reason
    return found


def run_remarks(rows: pd.DataFrame, runs: Sequence[RunFacts]) -> tuple[str, ...]:
    """Sentences on runs that are unfinished, unknown, of other versions, of parts of a set or of chosen channels."""
    return (
        *_unfinished(runs),
        *_incomplete_sets(runs),
        *_unknown_builds(rows, runs),
        *_channels(runs),
        *_permutations(runs),
        *_versions(runs),
    )


def name_remarks(merged: pd.DataFrame, reasons: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences on systems and metrics that are shown apart although they have one name.

    `reasons` by system count where the values of its runs do not differ.
    """
    return (*_systems(merged, reasons), *_metrics(merged))


def _difference(one: RunFacts, other: RunFacts, system: str) -> str:
    ours, theirs = (run.systems[system] for run in (one, other))
    named = f"in {one.title} and {other.title}"
    if ours.text("sha256") != theirs.text("sha256"):
        digests = [facts.text("sha256")[:_SHA_DIGITS] or "none" for facts in (ours, theirs)]
        return f"its weights differ {named} (sha256 {digests[0]} and {digests[1]})"
    options = {json.dumps(facts.card.get("options"), sort_keys=True, default=str) for facts in (ours, theirs)}
    return f"its options differ {named}" if len(options) > 1 else ""


def _has_card(run: RunFacts | None, system: str) -> bool:
    return bool(run and run.systems.get(system) and run.systems[system].card)


def _shared(rows: pd.DataFrame, one: str, other: str) -> bool:
    """Whether two runs have a value for the same trial and metric."""
    keys = ["dataset", "trial_id", "metric", "signature"]
    both = [rows.loc[rows["run_id"] == run, keys] for run in (one, other)]
    return len(both[0].merge(both[1], on=keys)) > 0


def _unfinished(runs: Sequence[RunFacts]) -> Iterator[str]:
    for run in runs:
        if not run.finished:
            yield f"run {run.title} did not finish: systems that lack trials are not ranked"


def _incomplete_sets(runs: Sequence[RunFacts]) -> Iterator[str]:
    missing = {name: facts.missing for run in runs for name, facts in run.datasets.items()}
    for name, missing_files in sorted(missing.items()):
        if missing_files:
            yield f"dataset {name} is not whole: {missing_files}"


def _unknown_builds(rows: pd.DataFrame, runs: Sequence[RunFacts]) -> Iterator[str]:
    """Datasets of several runs of which one has no fingerprint."""
    known = {(run.run_id, name) for run in runs for name, facts in run.datasets.items() if facts.fingerprint}
    for dataset, own in rows.groupby("dataset"):
        ids = [str(run) for run in own["run_id"].unique()]
        lacking = [run for run in ids if (run, str(dataset)) not in known]
        if len(ids) > 1 and lacking:
            titles = {run.run_id: run.title for run in runs}
            named = ", ".join(titles.get(run, run) for run in lacking)
            yield f"dataset {dataset} has no fingerprint in {named}: its trials are merged by id"


def _channels(runs: Sequence[RunFacts]) -> Iterator[str]:
    """Channels that count in scored folders where files have several."""
    for run in runs:
        for facts in run.datasets.values() if run.config is None else ():
            chosen = [f"{_channel(channel)} of the {folder}" for folder, channel in facts.channels.items()]
            chosen += [
                f"{_channel(system.card['options']['channel'])} of the estimates of {title}"
                for title, system in run.systems.items()
                if "channel" in (system.card.get("options") or {})
            ]
            if chosen:
                yield f"where files have several channels, {' and '.join(chosen)} counts"


def _permutations(runs: Sequence[RunFacts]) -> Iterator[str]:
    """Systems of scored folders whose outputs are assigned to the references of each mixture."""
    for run in runs:
        for title, system in run.systems.items() if run.config is None else ():
            facts = system.card.get("options") or {}
            if "permutation" in facts:
                left = facts.get("outputs_left_out", 0)
                more = f"; {left} outputs beyond the references are left out" if left else ""
                yield (
                    f"outputs of {title} are assigned to the references of each mixture by their mean SI-SDR, in "
                    f"{facts.get('reordered')} in another order than the given one{more}"
                )


def _channel(channel: object) -> str:
    return "the mean" if channel == "mean" else f"channel {channel}"


def _versions(runs: Sequence[RunFacts]) -> Iterator[str]:
    known = [run for run in runs if run.versions]
    for name in sorted({name for run in known for name in run.versions}):
        by_version: dict[str, list[str]] = {}
        for run in known:
            by_version.setdefault(run.versions.get(name) or "unknown", []).append(run.title)
        if len(by_version) > 1:
            parts = [f"{version} in {', '.join(who)}" for version, who in by_version.items()]
            yield f"{name} is {' and '.join(parts)}"


def _systems(merged: pd.DataFrame, reasons: Mapping[str, str]) -> Iterator[str]:
    pairs = distinct(merged, ["base_system", "system"])
    for base, own in pairs.groupby("base_system"):
        if set(own["system"]) != {base}:
            why = reasons.get(str(base), "its values differ between runs")
            yield f"{base} is shown for each run: {why}"


def _metrics(merged: pd.DataFrame) -> Iterator[str]:
    names = distinct(merged, ["metric", "base_metric", "signature"]).astype(object)
    split = names[names["metric"] != names["base_metric"]]
    for base, own in split.groupby("base_metric"):
        signatures = ", ".join(sorted(map(str, own["signature"].unique())))
        yield f"{base} has several signatures, one column for each: {signatures}"
