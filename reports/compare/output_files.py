"""Output files of a comparison: Markdown, JUnit XML, tables as CSV at full precision, players."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from pathlib import Path
from urllib.parse import quote, urlsplit

import pandas as pd

from ...core.errors import ConfigError
from ...core.files import make_folder, write_atomic
from ..tables.csv_text import to_csv
from .junit import junit_xml, refusal_xml
from .markdown import comparison_markdown, refusal_markdown
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
    "n_compared": "n_compared",
    **{f"n_{name}": f"coverage.{name}" for name in ("base_only", "candidate_only", "neither")},
}
_REASONS = {name: name for name in ("difference", "base_reason", "candidate_reason")}
_TRIAL = {**_PLACE, "trial_id": "trial_id", **_METRIC, **_REASONS}
_CHECK = {"threshold": "gate.threshold", "outcome": "outcome", "reason": "reason"}
"""Columns of the tables, and the attributes that they show."""
_WITH_PLAYERS = "Players of these trials: `listen.html`, next to this report's `compare.md`."
_WITHOUT_PLAYERS = "There are no players: they need `keep_estimates: true` in both runs."


def _cells(record: object, columns: Mapping[str, str]) -> dict[str, object]:
    return {name: attrgetter(path)(record) for name, path in columns.items()}


def _change(change: Change) -> dict[str, object]:
    part = change.slice
    sliced = {"slice": part.name if part else "", "slice_value": part.value if part else ""}
    return {**_cells(change, _PLACE), **sliced, **_cells(change, {**_METRIC, **_MEASURED})}


def _csv(lines: Iterable[Mapping[str, object]]) -> str:
    """A table as CSV; an empty one has a single empty line."""
    return to_csv(pd.DataFrame(list(lines)))


def write_comparison(
    comparison: Comparison, out: Path, *, corpus_dirs: Mapping[str, Path] | None = None, link_base: str = ""
) -> list[Path]:
    """Write `compare.md`, `comment.md`, `junit.xml`, `changes.csv`, `checks.csv` and `worst_trials.csv`.

    Where both runs stored estimates, `listen.html` plays the trials that got worse most, with mixtures and targets
    rendered from the corpora. `compare.md` links to it; `comment.md` is the same text for another place, such as a
    pull request, with links only if `link_base` is given.

    Args:
        link_base: web address under which `out` is published.

    Raises:
        ConfigError: `link_base` is no web address.
    """
    # Players take torch, which takes long to import.
    from .listening import write_listening  # noqa: PLC0415

    base = checked_base(link_base)
    folder = make_folder(out)
    listening = write_listening(comparison, folder, corpus_dirs=corpus_dirs)
    elsewhere = {trial: f"{base}/{link}" for trial, link in listening.links.items()} if base else {}
    where = "" if base else _WITH_PLAYERS if listening.links else _WITHOUT_PLAYERS
    contents = {
        "compare.md": comparison_markdown(comparison, elsewhere or listening.links),
        "comment.md": comparison_markdown(comparison, elsewhere, players=where),
        "junit.xml": junit_xml(comparison),
        "changes.csv": _csv(map(_change, (*comparison.changes, *comparison.slices))),
        "checks.csv": _csv({"gate": str(c.gate), **_cells(c, _CHECK), **_change(c.change)} for c in comparison.checks),
        "worst_trials.csv": _csv(_cells(trial, _TRIAL) for trial in comparison.worst),
    }
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [*(folder / name for name in contents), *listening.files]


def write_refusal(problem: str, out: Path) -> list[Path]:
    """Write `compare.md`, `comment.md` and `junit.xml` that say why two runs were not compared."""
    folder, text = make_folder(out), refusal_markdown(problem)
    contents = {"compare.md": text, "comment.md": text, "junit.xml": refusal_xml(problem)}
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [folder / name for name in contents]


def checked_base(link_base: str) -> str:
    """A web address without a slash at its end, or "".

    Raises:
        ConfigError: it is no address of a folder on the web.
    """
    parts = urlsplit(link_base)
    if link_base and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment):
        raise ConfigError(
            f"--link-base {link_base!r} is no web address of a folder; write for example https://ci.example.org/17/compared"
        )
    return quote(link_base, safe=":/@%~!$&'*+,;=[]").rstrip("/")
