"""Types of `score --variants`: one definition of a metric's name, and its values for a system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..metrics.protocol import Metric

Family = Literal["sdr", "pesq", "stoi", "wer"]
Quantity = Literal["value", "improvement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One reading of a name.

    Attributes:
        name: for files, for example `si_sdr_mean_kept` or `snr_swapped`.
        family: variants that are confused with each other.
        swapped: the estimate takes the place of the reference.
    """

    name: str
    label: str
    family: Family
    metric: Metric
    swapped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantLine:
    """Values of a variant for one system, summarised over the trials that have one.

    Attributes:
        quantity: the value itself, or value(system) − value(mixture).
        n: trials with a value; those with none are `n_failed` and `n_undefined`.
        n_floored: trials that have the metric's value of a silent estimate.
        mean: NaN without trials, as `median`.
        signature: of the metric; a resampling is in it.
    """

    variant: Variant
    quantity: Quantity
    n: int
    n_failed: int
    n_undefined: int
    n_floored: int
    mean: float
    median: float
    signature: str

    @property
    def resampled(self) -> str:
        """`8000>16000` if the signals were resampled, from the signature; else empty.

        STOI works at 10 kHz by definition, so that its resampling is not reported.
        """
        if self.variant.family == "stoi":
            return ""
        parts = (part.removeprefix("fs:") for part in self.signature.split("|"))
        return next((part for part in parts if ">" in part), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantScores:
    """All variants of one system; a variant's value comes before its improvement."""

    system: str
    lines: tuple[VariantLine, ...]
