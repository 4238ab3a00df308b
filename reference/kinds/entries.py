"""Topics of builders, corpora and reports."""

from __future__ import annotations

from inspect import signature

from ...datasets.protocols.builder import BUILDERS
from ...datasets.protocols.corpus import CORPORA
from ...reports.formats.registry import REPORTS
from ..topic import Kind, Topic, topic_of


def _builder(name: str) -> Topic:
    place = f"`params` of a dataset config with `builder: {name}`"
    return topic_of(f"builder {name}", BUILDERS.get(name), place=place, given=["context"])


def _corpus(name: str) -> Topic:
    factory = CORPORA.get(name)
    facts = [
        (title, value)
        for title, key in (("Licence", "licence"), ("Version", "version"))
        if isinstance(value := getattr(factory, key, None), str) and value
    ]
    on_disk = "root" in signature(factory).parameters
    facts.append(("Folder", "--corpus NAME=DIR, or the user file of corpora" if on_disk else "none: it is generated"))
    release = getattr(factory, "release", None)
    if release is not None:
        facts.append(("Source", f"{release.title}, {release.source}"))
    place = f"`corpora.NAME.options` of a dataset config with `kind: {name}`"
    return topic_of(f"corpus {name}", factory, place=place, given=["name", "root"], facts=facts)


def _report(name: str) -> Topic:
    report = REPORTS.get(name)
    place = f"`tsebench report --format {name} --option {name}.KEY=VALUE`"
    return topic_of(f"report {name}", report, place=place, given=[*signature(report).parameters][:2])


BUILDER = Kind(name="builder", about="parameters of a builder of data sets", names=BUILDERS.names, named=_builder)
CORPUS = Kind(name="corpus", about="options of a kind of corpus", names=CORPORA.names, named=_corpus)
REPORT = Kind(name="report", about="settings of a report format", names=REPORTS.names, named=_report)
