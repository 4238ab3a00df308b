"""Slices and dimensions as records, and the dimensions that reports know."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

CONDITION = "condition"
UNKNOWN = "not_told"
"""Value of the trials without a tag that others of the set have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One value of a dimension.

    Attributes:
        name: of the dimension in gates and files: "input_snr".
        title: of the dimension in reports: "input SNR".
        value: in gates and files: "0..5" (0 <= x < 5), "..-10", "10..", "dog", "FM".
        text: the value in reports, with its unit: "0 to 5 dB".
    """

    name: str
    title: str
    value: str
    text: str

    @property
    def label(self) -> str:
        """Title and text: "input SNR 0 to 5 dB"."""
        return f"{self.title} {self.text}"

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One way to cut a set.

    Attributes:
        name: in gates and files; `title` in reports.
        tags: names of tags; the first that a row holds gives its value.
        unit: of the edges.
        edges: of the bins of a number, low included, high not; empty for tags that are not numbers.
        scale: factor from the tag to `unit`.
        several: values joined by `+` are in several slices at once (the classes of a target).
        unless: a more specific tag; a row that has it has no value here.
    """

    name: str
    title: str
    tags: tuple[str, ...]
    unit: str = ""
    edges: tuple[float, ...] = ()
    scale: float = 1.0
    several: bool = False
    unless: str = ""

    @cached_property
    def bins(self) -> tuple[Slice, ...]:
        """All slices of a binned number, from low to high."""
        return tuple(self._bin(low, high) for low, high in pairwise([-math.inf, *self.edges, math.inf]))

    def slices(self, text: str) -> tuple[Slice, ...]:
        """Slices that a trial with this value is in."""
        if not self.edges:
            values = sorted(set(text.split("+"))) if self.several else [text]
            return tuple(self._slice(value, value) for value in values)
        try:
            number = float(text) * self.scale
        except ValueError:
            number = math.nan
        place = int(np.searchsorted(self.edges, number, side="right"))
        return (self.unknown if math.isnan(number) else self.bins[place],)

    @property
    def unknown(self) -> Slice:
        """Slice of the trials without the tag."""
        return self._slice(UNKNOWN, "not told")

    def order(self, part: Slice) -> tuple[int, float, str]:
        """Sort key of slices: bins and numbers by size, then text; trials without the tag last."""
        if part.value == UNKNOWN:
            return (2, 0.0, "")
        if self.edges:
            return (0, float(self.bins.index(part)), "")
        try:
            return (0, float(part.value), "")
        except ValueError:
            return (1, 0.0, part.value)

    def _bin(self, low: float, high: float) -> Slice:
        ends = ["" if math.isinf(end) else f"{end:g}" for end in (low, high)]
        first, last = (end.replace("-", "−") for end in ends)
        text = f"{first} to {last}" if first and last else f"≥ {first}" if first else f"< {last}"
        return self._slice("..".join(ends), f"{text} {self.unit}".strip())

    def _slice(self, value: str, text: str) -> Slice:
        return Slice(name=self.name, title=self.title, value=value, text=text)


_SNR_EDGES_DB = (-10.0, -5.0, 0.0, 5.0, 10.0)

DIMENSIONS = (
    Dimension(name="class", title="class", tags=("class",), several=True),
    Dimension(name="target", title="target", tags=("target",), unless="class"),
    Dimension(name="gender_pair", title="gender pair", tags=("gender_pair",)),
    Dimension(name="n_sources", title="speakers or sources", tags=("n_speakers", "n_sources")),
    Dimension(name="n_classes", title="classes in the mixture", tags=("n_classes",)),
    Dimension(name="input_snr", title="input SNR", tags=("input_snr_db",), unit="dB", edges=_SNR_EDGES_DB),
    Dimension(
        name="input_snr_lufs", title="input SNR (loudness)", tags=("input_snr_lufs_db",), unit="dB", edges=_SNR_EDGES_DB
    ),
    Dimension(
        name="overlap", title="overlap", tags=("overlap",), unit="%", edges=(20.0, 40.0, 60.0, 80.0), scale=100.0
    ),
    Dimension(
        name="enrollment", title="enrollment length", tags=("enrollment_s",), unit="s", edges=(2.0, 5.0, 10.0, 20.0)
    ),
    Dimension(name="duration", title="mixture length", tags=("duration_s",), unit="s", edges=(2.0, 4.0, 8.0, 16.0)),
)
"""Described dimensions; any other tag with 2 to 20 values is a dimension of its own name."""


def condition_slices(condition: str) -> tuple[Slice, ...]:
    """Slices of a stratum: "PMQ 1:3" is in condition=PMQ and in condition=PMQ 1:3; none without a query."""
    return tuple(
        Slice(name=CONDITION, title=CONDITION, value=value, text=value)
        for value in (condition.partition(" ")[0], condition)
        if value
    )
