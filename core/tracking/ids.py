"""`tracking.json` in a folder of results: its MLflow runs by store, so that work that goes on finds them again.

It is written before anything is logged: work that is killed at any moment leaves no MLflow run that nothing knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from ..errors import ConfigError
from ..files import write_atomic
from ..json_text import read_json
from .store import shown

FILE = "tracking.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingIds:
    """MLflow runs of the results of a folder in one store.

    Attributes:
        identity: of the results; other results in the same folder are other MLflow runs.
        runs: ids by name.
    """

    identity: str
    runs: Mapping[str, str]


_BY_STORE = TypeAdapter(dict[str, TrackingIds])


def read_ids(folder: Path, uri: str) -> TrackingIds | None:
    """The MLflow runs of a folder in a store; None if it was never tracked there.

    Raises:
        ConfigError: the file is damaged.
    """
    return _read(folder / FILE).get(shown(uri))


def write_ids(folder: Path, uri: str, ids: TrackingIds) -> None:
    """Write the MLflow runs of a folder in a store; an OutputError if the folder cannot be written."""
    known = _read(folder / FILE)
    if known.get(shown(uri)) != ids:
        write_atomic(folder / FILE, _BY_STORE.dump_json(known | {shown(uri): ids}, indent=2) + b"\n")


def _read(path: Path) -> dict[str, TrackingIds]:
    if not path.is_file():
        return {}
    try:
        return _BY_STORE.validate_python(read_json(path))
    except (OSError, ValueError):
        raise ConfigError(
            f"{str(path)!r} is damaged: it holds no MLflow runs by store; delete it to track as new runs"
        ) from None
