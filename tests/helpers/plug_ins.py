"""Packages that add to tsebench, as good as installed: a folder on the path with entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tsebench.cli.list import registries_of_plug_ins


@contextmanager
def registries_restored() -> Iterator[pytest.MonkeyPatch]:
    """Forget afterwards what is registered meanwhile."""
    registries = registries_of_plug_ins().values()
    for registry in registries:  # a module is imported once, and registers once
        registry._scan_built_in()
    with pytest.MonkeyPatch.context() as patch:
        for registry in registries:
            for name in ("_entries", "_owners", "_problems"):
                patch.setattr(registry, name, dict(getattr(registry, name)))
            patch.setattr(registry, "_added", list(registry._added))
        yield patch


@contextmanager
def installed(folder: Path, package: str, groups: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """Put a folder with modules on the path, as package `package` with these entry points, and take it off again."""
    metadata = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    before = set(sys.modules)
    with registries_restored() as patch:
        patch.syspath_prepend(str(folder))
        for registry in registries_of_plug_ins().values():
            patch.setattr(registry, "_plug_ins", None)
            patch.setattr(registry, "_scanned", False)
        yield
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
