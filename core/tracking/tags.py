"""Tags that MLflow shows: source, commit, user, description, and where the results lie."""

from __future__ import annotations

import getpass
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from .store import shown

FOLDER = "tsebench.folder"
ERROR = "tsebench.error"
LONGEST_TAG = 5000
OF_THE_START = ("mlflow.source.", "mlflow.user", "mlflow.note.")
"""Tags that stay when a run goes on, or when its report is added; a user may have edited the note."""

EXPERIMENT_TAGS: Mapping[str, str] = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow 3 opens such an experiment on its table of runs, others on traces of language models."""


def standard_tags(*, source: str, commit: str | None, description: str = "") -> dict[str, str]:
    """Tags under MLflow's own names.

    Args:
        source: what made the run, for example "tsebench run".
        commit: of the checkout, with `+changes` if it was edited; None without one.
        description: Markdown, shown on the page of the run.
    """
    tags = {"mlflow.source.name": source, "mlflow.source.type": "LOCAL", "mlflow.user": _user()}
    if commit:
        clean, plus, _ = commit.partition("+")
        tags |= {"mlflow.source.git.commit": clean, "mlflow.source.git.dirty": str(bool(plus)).lower()}
    if description:
        tags["mlflow.note.content"] = description[:LONGEST_TAG]
    return tags


def command_line() -> str:
    """The command that runs, without passwords; outside the command line, the name of the program."""
    program = Path(sys.argv[0]) if sys.argv else Path()
    if program.stem not in ("tsebench", "__main__"):
        return program.name or "python"
    return " ".join(["tsebench", *(shown(word) for word in sys.argv[1:])])[:LONGEST_TAG]


def place_of(folder: Path) -> str:
    """Host and absolute path of a folder of results."""
    return f"{socket.gethostname()}:{folder.resolve()}"[:LONGEST_TAG]


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may run under a number without a name
        return ""
