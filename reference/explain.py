"""Topics by kind and name."""

from __future__ import annotations

from ..core.errors import ConfigError, UnknownNameError
from .kinds.configs import ADAPT, DATASET, RUN, TRAIN
from .kinds.entries import BUILDER, CORPUS, REPORT
from .kinds.metrics import METRIC
from .kinds.systems import SYSTEM
from .topic import Kind, Topic

KINDS = {kind.name: kind for kind in (RUN, DATASET, BUILDER, CORPUS, TRAIN, ADAPT, SYSTEM, METRIC, REPORT)}


def kind_of(name: str) -> Kind:
    """The kind of topics called `name`, or its plural, as in `tsebench list`; UnknownNameError if there is none."""
    singular = {"corpora": "corpus"}.get(name, name if name in KINDS else name.removesuffix("s"))
    if singular not in KINDS:
        raise UnknownNameError("kind of topic", name, KINDS)
    return KINDS[singular]


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
