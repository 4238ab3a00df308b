"""Numbers that a paper claims, and the variant of a metric that comes nearest to each.

Variants of the claimed metric come first. Those of other metrics that papers give under its name count only where none
of these agrees, and a match among many may be chance: it comes with the number of matches that chance would give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Literal

from ...core.errors import ConfigError, UnknownNameError
from .variant import Family, Quantity, VariantLine, VariantScores

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

    @property
    def name(self) -> str:
        """The metric or improvement as it was written: "si_sdri"."""
        return self.text.partition("=")[0]

    @property
    def improvement(self) -> bool:
        """Whether it is an improvement over the mixture."""
        return self.name.endswith("i") and self.name[:-1] in _FAMILY_OF

    @property
    def rounding(self) -> float:
        """Half a unit of its last digit."""
        return 0.5 * 10.0**-self.decimals

    def is_of(self, line: VariantLine) -> bool:
        """Whether a line is of a variant of the claimed metric itself, with its quantity."""
        metric = line.variant.metric.info
        named: Mapping[str | None, Quantity] = {metric.name: "value", f"{metric.name}i": "improvement"}
        return named.get(self.name) == line.quantity


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
    """The value nearest to a claim among some candidates.

    Attributes:
        nearest: None if no candidate has a value.
        also: others that give the claim too when they are rounded to its decimals.
        tried: number of candidates.
        by_chance: how many of the candidates would be as near to a number drawn evenly from their range.
        elsewhere: match among other metrics of the family, where it is nearer and no variant of the claimed one agrees.
    """

    claim: ClaimedNumber
    nearest: Candidate | None
    also: tuple[Candidate, ...]
    tried: int
    by_chance: float
    elsewhere: Match | None = None

    @property
    def difference(self) -> float:
        """Nearest − claim; NaN without one."""
        return self.nearest.value - self.claim.value if self.nearest else math.nan

    @property
    def agrees(self) -> bool:
        """Whether the nearest gives the claim when it is rounded to its decimals."""
        return self.nearest is not None and _agrees(self.nearest, self.claim)


def claims_of(text: str, *, mixtures: bool = True, transcripts: bool = True) -> tuple[ClaimedNumber, ...]:
    """Claims of a comma-separated value, for example `si_sdr=15.2,pesq=3.1`.

    Args:
        mixtures: whether there are mixtures, which improvements need.
        transcripts: whether there are transcripts, which word error rates need.

    Raises:
        ConfigError: a part is not NAME=NUMBER, a STOI is in per cent, or what a metric needs is not there.
        UnknownNameError: a name belongs to no family of variants.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ConfigError(f"--claimed {text!r} claims nothing; write for example si_sdr=15.2")
    claims = tuple(_claim(part) for part in parts)
    for claim in claims:
        if claim.improvement and not mixtures:
            raise _lacks(claim, "mixtures", "--mixtures DIR")
        if claim.family == "wer" and not transcripts:
            raise _lacks(claim, "transcripts of the targets", "--transcripts CSV")
    return claims


def _lacks(claim: ClaimedNumber, need: str, option: str) -> ConfigError:
    return ConfigError(f"--claimed {claim.text!r} needs {need}: add {option}, or leave it out")


def nearest(scores: VariantScores, claim: ClaimedNumber) -> Match:
    """The mean or median of the claimed metric's variants with the least absolute difference; the first of several."""
    candidates = list(_candidates(scores, claim.family))
    own = _match(claim, [candidate for candidate in candidates if claim.is_of(candidate.line)])
    others = _match(claim, [candidate for candidate in candidates if not claim.is_of(candidate.line)])
    if own.agrees or others.nearest is None or abs(others.difference) >= abs(own.difference):
        return own
    return replace(own, elsewhere=others)


def _match(claim: ClaimedNumber, candidates: Sequence[Candidate]) -> Match:
    best = min(candidates, key=lambda candidate: abs(candidate.value - claim.value), default=None)
    also = tuple(c for c in candidates if c is not best and _agrees(c, claim))
    within = max(claim.rounding, abs(best.value - claim.value)) if best else 0.0
    chance = _by_chance([c.value for c in candidates], within=within)
    return Match(claim=claim, nearest=best, also=also, tried=len(candidates), by_chance=chance)


def _agrees(candidate: Candidate, claim: ClaimedNumber) -> bool:
    return round(candidate.value, claim.decimals) == claim.value


def _by_chance(values: Sequence[float], *, within: float) -> float:
    """Expected number of values that are so near to a number drawn evenly from their range."""
    if not values:
        return 0.0
    low, high = min(values), max(values)
    if high == low:
        return float(len(values))
    return sum(min(value + within, high) - max(value - within, low) for value in values) / (high - low)


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
