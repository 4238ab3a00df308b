"""Classes that a system finds in the mixture: precision, recall and F1 of its decisions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import pandas as pd
from pydantic import Field

from ..outcome import Outcome, failed, undefined
from ..statistics.pooling import CLASS_SCORES, decisions, pooling_named
from .protocol import Answered, Metric, MetricInfo, PoolingName
from .registry import METRICS
from .shared.one_by_one import OneByOne

Threshold = Annotated[float, Field(ge=0.0, le=1.0, description="a class whose probability reaches it is found, 0 to 1")]


class ClassActivity(OneByOne):
    """`macro_f1` and its kin: class probabilities against the active classes of the mixture.

    The value of a row is that of its own decisions; over a set, all decisions count together, for each class (macro) or
    at once (micro). Probabilities and truth are the `detail` of a row, so that every threshold can be looked at later
    (`bench.statistics.class_thresholds.threshold_sweep`).

    Args:
        name: "macro_f1", "micro_precision", ...
        threshold: a class whose probability reaches it is found.
    """

    def __init__(self, name: PoolingName, *, threshold: float = 0.5) -> None:
        self._threshold = threshold
        average, quantity = name.split("_")
        self.info = MetricInfo(
            name=name,
            unit="0..1",
            higher_is_better=True,
            description=f"{quantity} of the classes found in the mixture, {average} over classes",
            label=name.replace("_f1", " F1") if quantity == "f1" else "",
            order={"macro_f1": 100, "micro_f1": 110}.get(name),
            scope="any",
            pooling=name,
            needs_reference_energy=False,
            needs=("class_probabilities",),
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - it takes no signals
        """`macro_f1|threshold:0.5|tsebench:2`."""
        return f"{self.info.name}|threshold:{self._threshold:g}|tsebench:2"

    def _outcome(self, answer: Answered) -> Outcome:
        facts = answer.facts
        if facts.class_probabilities is None or facts.classes is None:
            return undefined("no_class_probabilities")
        probabilities = facts.class_probabilities.tolist()
        if len(probabilities) != len(facts.classes):
            numbers = f"{len(probabilities)} probabilities for the {len(facts.classes)} classes of the card"
            return failed(f"class_probabilities_shape: {numbers}")
        finite = sum(map(math.isfinite, probabilities))
        if finite < len(probabilities):
            bad = f"{len(probabilities) - finite} of {len(probabilities)} are NaN or infinite"
            return failed(f"class_probabilities_non_finite: {bad}")
        detail = decisions(facts.classes, probabilities, facts.active_classes, self._threshold)
        pooling = pooling_named(self.info.pooling)
        row = pd.DataFrame({"detail": [detail]})
        value = float(pooling.value(pooling.summands(row, pooling.names(row)))[0])
        if math.isnan(value):
            # No class is active or found, as far as this score goes. The row keeps the decisions: they count in pooled
            # values, in comparisons, and at other thresholds.
            return replace(undefined("no_class"), detail=detail)
        return Outcome(value=value, status="ok", detail=detail)


_AVERAGES = {"macro": "as the mean over classes", "micro": "over the decisions on all classes at once"}


def _factory(name: PoolingName) -> Callable[..., Metric]:
    def make(*, threshold: Threshold = 0.5) -> ClassActivity:
        return ClassActivity(name, threshold=threshold)

    average, quantity = name.split("_")
    make.__doc__ = f"""`{name}`: {quantity} of the classes that a system finds in the mixture, {_AVERAGES[average]}.

    From 0 to 1. A class is found if its probability reaches `threshold`; the truth are the active classes of the
    mixture, target or not. A row has the score of its own trial's decisions; over a set, all decisions count together.
    Undefined for a system without class probabilities (`no_class_probabilities`), and for a trial in which no class is
    active or found (`no_class`)."""
    return make


for _name in CLASS_SCORES:
    METRICS.register(_name)(_factory(_name))
