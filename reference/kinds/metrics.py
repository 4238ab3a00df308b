"""Topics of metrics: what a value means, and the settings that change it."""

from __future__ import annotations

from collections.abc import Iterator

from ...bench.metrics.protocol import MetricInfo
from ...bench.metrics.registry import METRICS, known_infos
from ...core.errors import TsebenchError, UnknownNameError
from ..topic import Kind, Topic, topic_of

_SCOPES = {
    "present": "trials whose target is in the mixture",
    "absent": "trials whose target is absent from the mixture",
    "any": "all trials",
}
_RATES_HZ = (8000, 16000)
_GIVEN = ("device", "grammar")


def _metric(name: str) -> Topic:
    """The topic of a metric, or of the one that a derived name (`si_sdri`, `wer_deletions`) belongs to."""
    bases = {info.name: known.name for known in known_infos() for info in known.family()}
    if name not in METRICS.names() and name not in bases:
        raise UnknownNameError("metric", name, bases)
    base = bases.get(name, name)
    place = f"`options` of a metric of a run config, `{{name: {base}, options: {{KEY: VALUE}}}}`"
    return topic_of(f"metric {base}", METRICS.get(base), place=place, given=_GIVEN, facts=[*_facts(base, name)])


def _facts(base: str, named: str) -> Iterator[tuple[str, str]]:
    metric = METRICS.get(base)()
    info = metric.info
    if named != base:
        yield named, next(each.description for each in info.family() if each.name == named)
    yield "Measures", info.description
    yield "Unit", info.unit or "none"
    yield "Direction", _direction(info)
    yield "Applies to", _SCOPES[info.scope]
    yield "Over a set", info.pooling.replace("_", " ")
    yield from _derived(info)
    if info.silent_db is not None:
        yield "Silent estimate", f"{info.silent_db:g} dB"
    if info.floor_db is not None:
        yield "Least value", f"{info.floor_db:g} dB"
    if info.undefined_reason is not None:
        yield "Undefined", f"with the reason {info.undefined_reason}"
    try:
        yield "Signature", ", ".join(dict.fromkeys(metric.signature(rate) for rate in _RATES_HZ))
    except TsebenchError as error:
        yield "Signature", f"needs more: {error}"


def _derived(info: MetricInfo) -> Iterator[tuple[str, str]]:
    if info.improvement is not None:
        yield "Improvement", f"{info.improvement}: value of the system − value of the unprocessed mixture"
    if info.parts:
        yield "Parts", ", ".join(part.name for part in info.parts)
    if info.reference_value is not None:
        yield "Of the reference", f"{info.reference_value}: value of the clean reference itself"
    if info.options:
        yield "Needs", ", ".join(info.options)


def _direction(info: MetricInfo) -> str:
    if info.higher_is_better is None:
        return "unknown; it never ranks"
    return "higher is better" if info.higher_is_better else "lower is better"


METRIC = Kind(name="metric", about="value and settings of a metric", names=METRICS.names, named=_metric)
