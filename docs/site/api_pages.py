"""Pages of the Python API, written by mkdocstrings: the public names of `tsebench`, and what plug-ins implement."""

from __future__ import annotations

import inspect
from typing import Any

import tsebench

_PUBLIC = """# Python

The public names of `tsebench`. [Work in Python](notebook.md) shows them at work. Whoever writes a plug-in uses the
[protocols](protocols.md) too. All other names are internal and may change without notice.
"""

_PROTOCOLS = """# Protocols of plug-ins

What a system, a metric, a corpus and a builder implement, and the records that they take and return.
[Plug-ins](plugins.md) shows one of each at work.
"""

_MODULES = {
    "Systems": "tsebench.systems.protocol",
    "Metrics": "tsebench.bench.metrics.protocol",
    "Corpora": "tsebench.datasets.protocols.corpus",
    "Builders": "tsebench.datasets.protocols.builder",
    "Recipes and queries": "tsebench.datasets.types",
}


def api_pages() -> dict[str, str]:
    """Markdown of the pages, by path in the site."""
    groups: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": []}
    for name in sorted(name for name in tsebench.__all__ if not name.startswith("__")):
        groups[_group(getattr(tsebench, name))].append(name)
    public = [_PUBLIC, inspect.cleandoc(tsebench.__doc__ or "").partition("\n")[2]]
    for title, names in groups.items():
        public += [f"\n## {title}\n", *(_name(name, getattr(tsebench, name)) for name in names)]
    protocols = [_PROTOCOLS, *(_module(title, module) for title, module in _MODULES.items())]
    return {"python.md": "\n".join(public), "protocols.md": "\n".join(protocols)}


def _group(thing: Any) -> str:
    """Part of the page that a public name belongs to."""
    if not inspect.isclass(thing):
        return "Functions"
    return "Errors" if issubclass(thing, Exception) else "Classes"


def _name(name: str, thing: Any) -> str:
    """Directive of mkdocstrings under the public name of a thing."""
    return f"""::: {thing.__module__}.{thing.__qualname__}
    options:
      heading: tsebench.{name}
      heading_level: 3
      toc_label: {name}
"""


def _module(title: str, module: str) -> str:
    """Directive of mkdocstrings for the classes and functions of a module that have docstrings."""
    return f"""::: {module}
    options:
      heading: {title}
      toc_label: {title}
      show_root_full_path: false
"""
