"""Output files of a comparison: Markdown, JUnit XML, tables as CSV at full precision, players."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ...core.files import make_folder, write_atomic
from .junit import junit_xml
from .listening import write_listening
from .markdown import comparison_markdown
from .result import Change, Comparison


def change_frame(comparison: Comparison) -> pd.DataFrame:
    """One line for each difference, of whole strata and of slices."""
    return pd.DataFrame([_change(change) for change in (*comparison.changes, *comparison.slices)])


def check_frame(comparison: Comparison) -> pd.DataFrame:
    """One line for each check of a gate."""
    return pd.DataFrame(
        [
            {
                "gate": str(check.gate),
                "threshold": check.gate.threshold,
                "outcome": check.outcome,
                "reason": check.reason,
                **_change(check.change),
            }
            for check in comparison.checks
        ]
    )


def trial_frame(comparison: Comparison) -> pd.DataFrame:
    """One line for each of the trials that got worse most."""
    return pd.DataFrame(
        [
            {
                "system": trial.system,
                "dataset": trial.dataset,
                "condition": trial.condition,
                "trial_id": trial.trial_id,
                "metric": trial.metric.name,
                "unit": trial.metric.unit,
                "base": trial.base,
                "candidate": trial.candidate,
                "difference": trial.difference,
                "base_reason": trial.base_reason,
                "candidate_reason": trial.candidate_reason,
            }
            for trial in comparison.worst
        ]
    )


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV; an empty one has a single empty line."""
    return str(frame.to_csv(index=False, lineterminator="\n"))


def _change(change: Change) -> dict[str, str | int | float | bool]:
    found, coverage = change.difference, change.coverage
    return {
        "system": change.system,
        "dataset": change.dataset,
        "condition": change.condition,
        "slice": change.slice.name if change.slice else "",
        "slice_value": change.slice.value if change.slice else "",
        "metric": change.metric.name,
        "unit": change.metric.unit,
        "base": change.base,
        "candidate": change.candidate,
        "difference": found.mean,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "p_value": found.p_value,
        "p_adjusted": found.p_adjusted,
        "verdict": change.verdict,
        "n_paired": coverage.paired,
        "n_clusters": found.n_clusters,
        "n_changed_clusters": change.n_changed,
        "n_base_only": coverage.base_only,
        "n_candidate_only": coverage.candidate_only,
        "n_neither": coverage.neither,
    }


def write_comparison(comparison: Comparison, out: Path, *, corpus_dirs: Mapping[str, Path] | None = None) -> list[Path]:
    """Write `compare.md`, `junit.xml`, `changes.csv`, `checks.csv` and `worst_trials.csv`.

    Where both runs stored estimates, `listen.html` plays the trials that got worse most.

    Args:
        comparison: the comparison.
        out: folder of the files; made if it is missing.
        corpus_dirs: folders of corpora by name, to render mixtures and targets from.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = make_folder(out)
    listening = write_listening(comparison, folder, corpus_dirs=corpus_dirs)
    contents = {
        "compare.md": comparison_markdown(comparison, listening.links),
        "junit.xml": junit_xml(comparison),
        "changes.csv": csv(change_frame(comparison)),
        "checks.csv": csv(check_frame(comparison)),
        "worst_trials.csv": csv(trial_frame(comparison)),
    }
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [*(folder / name for name in contents), *listening.files]
