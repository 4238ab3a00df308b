"""Page of the Python API: one entry of mkdocstrings for each public name of `tsebench`."""

from __future__ import annotations

import inspect
from typing import Any

import tsebench

_HEAD = """# Python

The public names of `tsebench`. Everything else is internal and may change without notice.

```python
import tsebench
```
"""


def api_page() -> str:
    """Markdown of the page: names in alphabetical order, functions before classes."""
    names = [name for name in tsebench.__all__ if not name.startswith("__")]
    names.sort(key=lambda name: (inspect.isclass(getattr(tsebench, name)), name))
    return "\n".join([_HEAD, *(_entry(name, getattr(tsebench, name)) for name in names)])


def _entry(name: str, thing: Any) -> str:
    """Directive of mkdocstrings under the public name of a thing."""
    return f"""::: {thing.__module__}.{thing.__qualname__}
    options:
      heading: tsebench.{name}
      toc_label: {name}
"""
