"""`tsebench list`: registered or shipped names, each with one line of explanation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, TypeVar

from typer import Argument

from ..core.errors import UnknownNameError
from .commands import command
from .output import console

if TYPE_CHECKING:
    from ..core.registry import Registry

Kind = Annotated[str, Argument(metavar="KIND", help="systems, datasets, metrics, corpora, builders or reports.")]
Lines = Iterator[tuple[str, str]]
T = TypeVar("T")


@command("list", place=10, summary="List systems, datasets, metrics, corpora, builders or reports.")
def list_names(what: Kind) -> None:
    """List registered or shipped names, one line each."""
    listings = _listings()
    if what not in listings:
        raise UnknownNameError("kind of listing", what, listings)
    for name, text in listings[what]():
        console.print(f"{name:<18} {text}", highlight=False, markup=False, soft_wrap=True)


def _listings() -> Mapping[str, Callable[[], Lines]]:
    from ..datasets.protocols.builder import BUILDERS
    from ..datasets.protocols.corpus import CORPORA
    from ..reports.formats.registry import REPORTS
    from ..systems.registry import SYSTEMS

    return {
        "systems": lambda: _documented(SYSTEMS),
        "datasets": _datasets,
        "builders": lambda: _documented(BUILDERS),
        "corpora": lambda: _documented(CORPORA),
        "metrics": _metrics,
        "reports": lambda: _documented(REPORTS),
    }


def _documented(registry: Registry[T]) -> Lines:
    """Entries with the first line of their docstring."""
    from inspect import getdoc

    for name in registry.names():
        yield name, (getdoc(registry.get(name)) or "").partition("\n")[0]


def _datasets() -> Lines:
    from ..core.config_files import find_config, read_yaml, shipped_names

    for name in shipped_names("datasets"):
        data = read_yaml(find_config(name, folder="datasets"))
        parts = data.get("datasets")
        yield name, str(data.get("description") or f"all of: {', '.join(parts or [])}")


def _metrics() -> Lines:
    from ..bench.metrics.registry import known_metrics

    for info in known_metrics():
        direction = "higher is better" if info.higher_is_better else "lower is better"
        yield info.name, f"{info.description} [{info.unit or 'no unit'}, {direction}]"
