"""MLflow stores for tests: copies of one empty database, because making its tables takes seconds."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from tsebench.core.tracking.store import connected


def empty_store(folder: Path) -> str:
    """Copy an empty database into a folder as `mlflow.db`; its URI."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_template(), folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


def _template() -> Path:
    """The empty database of this release of MLflow, made once on a machine by whichever process is first."""
    place = Path(tempfile.gettempdir()) / f"tsebench-tests-{os.getuid()}"
    place.mkdir(exist_ok=True)
    made = place / f"mlflow-{version('mlflow')}-wal.db"
    with (place / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_file():
            draft = place / "draft.db"
            draft.unlink(missing_ok=True)
            connected(f"sqlite:///{draft}")
            with closing(sqlite3.connect(draft)) as database:
                database.execute("PRAGMA journal_mode = WAL")  # of all copies, too: they wait for the disk less often
            draft.rename(made)
    return made
