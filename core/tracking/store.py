"""Reaching an MLflow store: a client, the errors of a store, and waiting for a locked SQLite file."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..errors import ConfigError
from ..folder_lock import folder_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

SQLITE = "sqlite:///"
# MLflow's own patience with a server that does not answer is several minutes.
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_QUIET = {
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
_LOCK_TRIES, _LOCK_PAUSE_S = 8, 0.25
_LONGEST_WAIT_S = 300.0  # for other processes that make the tables of a store


def default_tracking_uri(folder: Path) -> str:
    """SQLite file next to a folder of results, shared by the runs of one place."""
    return f"{SQLITE}{folder.resolve().parent / 'mlflow.db'}"


def connected(uri: str) -> MlflowClient:
    """A client of a store that answers; its start-up messages do not reach the terminal.

    Raises:
        ConfigError: the store cannot be reached.
    """
    with warnings.catch_warnings(), environment(_QUIET):
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient  # noqa: PLC0415 - takes a second to import

        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # failures are reported here, in one line
        try:
            with impatient(), _alone_at(uri):
                _check_file(uri)
                client = MlflowClient(tracking_uri=uri)
                patiently(lambda: client.search_experiments(max_results=1))
        except store_errors() as error:
            raise unusable(uri, error) from None
        return client


@contextmanager
def open_store(uri: str) -> Iterator[MlflowClient]:
    """A client for a while, in which each error of the store becomes one line.

    Raises:
        ConfigError: the store cannot be reached, or fails later.
    """
    client = connected(uri)
    with environment(_QUIET):
        try:
            yield client
        except store_errors() as error:
            raise unusable(uri, error) from None


def shown(uri: str) -> str:
    """A URI without the password that it may hold, for messages and files."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", uri)


def check_store(uri: str) -> None:
    """Reach a store once, before long work whose result is to be logged there; a ConfigError if it cannot be."""
    connected(uri)


def store_errors() -> tuple[type[Exception], ...]:
    """Exceptions of MLflow for a store that fails; those of HTTP are OSErrors."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes a second to import
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    return MlflowException, SQLAlchemyError, sqlite3.Error, OSError


def unusable(uri: str, error: Exception) -> ConfigError:
    """The line for a store that cannot be used."""
    return ConfigError(
        f"MLflow at {shown(uri)!r} cannot be used: {first_line(error)[:240]}; "
        "check --tracking-uri, or turn tracking off with --tracking-uri none"
    )


def first_line(error: Exception) -> str:
    """First line of an error's text, or its name."""
    return (str(error).strip() or type(error).__name__).partition("\n")[0]


def patiently(call: Callable[[], T]) -> T:
    """The result of a call, tried again while another process has locked the SQLite file."""
    for _ in range(_LOCK_TRIES):
        try:
            return call()
        except store_errors() as error:
            if "database is locked" not in str(error):
                raise
            time.sleep(_LOCK_PAUSE_S)
    return call()


@contextmanager
def impatient() -> Iterator[None]:
    """MLflow gives up a request to a server after 10 s and one more try, and prints nothing."""
    with environment(_QUIET | _IMPATIENT):
        yield


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while; one that the user has set stays."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _alone_at(uri: str) -> Iterator[None]:
    """No other process of this user opens the same SQLite file: MLflow makes its tables in steps that do not mix."""
    if not uri.startswith(SQLITE):
        yield
        return
    name = hashlib.sha256(uri.encode()).hexdigest()[:16]
    with folder_lock(
        Path(tempfile.gettempdir()) / f"tsebench-{os.getuid()}" / f"mlflow-{name}", wait_s=_LONGEST_WAIT_S
    ):
        yield


def _check_file(uri: str) -> None:
    """Open an SQLite file once, because MLflow tries for minutes to open one that cannot be."""
    path = Path(uri.removeprefix(SQLITE))
    if uri.startswith(SQLITE) and path.name:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=30)) as database:
            database.execute("PRAGMA schema_version").fetchone()
