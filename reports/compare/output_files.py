"""Output files of a comparison: Markdown, JUnit XML, tables as CSV at full precision, players."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from pathlib import Path

import pandas as pd

from ...core.files import make_folder, write_atomic
from ..tables.csv_text import to_csv
from .junit import junit_xml
from .listening import write_listening
from .markdown import comparison_markdown
from .result import Change, Comparison

_PLACE = {"system": "system", "dataset": "dataset", "condition": "condition"}
_METRIC = {"metric": "metric.name", "unit": "metric.unit", "base": "base", "candidate": "candidate"}
_MEASURED = {
    "difference": "difference.mean",
    **{name: f"difference.{name}" for name in ("ci_low", "ci_high", "p_value", "p_adjusted")},
    "verdict": "verdict",
    "n_paired": "coverage.paired",
    "n_clusters": "difference.n_clusters",
    "n_changed_clusters": "n_changed",
    **{f"n_{name}": f"coverage.{name}" for name in ("base_only", "candidate_only", "neither")},
}
_REASONS = {name: name for name in ("difference", "base_reason", "candidate_reason")}
_TRIAL = {**_PLACE, "trial_id": "trial_id", **_METRIC, **_REASONS}
_CHECK = {"threshold": "gate.threshold", "outcome": "outcome", "reason": "reason"}
"""Columns of the tables, and the attributes that they show."""


def _cells(record: object, columns: Mapping[str, str]) -> dict[str, object]:
    return {name: attrgetter(path)(record) for name, path in columns.items()}


def _change(change: Change) -> dict[str, object]:
    part = change.slice
    sliced = {"slice": part.name if part else "", "slice_value": part.value if part else ""}
    return {**_cells(change, _PLACE), **sliced, **_cells(change, {**_METRIC, **_MEASURED})}


def _csv(lines: Iterable[Mapping[str, object]]) -> str:
    """A table as CSV; an empty one has a single empty line."""
    return to_csv(pd.DataFrame(list(lines)))


def write_comparison(comparison: Comparison, out: Path, *, corpus_dirs: Mapping[str, Path] | None = None) -> list[Path]:
    """Write `compare.md`, `junit.xml`, `changes.csv`, `checks.csv` and `worst_trials.csv`.

    Where both runs stored estimates, `listen.html` plays the trials that got worse most, with mixtures and targets
    rendered from the corpora.
    """
    folder = make_folder(out)
    listening = write_listening(comparison, folder, corpus_dirs=corpus_dirs)
    contents = {
        "compare.md": comparison_markdown(comparison, listening.links),
        "junit.xml": junit_xml(comparison),
        "changes.csv": _csv(map(_change, (*comparison.changes, *comparison.slices))),
        "checks.csv": _csv({"gate": str(c.gate), **_cells(c, _CHECK), **_change(c.change)} for c in comparison.checks),
        "worst_trials.csv": _csv(_cells(trial, _TRIAL) for trial in comparison.worst),
    }
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [*(folder / name for name in contents), *listening.files]
