"""The files of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...files import make_folder, write_atomic
from .junit import junit_xml
from .listen import write_listening
from .markdown import comparison_markdown
from .nouns import Comparison
from .tables import change_frame, check_frame, csv, trial_frame


def write_comparison(
    comparison: Comparison, out: Path, *, corpus_dirs: Mapping[str, Path] | None = None
) -> list[Path]:
    """Write `compare.md`, `junit.xml`, `changes.csv`, `checks.csv` and `worst_trials.csv`.

    Where both runs kept estimates, `listen.html` plays the trials that got worse most.

    Args:
        comparison: the comparison.
        out: folder of the files; made if it is missing.
        corpus_dirs: folders of corpora by name, to render mixtures and targets from.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = make_folder(out)
    heard = write_listening(comparison, folder, corpus_dirs=corpus_dirs)
    contents = {
        "compare.md": comparison_markdown(comparison, heard.links),
        "junit.xml": junit_xml(comparison),
        "changes.csv": csv(change_frame(comparison)),
        "checks.csv": csv(check_frame(comparison)),
        "worst_trials.csv": csv(trial_frame(comparison)),
    }
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [*(folder / name for name in contents), *heard.files]
