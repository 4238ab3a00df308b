"""The files of a comparison."""

from __future__ import annotations

from pathlib import Path

from ...files import make_folder, write_atomic
from .junit import junit_xml
from .markdown import comparison_markdown
from .nouns import Comparison
from .tables import change_frame, check_frame, csv, trial_frame


def write_comparison(comparison: Comparison, out: Path) -> list[Path]:
    """Write `compare.md`, `junit.xml`, `changes.csv`, `checks.csv` and `worst_trials.csv`.

    Raises:
        OutputError: the folder cannot be written.
    """
    contents = {
        "compare.md": comparison_markdown(comparison),
        "junit.xml": junit_xml(comparison),
        "changes.csv": csv(change_frame(comparison)),
        "checks.csv": csv(check_frame(comparison)),
        "worst_trials.csv": csv(trial_frame(comparison)),
    }
    folder = make_folder(out)
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [folder / name for name in contents]
