"""Numbers that a paper claims, and the variant of a metric that comes nearest to each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from ...core.errors import ConfigError, UnknownNameError
from .variant import Family, VariantLine, VariantScores

Statistic = Literal["mean", "median"]

# Papers say SDR for each of the ratios, and for its improvement too.
_NAMES: Mapping[Family, tuple[str, ...]] = {
    "sdr": ("sdr", "si_sdr", "sd_sdr", "snr", "sdri", "si_sdri", "sd_sdri", "snri"),
    "pesq": ("pesq", "pesqi"),
    "stoi": ("stoi", "estoi", "stoii", "estoii"),
    "wer": ("wer",),
}
_FAMILY_OF = {name: family for family, names in _NAMES.items() for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedNumber:
    """A number of a paper."""

    text: str  # as it was written, for example `si_sdr=15.2`
    family: Family
    value: float
    decimals: int  # places after the point that were written


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The mean or the median of one variant."""

    line: VariantLine
    statistic: Statistic
    value: float

    @property
    def label(self) -> str:
        """For people: "mean of SNR", "median improvement of SI-SDR"."""
        what = " improvement" if self.line.quantity == "improvement" else ""
        return f"{self.statistic}{what} of {self.line.variant.label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The value nearest to a claim.

    Attributes:
        nearest: None if no variant of the family has a value.
        difference: nearest − claim; NaN without one.
        also: others that give the claim too when they are rounded to its decimals.
    """

    claim: ClaimedNumber
    nearest: Candidate | None
    difference: float
    also: tuple[Candidate, ...]


def claims_of(text: str) -> tuple[ClaimedNumber, ...]:
    """Claims of a comma-separated value, for example `si_sdr=15.2,pesq=3.1`.

    Raises:
        ConfigError: a part is not NAME=NUMBER, or a STOI is in per cent.
        UnknownNameError: a name belongs to no family of variants.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ConfigError(f"--claimed {text!r} claims nothing; write for example si_sdr=15.2")
    return tuple(_claim(part) for part in parts)


def nearest(scores: VariantScores, claim: ClaimedNumber) -> Match:
    """The mean or median with the least absolute difference; the first of several."""
    candidates = list(_candidates(scores, claim.family))
    if not candidates:
        return Match(claim=claim, nearest=None, difference=math.nan, also=())
    best = min(candidates, key=lambda candidate: abs(candidate.value - claim.value))
    also = tuple(c for c in candidates if c is not best and round(c.value, claim.decimals) == claim.value)
    return Match(claim=claim, nearest=best, difference=best.value - claim.value, also=also)


def _claim(part: str) -> ClaimedNumber:
    name, separator, digits = (piece.strip() for piece in part.partition("="))
    if not separator or not name or not digits:
        raise ConfigError(f"--claimed {part!r} is not NAME=NUMBER; write for example si_sdr=15.2")
    if name not in _FAMILY_OF:
        raise UnknownNameError("metric of --claimed", name, _FAMILY_OF)
    try:
        number = Decimal(digits)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ConfigError(f"--claimed {part!r}: {digits!r} is not a number; write for example {name}=15.2")
    family = _FAMILY_OF[name]
    if family == "stoi" and abs(number) > 1:
        raise ConfigError(f"--claimed {part!r}: STOI is between 0 and 1 here; write {name}={number / 100}")
    exponent = number.as_tuple().exponent
    decimals = max(0, -exponent) if isinstance(exponent, int) else 0
    return ClaimedNumber(text=f"{name}={digits}", family=family, value=float(number), decimals=decimals)


def _candidates(scores: VariantScores, family: Family) -> Iterator[Candidate]:
    for line in scores.lines:
        # A paper's word error rate is never an improvement.
        if line.variant.family == family and (family != "wer" or line.quantity == "value"):
            both: tuple[tuple[Statistic, float], ...] = (("mean", line.mean), ("median", line.median))
            yield from (Candidate(line=line, statistic=s, value=v) for s, v in both if not math.isnan(v))
