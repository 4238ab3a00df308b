"""`tsebench list`: registered or shipped names, each with one line of explanation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from typer import Argument

from ..core.errors import UnknownNameError, suggest
from .commands import command
from .output import console, print_warning

if TYPE_CHECKING:
    from ..core.registry import Registry

Kind = Annotated[
    str,
    Argument(
        metavar="KIND",
        help="systems, datasets, metrics, corpora, builders, degradations, reports, figures, "
        "recognisers, or plugins: what other packages add.",
    ),
]
Lines = Iterator[tuple[str, str]]
T = TypeVar("T")


@command("list", place=10, summary="List systems, datasets, metrics, corpora, builders, reports, plugins ...")
def list_names(what: Kind) -> None:
    """List registered or shipped names, one line each; plug-ins that cannot be used are named on standard error."""
    listings = _listings()
    if what not in listings:
        raise UnknownNameError("kind of listing", what, listings)
    for name, text in listings[what]():
        console.print(f"{name:<18} {text}", highlight=False, markup=False, soft_wrap=True)
    for problem in problems_of_plug_ins(None if what == "plugins" else what):
        print_warning(problem)


def _listings() -> Mapping[str, Callable[[], Lines]]:
    registries = registries_of_plug_ins()
    documented = ("systems", "builders", "corpora", "degradations", "reports", "figures", "recognisers")
    return {
        "datasets": _datasets,
        "metrics": _metrics,
        "plugins": _plug_ins,
        **{name: partial(_documented, registries[name]) for name in documented},
    }


def registries_of_plug_ins() -> Mapping[str, Registry[Any]]:
    """Registries that other packages can add to."""
    from ..bench.asr.protocol import RECOGNISERS
    from ..bench.metrics.registry import METRICS
    from ..datasets.protocols import renderer
    from ..datasets.protocols.builder import BUILDERS
    from ..datasets.protocols.corpus import CORPORA
    from ..datasets.protocols.degradation import DEGRADATIONS
    from ..reports.figures.registry import FIGURES
    from ..reports.formats.registry import REPORTS
    from ..reports.papers.table_files import PAPER_TABLES
    from ..systems.registry import SYSTEMS
    from ..systems.trainable import TASKS

    return {
        "systems": SYSTEMS,
        "tasks": TASKS,
        "corpora": CORPORA,
        "builders": BUILDERS,
        "degradations": DEGRADATIONS,
        "renderers": renderer.RENDERERS,
        "source_renderers": renderer.SOURCE_RENDERERS,
        "trees": renderer.TREES,
        "sidecars": renderer.SIDECARS,
        "metrics": METRICS,
        "recognisers": RECOGNISERS,
        "reports": REPORTS,
        "figures": FIGURES,
        "paper_tables": PAPER_TABLES,
    }


def _plug_ins() -> Lines:
    """Entry points of other packages, with kind, package and version."""
    from ..core.plug_ins import installed_groups, package_of

    groups = installed_groups()
    for registry in registries_of_plug_ins().values():
        broken = registry.problems()
        for point in groups.get(registry.group, []):
            version = f" {point.dist.version}" if point.dist else ""
            state = "cannot be used" if point.name in broken else point.value
            yield point.name, f"{registry.kind} of {package_of(point)}{version}: {state}"


def problems_of_plug_ins(what: str | None = None) -> Iterator[str]:
    """Lines on plug-ins that cannot be used: of one listing, or of all, with entry-point groups that nothing reads."""
    registries = registries_of_plug_ins()
    chosen = registries.values() if what is None else filter(None, [registries.get(what)])
    yield from dict.fromkeys(str(error) for registry in chosen for error in registry.problems().values())
    if what is None:
        yield from _unread_groups(registries)


def _unread_groups(registries: Mapping[str, Registry[Any]]) -> Iterator[str]:
    from ..core.plug_ins import installed_groups, package_of

    known = {registry.group for registry in registries.values()}
    for group, points in installed_groups().items():
        if group not in known:
            packages = ", ".join(sorted({package_of(point) for point in points}))
            meant = registries.get(group.rpartition(".")[2])
            fix = f"; write {meant.group!r}" if meant else suggest(group, known)
            problem = f"package {packages!r}: nothing reads the entry-point group {group!r}{fix}"
            yield f"{problem}, in the package's pyproject.toml, and install it again"


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
