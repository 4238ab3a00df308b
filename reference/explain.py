"""Topics by kind and name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

from ..core.errors import ConfigError, UnknownNameError
from .topic import Kind, Topic

# Modules of the kinds: each imports what it is about, which takes seconds for all.
_MODULES = {
    "run": "configs",
    "dataset": "builders",
    "builder": "builders",
    "corpus": "builders",
    "degradation": "builders",
    "train": "configs",
    "adapt": "configs",
    "system": "systems",
    "metric": "metrics",
    "report": "reports",
}
KINDS = tuple(_MODULES)
"""Names of the kinds of topics."""


def kind_of(name: str) -> Kind:
    """The kind of topics called `name`, or its plural, as in `tsebench list`; UnknownNameError if there is none."""
    singular = {"corpora": "corpus"}.get(name, name if name in KINDS else name.removesuffix("s"))
    if singular not in KINDS:
        raise UnknownNameError("kind of topic", name, KINDS)
    kind: Kind = getattr(import_module(f".kinds.{_MODULES[singular]}", __package__), singular.upper())
    return kind


def explain(kind: str, name: str | None = None, key: str | None = None) -> Topic:
    """The topic of a kind and name, or what it says of one key; `explain("run", key)` finds a key of the config.

    Raises:
        UnknownNameError: there is none; the message suggests the nearest.
        ConfigError: the kind needs a name.
    """
    chosen = kind_of(kind)
    names = chosen.names()
    if chosen.general is not None and (name is None or name not in names):
        topic, key, others = chosen.general(), key or name, names
    elif name is None or chosen.named is None:
        raise ConfigError(f"name a {chosen.name}: {', '.join(names)}")
    else:
        topic, others = chosen.named(name), []
    return topic if key is None else _narrowed(topic, key, others)


def _narrowed(topic: Topic, key: str, others: Sequence[str]) -> Topic:
    """Text of a topic on one key, which may have its section before it ("systems.cache")."""
    place, _, name = key.rpartition(".")
    tables = [table for table in topic.tables if not place or place in table.places]
    found = [replace(table, keys=tuple(each for each in table.keys if each.name == name)) for table in tables]
    if not any(table.keys for table in found):
        known = {each.name for table in topic.tables for each in table.keys}
        raise UnknownNameError(f"key of {topic.title}", key, {*known, *others})
    return replace(topic, summary="", paragraphs=(), facts=(), tables=tuple(table for table in found if table.keys))
