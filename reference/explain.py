"""Topics by kind and name."""

from __future__ import annotations

from importlib import import_module

from ..core.errors import ConfigError, UnknownNameError
from .topic import Kind, Topic

# Modules of the kinds: each imports what it is about, which takes seconds for all.
_MODULES = {
    "run": "configs",
    "dataset": "builders",
    "builder": "builders",
    "corpus": "builders",
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


def explain(kind: str, name: str | None = None) -> Topic:
    """The topic of a kind and name.

    Raises:
        UnknownNameError: there is none; the message suggests the nearest.
        ConfigError: the kind needs a name, or takes none.
    """
    chosen = kind_of(kind)
    if name is None and chosen.general is not None:
        return chosen.general()
    if name is not None and chosen.named is not None:
        return chosen.named(name)
    if name is None:
        raise ConfigError(f"name a {chosen.name}: {', '.join(chosen.names())}")
    raise ConfigError(f"`tsebench explain {chosen.name}` takes no name, not {name!r}; leave it out")
