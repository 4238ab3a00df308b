"""Pages of the Python API, written by mkdocstrings: the public names of `tsebench`, and what plug-ins implement."""

from __future__ import annotations

import inspect
from typing import Any

import tsebench

_PUBLIC = """# Python

The public names of `tsebench`. Whoever writes a plug-in uses the [protocols](protocols.md) too. All other names are
internal and may change without notice.

```python
import tsebench
```
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
    names = [name for name in tsebench.__all__ if not name.startswith("__")]
    names.sort(key=lambda name: (inspect.isclass(getattr(tsebench, name)), name))
    public = [_PUBLIC, *(_name(name, getattr(tsebench, name)) for name in names)]
    protocols = [_PROTOCOLS, *(_module(title, module) for title, module in _MODULES.items())]
    return {"python.md": "\n".join(public), "protocols.md": "\n".join(protocols)}


def _name(name: str, thing: Any) -> str:
    """Directive of mkdocstrings under the public name of a thing."""
    return f"""::: {thing.__module__}.{thing.__qualname__}
    options:
      heading: tsebench.{name}
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
