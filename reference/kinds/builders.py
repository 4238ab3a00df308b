"""Topics of dataset configs, builders, corpora and degradations."""

from __future__ import annotations

from inspect import signature

from ...datasets.config import DatasetConfig
from ...datasets.protocols.builder import BUILDERS
from ...datasets.protocols.corpus import CORPORA
from ...datasets.protocols.degradation import DEGRADATIONS
from ..topic import Kind, Topic, topic_of
from .shipped import examples

_FOLDER = "root of its paths; given by `--corpus NAME=DIR`, or by a line `NAME: DIR` in ~/.config/tsebench/corpora.yaml"


def _dataset() -> Topic:
    return topic_of("dataset", DatasetConfig, place="a dataset config, `tsebench build CONFIG`")


def _builder(name: str) -> Topic:
    place = f"`params` of a dataset config with `builder: {name}`"
    facts = [*examples("datasets", "builder", name)]
    return topic_of(f"builder {name}", BUILDERS.get(name), place=place, given=["context"], facts=facts)


def _corpus(name: str) -> Topic:
    factory = CORPORA.get(name)
    facts = [
        (title, value)
        for title, key in (("Licence", "licence"), ("Version", "version"))
        if isinstance(value := getattr(factory, key, None), str) and value
    ]
    on_disk = "root" in signature(factory).parameters
    facts.append(("Folder", _FOLDER if on_disk else "none: it is generated"))
    release = getattr(factory, "release", None)
    if release is not None:
        facts.append(("Source", f"{release.title}, {release.source}"))
    facts += examples("datasets", "kind", name)
    place = f"`corpora.NAME.options` of a dataset config with `kind: {name}`"
    return topic_of(f"corpus {name}", factory, place=place, given=["name", "root"], facts=facts)


def _degradation(name: str) -> Topic:
    factory = DEGRADATIONS.get(name)
    unit = getattr(factory, "unit", "")
    facts = [("Level", f"{getattr(factory, 'title', 'level')}{f', {unit}' if unit else ''}")]
    if levels := getattr(factory, "examples", ()):
        facts.append(("For example", ", ".join(map(str, levels))))
    place = f"`options` of a sweep of a run config with `degradation: {name}`; `level` is one of its `levels`"
    return topic_of(f"degradation {name}", factory, place=place, facts=facts)


DATASET = Kind(name="dataset", about="keys of a dataset config", general=_dataset)
BUILDER = Kind(name="builder", about="parameters of a builder of data sets", names=BUILDERS.names, named=_builder)
CORPUS = Kind(name="corpus", about="options of a kind of corpus", names=CORPORA.names, named=_corpus)
DEGRADATION = Kind(
    name="degradation", about="level and options of a degradation", names=DEGRADATIONS.names, named=_degradation
)
