"""Shipped configs that use a builder, a kind of corpus or a network: examples to begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ...core.config_files import find_config, read_yaml, shipped_names
from ...core.errors import listed


def examples(folder: str, used: str, name: str) -> Iterator[tuple[str, str]]:
    """The fact which shipped configs of a folder use a name, if any does.

    Args:
        used: key that holds the name; "kind" is that of each corpus.
    """
    found = [config for config, data in _configs(folder).items() if name in _names(data, used)]
    if found:
        yield "Examples", f"{listed(found)} in configs/{folder}"


@cache
def _configs(folder: str) -> Mapping[str, Mapping[str, Any]]:
    return {name: read_yaml(find_config(name, folder=folder)) for name in shipped_names(folder)}


def _names(data: Mapping[str, Any], used: str) -> set[str]:
    if used != "kind":
        return {str(data.get(used))}
    return {str(corpus.get("kind")) for corpus in data.get("corpora", {}).values()}
