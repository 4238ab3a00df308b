"""Contract of every key: a meaning, a unit where its name says one, and a default or "required"."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from tsebench.bench.metrics.registry import METRICS
from tsebench.datasets.protocols.builder import BUILDERS
from tsebench.datasets.protocols.corpus import CORPORA
from tsebench.reference.docstrings import own_docstring
from tsebench.reference.explain import KINDS, explain, kind_of
from tsebench.reference.keys import REQUIRED, Key
from tsebench.systems.registry import SYSTEMS
from tsebench.systems.trainable import TASKS

TOPICS = [
    (kind.name, name)
    for kind in map(kind_of, KINDS)
    for name in [*([None] if kind.general else []), *(kind.names() if kind.named else [])]
]
SUFFIXES = {"_db": "dB", "_hz": "Hz", "_s": "s", "_ms": "ms"}
CLASSES = [
    *(registry.get(name) for registry in (BUILDERS, CORPORA, SYSTEMS, METRICS) for name in registry),
    *(TASKS.get(name).net_config for name in TASKS),
]


def keys_of(kind: str, name: str | None) -> Iterator[Key]:
    for table in explain(kind, name).tables:
        yield from table.keys


@pytest.mark.parametrize(("kind", "name"), TOPICS)
def test_every_key_is_explained(kind: str, name: str | None) -> None:
    assert explain(kind, name).summary
    for key in keys_of(kind, name):
        words = {*re.findall(r"\w+", key.meaning.lower())}
        assert words - {*key.name.split("_"), "the", "a", "of"}, f"{key.name} is not explained: {key.meaning!r}"
        assert "None" not in key.meaning, f"{key.name}: YAML has null, not None"
        assert key.type
        assert key.default == REQUIRED or key.default
        suffix = next((end for end in SUFFIXES if key.name.endswith(end)), None)
        assert key.unit == SUFFIXES[suffix] if suffix else True, key


@pytest.mark.parametrize("subject", CLASSES, ids=lambda subject: subject.__name__)
def test_no_words_are_left_of_a_key_that_is_gone(subject: type) -> None:
    owners = [owner for owner in getattr(subject, "__mro__", (subject,)) if owner.__module__.startswith("tsebench.")]
    for owner in owners:
        named = own_docstring(owner).entries
        known = {*inspect.signature(owner).parameters, *getattr(owner, "__annotations__", {})}
        assert {*named} <= known, f"{owner.__name__} describes what it has not: {sorted({*named} - known)}"
