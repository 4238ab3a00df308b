"""Designs of listening tests: scales, metrics, and the rules by which listeners are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ...bench.metrics.protocol import MetricInfo
from ...core.errors import ConfigError, suggest

DesignName = Literal["mushra", "p808", "ab"]
Kind = Literal["system", "mixture", "reference", "anchor"]

REFERENCE, ANCHOR = "hidden_reference", "anchor_3500_hz"
"""Names of the conditions that every test has besides systems and mixture, where there are references."""
ANCHOR_HZ = 3500.0
SHARE = 0.15
"""Largest share of pages on which a listener may miss the hidden reference."""
MOST_TAKEN = 0.25
"""Largest share of listeners that may take the anchor of a page for the reference; with more, it screens nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A design.

    Attributes:
        low: least rating.
        high: largest rating.
        metric: facts of its metric in rows.
        reference_least: least rating of the hidden reference that a listener who hears it gives.
        anchor_most: largest rating of the low-pass anchor that such a listener gives.
        rules: the screening rules in words, with their source.
    """

    name: DesignName
    low: float
    high: float
    metric: MetricInfo
    reference_least: float
    anchor_most: float
    rules: tuple[str, ...]


def _metric(name: str, label: str, unit: str, description: str) -> MetricInfo:
    return MetricInfo(
        name=name,
        label=label,
        unit=unit,
        higher_is_better=True,
        description=description,
        scope="any",
        pooling="listeners",
        needs_reference=False,
        needs_reference_energy=False,
        order=-2000,
    )


ANCHOR_RULE = "so is one who rates the anchor"
"""Beginning of the rule on the anchor."""
_SPREAD = "a listener who gives every stimulus the same rating is left out"

DESIGNS: Mapping[str, Design] = {
    "mushra": Design(
        name="mushra",
        low=0.0,
        high=100.0,
        metric=_metric("mushra", "MUSHRA", "points", "rating of listeners, 0 to 100, ITU-R BS.1534"),
        reference_least=90.0,
        anchor_most=90.0,
        rules=(
            "a listener who rates the hidden reference below 90 on more than 15 % of the pages is left out "
            "(ITU-R BS.1534-3, section 4.1.2, post-screening)",
            f"{ANCHOR_RULE} above 90 on more than 15 % of the pages; a page on which more than 25 % of listeners do "
            "does not count (the same section, whose rule is on the anchor of 7 kHz; here it is the one of 3.5 kHz)",
            _SPREAD,
        ),
    ),
    "p808": Design(
        name="p808",
        low=1.0,
        high=5.0,
        metric=_metric("acr_mos", "ACR MOS", "MOS", "absolute category rating of listeners, 1 to 5, ITU-T P.808"),
        reference_least=4.0,
        anchor_most=5.0,
        rules=(
            "the hidden reference is the gold standard stimulus (ITU-T P.808): a listener who rates it below 4 on more "
            "than 15 % of its pages is left out",
            _SPREAD,
        ),
    ),
    "ab": Design(
        name="ab",
        low=0.0,
        high=100.0,
        metric=_metric("preference", "preference", "%", "share of comparisons that listeners decide for the system"),
        reference_least=100.0,
        anchor_most=0.0,
        rules=(
            "pages of the hidden reference against the mixture are checks: a listener who does not choose the "
            "reference on more than 15 % of them is left out",
        ),
    ),
}


def design_named(name: str) -> Design:
    """A design.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in DESIGNS:
        raise ConfigError(f"unknown --design {name!r}{suggest(name, DESIGNS)}")
    return DESIGNS[name]
