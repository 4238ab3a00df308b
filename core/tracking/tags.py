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
COMMAND = "tsebench.command"
LONGEST_TAG = 5000
OF_THE_START = ("mlflow.source.", "mlflow.user", "mlflow.note.", COMMAND)
"""Tags that stay when a run goes on, or when its report is added; a user may have edited the note."""

EXPERIMENT_TAGS: Mapping[str, str] = {"mlflow.experimentKind": "custom_model_development"}
"""The kind that MLflow's pages take for model training; 3.17 follows the browser's switch instead, see `page_of`."""


def standard_tags(*, commit: str | None, description: str = "") -> dict[str, str]:
    """Tags under MLflow's own names.

    Args:
        commit: of the checkout, with `+changes` if it was edited; None without one.
        description: Markdown, shown on the page of the run.
    """
    tags = {"mlflow.source.name": _source(), "mlflow.source.type": "LOCAL", "mlflow.user": _user()}
    tags[COMMAND] = " ".join(shown(word) for word in [Path(sys.argv[0]).name, *sys.argv[1:]])[:LONGEST_TAG]
    if commit:
        clean, plus, _ = commit.partition("+")
        tags |= {"mlflow.source.git.commit": clean, "mlflow.source.git.dirty": str(bool(plus)).lower()}
    if description:
        tags["mlflow.note.content"] = description[:LONGEST_TAG]
    return tags


def _source() -> str:
    """The command, as "tsebench run", or the name of the program; MLflow shows what follows the last slash."""
    path = Path(sys.argv[0])
    if path.stem in ("tsebench", "__main__"):
        return " ".join(["tsebench", *sys.argv[1:2]])
    return path.name or "python"


def place_of(folder: Path) -> str:
    """Host and absolute path of a folder of results."""
    return f"{socket.gethostname()}:{folder.resolve()}"[:LONGEST_TAG]


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may run under a number without a name
        return ""
