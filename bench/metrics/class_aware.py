"""Class-aware metrics of several labelled outputs: CA-SDRi, CAPI-SDRi, CASA-SDR, and how right the labels are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from torch.nn import functional as F

from ...systems.protocol import LabelledOutput
from ..outcome import Outcome, failed, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.class_aware import Aggregation, ca_sdri_db, capi_sdri_db, casa_sdr_db, label_counts
from .shared.one_by_one import OneByOne

if TYPE_CHECKING:
    from torch import Tensor

Outputs = Sequence[LabelledOutput]
Score = Callable[[Outputs, Outputs, "Tensor"], "float | None"]

Count = Annotated[
    Aggregation,
    Field(
        description='terms of a matched pair with two labels: "errors" counts a false positive and a false negative '
        '(two terms of 0 dB), as CA-SDRi does; "sources" counts one'
    ),
]

_NO_SOURCES = "no_sources: none is wanted, and none was found"


class _OfOutputs(OneByOne):
    """A metric of an answer's labelled outputs against the labelled sources of the target."""

    def __init__(self, info: MetricInfo, settings: str, score: Callable[[Outputs, Outputs, Tensor], Outcome]) -> None:
        self.info, self._settings, self._score = info, settings, score

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`ca_sdri|match:label|same_label:last|ratio:snr|eps:float32|f64|tsebench:1`."""
        return f"{self.info.name}|{self._settings}|tsebench:1"

    def _outcome(self, answer: Answered) -> Outcome:
        facts, length = answer.facts, len(answer.mixture)
        if facts.outputs is None:
            return undefined("no_labelled_outputs")
        if facts.outputs_failure:
            return failed(facts.outputs_failure)
        wanted = [
            LabelledOutput(label, _fitted(signal, length))
            for label, signal in zip(facts.part_labels, facts.parts.values(), strict=True)
        ]
        found = [LabelledOutput(each.label, _fitted(each.signal, length)) for each in facts.outputs]
        return self._score(found, wanted, _fitted(answer.mixture, length))


def _fitted(signal: Tensor, length: int) -> Tensor:
    """The signal [length] as float32 on the CPU: ε of the ratios is that of float32."""
    return F.pad(signal[:length].detach().cpu().float(), (0, max(0, length - len(signal))))


def _sdr(score: Score, found: Outputs, wanted: Outputs, mixture: Tensor) -> Outcome:
    value = score(found, wanted, mixture)
    if value is None:
        return undefined(_NO_SOURCES)
    return Outcome(value=value, status="ok", detail=_labels(found, wanted))


def _accuracy(found: Outputs, wanted: Outputs, mixture: Tensor, *, sources: bool) -> Outcome:  # noqa: ARG001
    counts = label_counts([each.label for each in found], [each.label for each in wanted])
    detail = _labels(found, wanted)
    if not sources:
        return Outcome(value=100.0 * (counts.hits == counts.total), status="ok", detail=detail)
    if not counts.total:
        return undefined(_NO_SOURCES)
    return Outcome(value=100.0 * counts.hits / counts.total, status="ok", weight=counts.total, detail=detail)


def _labels(found: Outputs, wanted: Outputs) -> str:
    """Labels in JSON, sorted."""
    lists = {"found": found, "wanted": wanted}
    return json.dumps({name: sorted(each.label for each in own) for name, own in lists.items()}, ensure_ascii=False)


def _info(name: str, description: str, label: str, *, order: int) -> MetricInfo:
    return MetricInfo(
        name=name,
        unit="dB",
        higher_is_better=True,
        description=description,
        label=label,
        order=order,
        scope="any",
        needs_phase=True,
        needs_reference_energy=False,
        needs=("outputs",),
    )


@METRICS.register("ca_sdri")
def ca_sdri() -> _OfOutputs:
    """`ca_sdri`: class-aware SDR improvement of DCASE 2025 task 4, in dB.

    The mean over all classes that are found or wanted: SNR of the class's output less that of the mixture where it is
    both, 0 dB for a class made up or missed. Of several outputs or sources of one class the last counts, as in the
    baseline's code. Undefined where no class is wanted or found, and for systems without labelled outputs. Source:
    Nguyen et al., arXiv 2503.22088.
    """
    info = _info("ca_sdri", "class-aware SDR improvement of DCASE 2025 task 4", "CA-SDRi", order=-968)
    return _OfOutputs(info, "match:label|same_label:last|ratio:snr|eps:float32|f64", partial(_sdr, ca_sdri_db))


@METRICS.register("capi_sdri")
def capi_sdri() -> _OfOutputs:
    """`capi_sdri`: class-aware permutation-invariant SDR improvement of DCASE 2026 task 4, in dB.

    The mean over all sources: outputs and sources of one class are matched by the highest mean SNR; a pair counts by
    its SNR less that of the mixture, whatever is left over by 0 dB. The same as `ca_sdri` where no class is there
    twice. Undefined as there. Source: Nguyen et al., arXiv 2601.22504.
    """
    info = _info("capi_sdri", "class-aware SDR improvement of DCASE 2026 task 4", "CAPI-SDRi", order=-967)
    return _OfOutputs(info, "match:label,snr|ratio:snr|eps:float32|f64", partial(_sdr, capi_sdri_db))


def _casa(name: str, label: str, *, order: int, count: Aggregation, improvement: bool) -> _OfOutputs:
    what = "SDR improvement" if improvement else "SDR"
    info = _info(name, f"class- and source-aware {what}: matched by signal, then by label", label, order=order)
    score = partial(casa_sdr_db, improvement=improvement, aggregation=count)
    return _OfOutputs(info, f"match:snr|count:{count}|ratio:snr|eps:float32|f64", partial(_sdr, score))


@METRICS.register("casa_sdr")
def casa_sdr(*, count: Count = "errors") -> _OfOutputs:
    """`casa_sdr`: class- and source-aware SDR, in dB.

    Outputs and sources are matched by the highest mean SNR, whatever their labels. A pair of one label counts by its
    SNR, any other pair and what is left over by 0 dB. A perfect output has about 10 log10(‖s‖² / 1.2e-7), 90 dB for a
    minute of loud sound. Undefined as `ca_sdri`. Source: Mishra et al., arXiv 2511.07075.
    """
    return _casa("casa_sdr", "CASA-SDR", order=35, count=count, improvement=False)


@METRICS.register("casa_sdri")
def casa_sdri(*, count: Count = "errors") -> _OfOutputs:
    """`casa_sdri`: `casa_sdr` where a pair of one label counts by its SNR less that of the mixture, in dB."""
    return _casa("casa_sdri", "CASA-SDRi", order=-966, count=count, improvement=True)


def _accuracy_info(name: str, description: str, *, order: int, weighted: bool) -> MetricInfo:
    return MetricInfo(
        name=name,
        unit="%",
        higher_is_better=True,
        description=description,
        order=order,
        scope="any",
        pooling="weighted_mean" if weighted else "mean",
        needs_reference_energy=False,
        needs=("outputs",),
    )


@METRICS.register("label_accuracy")
def label_accuracy() -> _OfOutputs:
    """`label_accuracy`: share of mixtures whose outputs have exactly the wanted labels, in %.

    A class with two sources is wanted twice. DCASE 2026 calls it the accuracy of mixtures; the one of 2025 compares
    sets, and does not see how often a class is there.
    """
    info = _accuracy_info("label_accuracy", "mixtures with all labels right", order=112, weighted=False)
    return _OfOutputs(info, "labels:counted", partial(_accuracy, sources=False))


@METRICS.register("label_accuracy_sources")
def label_accuracy_sources() -> _OfOutputs:
    """`label_accuracy_sources`: labels found rightly over all that are found or wanted, TP / (TP + FP + FN), in %.

    Counted over the whole set, as the accuracy of sources of DCASE 2026.
    """
    info = _accuracy_info("label_accuracy_sources", "labels right over found or wanted", order=113, weighted=True)
    return _OfOutputs(info, "labels:counted|pooled", partial(_accuracy, sources=True))
