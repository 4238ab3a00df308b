"""What `tsebench list` shows: names with one line of explanation each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from .bench.plan import known_metrics
from .config_files import find_config, read_yaml, shipped_names
from .datasets.builder import BUILDERS
from .datasets.corpus import CORPORA
from .registry import Registry
from .reports.registry import REPORTS
from .systems.registry import SYSTEMS

Lines = Iterator[tuple[str, str]]
T = TypeVar("T")


def rows_of(what: str) -> Lines:
    """Names and explanations of one listing."""
    yield from LISTINGS[what]()


def _documented(registry: Registry[T]) -> Callable[[], Lines]:
    """Entries with the first line of their docstring."""

    def lines() -> Lines:
        for name in registry.names():
            text = inspect.getdoc(registry.get(name)) or ""
            yield name, text.partition("\n")[0]

    return lines


def _datasets() -> Lines:
    for name in shipped_names("datasets"):
        data = read_yaml(find_config(name, folder="datasets"))
        parts = data.get("datasets")
        yield name, str(data.get("description") or f"all of: {', '.join(parts or [])}")


def _metrics() -> Lines:
    for info in known_metrics():
        direction = "higher is better" if info.higher_is_better else "lower is better"
        yield info.name, f"{info.description} [{info.unit or 'no unit'}, {direction}]"


LISTINGS: Mapping[str, Callable[[], Lines]] = {
    "systems": _documented(SYSTEMS),
    "datasets": _datasets,
    "builders": _documented(BUILDERS),
    "corpora": _documented(CORPORA),
    "metrics": _metrics,
    "reports": _documented(REPORTS),
}
