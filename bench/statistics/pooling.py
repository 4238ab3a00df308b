"""From the scores of a cell to one number: sums over its trials, and a function of the sums.

A pooled value is not a mean of values of trials: the word error rate of a set is all errors over all words, its F1
score is of all decisions. Each is a function of sums over trials, so that one bootstrap over clusters and one test
serve them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.errors import DatasetError, UnknownNameError, shortened
from ...core.json_text import parse_json
from ..metrics.protocol import PoolingName
from ..metrics.registry import metric_info
from .listeners import ListenerMean
from .permuted import PermutedRate
from .resampling import FloatArray
from .sum_ratio import SumRatio


class Pooling(Protocol):
    """A function from the scores of a cell to one number."""

    def counted(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """[N]: whether a row counts; failed ones do not."""
        ...

    def summands(self, rows: pd.DataFrame, names: Sequence[str]) -> FloatArray:
        """[N, D]: summands of each trial; `names` are `self.names` of all compared rows."""
        ...

    def names(self, rows: pd.DataFrame) -> Sequence[str]:
        """Sorted class names that are summed separately; empty for plain means."""
        ...

    def value(self, sums: FloatArray) -> FloatArray:
        """[...]: the value of sums [..., D]; NaN without trials."""
        ...


@dataclass(frozen=True, slots=True)
class WeightedMean(SumRatio):
    """The mean of the values, weighted by the column `weight`: 1, but words for a pooled rate."""

    def summands(self, rows: pd.DataFrame, names: Sequence[str]) -> FloatArray:  # noqa: ARG002
        """[N, 2]: weighted values and weights."""
        weights = rows["weight"].to_numpy(np.float64)
        return np.stack([rows["value"].to_numpy(np.float64) * weights, weights], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """Precision, recall or F1 of class decisions, macro or micro over classes.

    A class that is neither active nor found in any trial has no F1, and does not count in a macro mean; neither does
    one that is never found for precision, or never active for recall (`zero_division=nan` of scikit-learn).

    Args:
        quantity: "precision", "recall" or "f1".
        macro: mean over classes, or all decisions together.
    """

    quantity: str
    macro: bool

    def counted(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """Rows with decisions, also those whose own score is 0 over 0."""
        return ((rows["status"] != "failed") & (rows["detail"] != "")).to_numpy(np.bool_)

    def names(self, rows: pd.DataFrame) -> Sequence[str]:
        """Classes of which something is decided."""
        every = (text for joined in rows["detail"].unique() for text in decisions_of_samples(joined))
        return sorted({name for text in every for name in _decisions(text)[0]})

    def summands(self, rows: pd.DataFrame, names: Sequence[str]) -> FloatArray:
        """[N, 3 K]: hits, decisions and truths of each class; of several samples, their means."""
        places = {name: k for k, name in enumerate(names)}
        counts = np.zeros((len(rows), 3, len(names)))
        for row, joined in enumerate(rows["detail"]):
            texts = decisions_of_samples(joined)
            for text in texts:
                classes, found, there = _decisions(text)
                at = [places[name] for name in classes]
                counts[row][:, at] += np.stack([found & there, found, there]) / len(texts)
        return counts.reshape(len(rows), 3 * len(names))  # also where there is no row

    def value(self, sums: FloatArray) -> FloatArray:
        """The score of sums [..., 3 K], 0 to 1."""
        hits, found, there = np.split(sums, 3, axis=-1)
        if not self.macro:
            hits, found, there = (x.sum(axis=-1, keepdims=True) for x in (hits, found, there))
        below = {"precision": found, "recall": there, "f1": 0.5 * (found + there)}[self.quantity]
        counted = below > 0
        scores = np.divide(hits, below, out=np.zeros_like(hits), where=counted)
        n = counted.sum(axis=-1)
        return np.where(n > 0, scores.sum(axis=-1) / np.maximum(n, 1), np.nan)


MEAN = WeightedMean()
PERMUTED = PermutedRate()
LISTENERS = ListenerMean()

CLASS_SCORES: Mapping[PoolingName, Pooling] = {
    "macro_precision": Classification(quantity="precision", macro=True),
    "macro_recall": Classification(quantity="recall", macro=True),
    "macro_f1": Classification(quantity="f1", macro=True),
    "micro_precision": Classification(quantity="precision", macro=False),
    "micro_recall": Classification(quantity="recall", macro=False),
    "micro_f1": Classification(quantity="f1", macro=False),
}
"""Poolings of class decisions, by the name that a `MetricInfo` gives; all others are weighted means."""


def pooling_of(rows: pd.DataFrame, metric: str) -> Pooling:
    """Pooling of the rows of one metric.

    Reports add the column `pooling` from run.json; without it the registered metric decides, by the column
    `base_metric` where `metric` is numbered by its signature.
    """
    if "pooling" in rows and len(rows):
        name = str(rows["pooling"].iloc[0])
    else:
        base = str(rows["base_metric"].iloc[0]) if "base_metric" in rows and len(rows) else metric
        name = metric_info(base).pooling
    return pooling_named(name)


def pooling_named(name: str) -> Pooling:
    """Pooling that a `MetricInfo` names.

    Raises:
        UnknownNameError: no such pooling.
    """
    if name not in get_args(PoolingName):
        raise UnknownNameError("pooling", name, get_args(PoolingName))
    others: Mapping[str, Pooling] = {"permuted_rate": PERMUTED, "listeners": LISTENERS}
    return others.get(name) or CLASS_SCORES.get(cast(PoolingName, name), MEAN)


def decisions(classes: Sequence[str], probabilities: Sequence[float], active: Sequence[str], threshold: float) -> str:
    """The `detail` of a row: probabilities of all classes, and the active ones.

    Args:
        classes: [K] vocabulary of the system.
        probabilities: [K].
        active: classes of the mixture.
        threshold: a class whose probability reaches it is found.
    """
    return json.dumps(
        {
            "threshold": threshold,
            "probabilities": {
                # All digits of a float32, so that a decision is that of the probability itself.
                name: float(f"{p:.9g}")
                for name, p in zip(classes, probabilities, strict=True)
            },
            "active": sorted(set(active) & set(classes)),
        },
        separators=(",", ":"),
    )


_BETWEEN = "\n"  # of decisions of several samples; their JSON has no line break


def joined_decisions(details: Iterable[str]) -> str:
    """The `detail` of a trial from those of its samples."""
    return _BETWEEN.join(details)


def decisions_of_samples(joined: str) -> list[str]:
    """The `detail` of each sample."""
    return joined.split(_BETWEEN)


def _decisions(text: str) -> tuple[list[str], NDArray[np.bool_], NDArray[np.bool_]]:
    """Classes [K], whether each is found, and whether it is active."""
    try:
        detail: Any = parse_json(text)
        classes = list(detail["probabilities"])
        found = np.array([p >= detail["threshold"] for p in detail["probabilities"].values()], np.bool_)
        there = np.isin(classes, list(map(str, detail["active"])))
    except (ValueError, LookupError, TypeError, AttributeError):
        problem = f"a row's `detail` holds no class decisions: {shortened(text, 80)!r}"
        raise DatasetError(f"{problem}; start its run again") from None
    return classes, found, there
