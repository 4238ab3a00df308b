"""Topics of metrics: what a value means, and the settings that change it."""

from __future__ import annotations

from collections.abc import Iterator

from ...bench.metrics.protocol import MetricInfo, Need
from ...bench.metrics.registry import GIVEN, METRICS, known_infos
from ..topic import Kind, Topic, topic_of

_SCOPES = {
    "present": "trials whose target is in the mixture",
    "absent": "trials whose target is absent from the mixture",
    "any": "all trials",
}
_POOLINGS = {
    "mean": "mean over trials",
    "weighted_mean": "mean weighted by the size of each trial (of an error rate, its words or characters)",
}
_NEEDS: dict[Need, str] = {
    "transcript": "a transcript of the target",
    "enrollment": "an enrollment",
    "interferers": "the other sources",
    "class_probabilities": "a system that gives class probabilities",
    "mixture": "the mixture",
    "recognised": "a system that recognises speech",
    "activity": "a system that finds when the enrolled speaker speaks",
    "outputs": "a system that answers with labelled outputs",
    "parts": "a target that is a sum of sources",
    "channels": "a target at several channels",
}
_RATES_HZ = (8000, 16000)


def _metric(name: str) -> Topic:
    """The topic of a metric, or of the one that a derived name (`si_sdri`, `wer_deletions`) belongs to."""
    bases = {info.name: known.name for known in known_infos() for info in known.family()}
    if name not in METRICS.names() and name not in bases:
        raise METRICS.unknown(name, bases)
    base = bases.get(name, name)
    place = f"`options` of a metric of a run config, `{{name: {base}, options: {{KEY: VALUE}}}}`"
    return topic_of(f"metric {base}", METRICS.get(base), place=place, given=GIVEN, facts=[*_facts(base, name)])


def _facts(base: str, named: str) -> Iterator[tuple[str, str]]:
    metric = METRICS.get(base)()
    info = metric.info
    if named != base:
        yield named, next(each.description for each in info.family() if each.name == named)
    yield "Measures", info.description
    yield "Unit", info.unit or "none"
    yield "Direction", _direction(info)
    yield "Applies to", _SCOPES[info.scope]
    yield "Over a set", _POOLINGS.get(info.pooling, "that of all decisions together")
    yield from _derived(info)
    if info.silent_db is not None:
        yield "Silent estimate", f"{info.silent_db:g} dB"
    if info.floor_db is not None:
        yield "Least value", f"{info.floor_db:g} dB"
    reasons = [*(["silent_reference"] if info.needs_reference_energy else []), info.undefined_reason]
    if found := [reason for reason in reasons if reason]:
        yield "Undefined", f"with the reason {' or '.join(f'`{reason}`' for reason in found)}"
    if not info.options:
        yield "Signature", ", ".join(dict.fromkeys(f"`{metric.signature(rate)}`" for rate in _RATES_HZ))


def _derived(info: MetricInfo) -> Iterator[tuple[str, str]]:
    if info.improvement is not None:
        yield "Improvement", f"`{info.improvement}`: value of the system − value of the unprocessed mixture"
    if info.parts:
        yield "Parts", ", ".join(f"`{part.name}`" for part in info.parts)
    if info.reference_value is not None:
        yield "Of the reference", f"`{info.reference_value}`: value of the clean reference itself"
    if needed := [*(_NEEDS[need] for need in info.needs), *(f"the setting {option}" for option in info.options)]:
        yield "Needs", ", ".join(needed)


def _direction(info: MetricInfo) -> str:
    if info.higher_is_better is None:
        return "unknown; it never ranks"
    return "higher is better" if info.higher_is_better else "lower is better"


METRIC = Kind(name="metric", about="value and settings of a metric", names=METRICS.names, named=_metric)
