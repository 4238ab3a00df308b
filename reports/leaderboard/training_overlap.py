"""Warnings and issues for systems that were trained on part of a test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from ...bench.run.record import OverlapFacts, RunFacts
from ...bench.text_columns import distinct
from .board import Issue, Table

STATUS = "contaminated"

Overlaps = Mapping[tuple[str, str], OverlapFacts]
"""By dataset and displayed name of the system."""


def find_overlaps(rows: pd.DataFrame, runs: Sequence[RunFacts]) -> dict[tuple[str, str], OverlapFacts]:
    """Known overlaps of training data with the datasets of merged rows."""
    found: dict[tuple[str, str], OverlapFacts] = {}
    keys = ["dataset", "system", "base_system", "run_id"]
    for dataset, system, base, run_id in distinct(rows, keys).itertuples(index=False):
        own = [run for run in runs if run.run_id == run_id]
        for run in own or runs:
            overlap = run.overlap(str(dataset), str(base))
            if overlap is not None:
                found.setdefault((str(dataset), str(system)), overlap)
    return found


def with_warnings(table: Table, overlaps: Overlaps) -> Table:
    """The table, with a warning for every system that was trained on part of its dataset."""
    own = {system: sentence(overlap) for (dataset, system), overlap in overlaps.items() if dataset == table.dataset}
    entries = (replace(entry, warning=own.get(entry.system, entry.warning)) for entry in table.entries)
    return replace(table, entries=tuple(entries))


def contamination_issues(overlaps: Overlaps) -> tuple[Issue, ...]:
    """One issue for each system and dataset, about the trials that hold shared recordings or speakers."""
    return tuple(
        Issue(
            dataset=dataset,
            condition="all",
            system=system,
            status=STATUS,
            reason=sentence(overlap),
            metrics=(),
            n_trials=overlap.trials,
            first_trials=(),
        )
        for (dataset, system), overlap in sorted(overlaps.items())
    )


def sentence(overlap: OverlapFacts) -> str:
    """For example "trained on part of this test set: 12 of 40 clips (esc10:test)"."""
    counts = []
    if overlap.listed or overlap.recordings:
        counts.append(f"{overlap.recordings} of {overlap.of_recordings} clips")
    if overlap.speakers:
        counts.append(f"{overlap.speakers} of {overlap.of_speakers} speakers")
    named = ", ".join(overlap.named)
    if not counts:
        return f"trained on part of this test set: {named}"
    return f"trained on part of this test set: {', '.join(counts)}{f' ({named})' if named else ''}"
