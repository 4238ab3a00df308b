"""Unit and direction of a metric or of its improvement over the mixture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ...bench.metrics.protocol import Scope
from ...bench.scoring.plan import known_metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFacts:
    """What a report says of a metric.

    Attributes:
        higher_is_better: None if the metric is not known here: it is shown, never ranked by.
        floor_db: value given to a silent estimate, or None.
        improvement: name of the improvement over the mixture, or None.
        scope: whether it applies where the target is "present", where it is "absent", or to "any".
        pooled: its mean weighs trials, by words for a word error rate.
        part_of: the metric that it is a part of.
    """

    name: str
    unit: str = ""
    higher_is_better: bool | None = None
    description: str = ""
    floor_db: float | None = None
    improvement: str | None = None
    scope: Scope = "present"
    pooled: bool = False
    part_of: str | None = None


@cache
def metric_facts(name: str) -> MetricFacts:
    """Facts of a registered metric, or of what is derived from one.

    A metric of a plug-in that is not installed gives its name alone, so that its rows are shown.
    """
    for info in known_metrics():
        if info.name == name:
            return MetricFacts(
                name=info.name,
                unit=info.unit,
                higher_is_better=info.higher_is_better,
                description=info.description,
                floor_db=info.floor_db,
                improvement=info.improvement,
                scope=info.scope,
                pooled=info.pooled,
                part_of=info.part_of,
            )
    return MetricFacts(name=name)


_WRITTEN = {
    "si_sdr": "SI-SDR",
    "sd_sdr": "SD-SDR",
    "snr": "SNR",
    "sdr": "SDR",
    "sir": "SIR",
    "sar": "SAR",
    "pesq": "PESQ",
    "stoi": "STOI",
    "estoi": "ESTOI",
    "wer": "WER",
    "cer": "CER",
    "dnsmos": "DNSMOS",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "attenuation": "Attenuation",
}


def written(metric: str) -> str:
    """A metric's key as papers write it: "si_sdri" is "SI-SDRi", "snri [2]" is "SNRi [2]".

    One that is not known keeps its name, with spaces for underscores.
    """
    name, space, number = metric.partition(" ")
    if name in _WRITTEN:
        shown = _WRITTEN[name]
    elif name.endswith("i") and name[:-1] in _WRITTEN:
        shown = f"{_WRITTEN[name[:-1]]}i"
    else:
        shown = name.replace("_", " ")
    return shown + space + number
