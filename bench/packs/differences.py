"""Claimed values against values scored again, metric by metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.errors import shortened
from ..metrics.protocol import MetricInfo
from ..score_row import SAMPLE, ScoreRow

TOLERANCES = {"dB": 0.01, "%": 0.01, "MOS": 0.005, "MOS-LQO": 0.005, "s": 0.001}
"""Largest difference by unit that machines may have; of any other unit it is `TOLERANCE`.

Estimates in a pack are the samples that were scored (32-bit float), so that on one machine the differences are 0.
Other processors sum in another order and run networks (DNSMOS) with other roundings. The limits are chosen, not
measured: at most one of the last digit that a table shows.
"""
TOLERANCE = 0.001
_KEY = ["trial_id", SAMPLE, "metric"]
_FIRST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDifference:
    """One metric of one system on one set: claimed against scored again.

    Attributes:
        n: values that were compared.
        unclaimed: values that were scored again and are not claimed.
        beyond: values that differ by more than `tolerance`, or are of another status.
        first: ids of the first trials of these.
        largest: largest difference of two values; NaN where none is there on both sides.
        signatures: claimed signature and the verifier's, if they differ: the values are not comparable then.
    """

    system: str
    dataset: str
    metric: str
    unit: str
    n: int
    unclaimed: int
    beyond: int
    first: tuple[str, ...]
    largest: float
    tolerance: float
    claimed_mean: float
    mean: float
    signatures: tuple[str, str] | None = None

    @property
    def same(self) -> bool:
        """Whether nothing differs, and all values are claimed or none."""
        return not self.problem

    @property
    def problem(self) -> str:
        """The first difference in words; "" if there is none."""
        if self.signatures is not None:
            claimed, own = (shortened(name, 100) for name in self.signatures)
            return f"claimed as {claimed!r} and scored here as {own!r}: these are not the same metric"
        if self.beyond:
            return f"{self.beyond} of {self.n} values differ, the first of trial {', '.join(self.first)}"
        if self.n and self.unclaimed:
            return f"claimed for {self.n} of {self.n + self.unclaimed} answers, so that the means are not the same"
        return ""


def differences(
    claimed: pd.DataFrame,
    rows: Sequence[ScoreRow],
    infos: Iterable[MetricInfo],
    *,
    system: str,
    dataset: str,
    sealed: bool,
) -> Iterator[MetricDifference]:
    """Compare the claimed rows of a system on a set with those scored again; a metric of one side only is given too.

    Args:
        sealed: the system ran on the public part of a set that was split: what had no value there claims nothing.
    """
    units = {info.name: info.unit for info in infos}
    again = pd.DataFrame(
        [(r.trial_id, r.sample, r.metric, r.signature, r.value, r.status) for r in rows],
        columns=[*_KEY, "signature", "value", "status"],
    )
    ours = claimed[(claimed["system"] == system) & (claimed["dataset"] == dataset)]
    ours = ours.assign(**{SAMPLE: ours.get(SAMPLE, 0)})[again.columns]
    metrics = {*again["metric"], *ours["metric"]} & units.keys()
    if sealed:
        ours = ours[ours["status"] != "undefined"]
    for metric in sorted(metrics):
        found = ours[ours["metric"] == metric], again[again["metric"] == metric]
        yield _difference(*found, system=system, dataset=dataset, metric=metric, unit=units[metric])


def _difference(
    ours: pd.DataFrame, again: pd.DataFrame, *, system: str, dataset: str, metric: str, unit: str
) -> MetricDifference:
    tolerance = TOLERANCES.get(unit, TOLERANCE)
    both = ours.merge(again, on=_KEY, how="outer", suffixes=("", "_again"), indicator=True)
    told = both[both["_merge"] != "right_only"]
    gap = (told["value"] - told["value_again"]).abs().to_numpy(np.float64)
    same_value = told["value"].to_numpy() == told["value_again"].to_numpy()  # also for two infinite ones
    moved = (told["status"] == "ok").to_numpy() & ~same_value & ~(gap <= tolerance)
    off = (told["status"] != told["status_again"]).to_numpy() | moved
    known = gap[~np.isnan(gap)]
    theirs = {str(name) for name in ours["signature"]}, {str(name) for name in again["signature"]}
    return MetricDifference(
        system=system,
        dataset=dataset,
        metric=metric,
        unit=unit,
        n=len(told),
        unclaimed=int(((both["_merge"] == "right_only") & (both["status_again"] != "undefined")).sum()),
        beyond=int(off.sum()),
        first=tuple(map(str, told.loc[off, "trial_id"].unique()[:_FIRST])),
        largest=float(known.max()) if len(known) else math.nan,
        tolerance=tolerance,
        claimed_mean=float(ours["value"].mean()) if len(ours) else math.nan,
        mean=float(again["value"].mean()) if len(again) else math.nan,
        signatures=None if not all(theirs) or theirs[0] == theirs[1] else (min(theirs[0]), min(theirs[1])),
    )
