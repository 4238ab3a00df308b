"""Code and options of a metric, as a part of the key of its scores: a signature is only what its author wrote."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ... import __version__
from ...core.content_hash import file_sha256
from ...datasets.seeding import digest
from ..metrics.protocol import Metric
from .loaded_code import loaded_code
from .package_code import versions_of

_SHARED = ("core", "datasets/signals", "systems/shared", "bench/scoring", "bench/asr", "bench/metrics/shared")
"""Folders of tsebench whose code makes scores of answers, in addition to the module of the metric."""


def metric_code(entry: Callable[..., Any], metric: Metric, options: Mapping[str, Any]) -> str:
    """Digest (hex) of what determines a metric's values in addition to its signature.

    It covers tsebench's version and scoring code, the versions of the packages that compute, and the metric's module;
    of a metric from elsewhere its whole package and its options, files among them by content. One whose code is not
    known, or finds files by itself, gets a digest unlike any other: its scores are never reused.
    """
    code = loaded_code(entry, type(metric), options)
    known = uuid.uuid4().hex if code.unseen or code.stale else code.digest
    packages = versions_of("torch", "numpy", "scipy", "soxr")
    return digest("metric", __version__, known, packages, _module(type(metric).__module__), _scoring_code())


@cache
def _module(name: str) -> str:
    """Hash of the module of a metric of tsebench."""
    top, _, inner = name.partition(".")
    path = (_root() / inner.replace(".", "/")).with_suffix(".py")
    return file_sha256(path) if top == __name__.partition(".")[0] and path.is_file() else ""


@cache
def _scoring_code() -> str:
    paths = [path for name in _SHARED for path in sorted((_root() / name).rglob("*.py"))]
    return digest(*(file_sha256(path) for path in paths))


def _root() -> Path:
    return Path(__file__).resolve().parents[2]
