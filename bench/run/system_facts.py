"""Facts on a system of a run, as reports read them: its card, its cost, and what these say on ranking.

This module must stay cheap to import: reports read it without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..outcome import SILENT_ESTIMATE

_BASELINE = "baseline"


class FrozenFacts(BaseModel):
    """Read-only; unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class CostFacts(FrozenFacts):
    """Cost of a system; None where it cannot be known, and then a note says why.

    Attributes:
        params: parameters of its networks, frozen ones included and shared ones once; no buffers.
        macs_per_s: multiply-accumulate operations for each second of mixture, see `bench.cost.macs`: the slope between
            mixtures of about 1 s and 5 s.
        macs_per_query: MACs that do not grow with the mixture: those for the clue (an enrollment lasts 4 s unless an
            example was given) and for padding at the ends.
        rtf: real-time factor: median wall time of the timed passes over duration, one mixture of about 5 s.
        rtf_low: the same of the shortest pass.
        rtf_high: the same of the longest pass; equal to `rtf` if there was only one.
        joules_per_s: energy for each second of that mixture, over all timed passes: that of all processor packages
            (RAPL) or of the GPU (NVML), with whatever else they did; None where the machine does not let it be read.
        peak_memory_mb: for that mixture, in 10⁶ bytes: parameters, buffers, and the most that tensors took while it was
            answered. On a CPU without what a kernel frees before it returns, and with compiled networks run uncompiled;
            never with what is not torch's.
        device: where it was measured.
        notes: how it was measured, and what could not be.
    """

    params: int | None = None
    macs_per_s: float | None = None
    macs_per_query: float | None = None
    rtf: float | None = None
    rtf_low: float | None = None
    rtf_high: float | None = None
    joules_per_s: float | None = None
    peak_memory_mb: float | None = None
    device: str = ""
    notes: tuple[str, ...] = ()


class SystemFacts(FrozenFacts):
    """A system of a run; `card` is its SystemCard as JSON.

    Attributes:
        samples: answers that it drew to each query; its values are means over them.
    """

    privileged: bool = False
    family: str = ""
    cost: CostFacts | None = None
    card: Mapping[str, Any] = {}
    samples: int = 1

    def text(self, key: str) -> str:
        """One field of the card as text, "" if it is missing."""
        return plain(self.card.get(key))

    @property
    def competes(self) -> bool:
        """False for baselines and oracles: they are points of reference, shown and never ranked."""
        return not (self.privileged or self.family == _BASELINE)

    @property
    def phase_generated(self) -> bool:
        """Whether its phase was made from magnitudes: metrics that `needs_phase` do not rank it."""
        return self.card.get("phase") == "generated"

    def expects(self, reason: str) -> bool:
        """Whether a value that failed for this reason is what the card promises.

        A baseline may be silent on purpose, and some metrics have no value for silence. Whatever else goes wrong with
        it is a failure, as with any other system.
        """
        return self.family == _BASELINE and reason.endswith(SILENT_ESTIMATE)


def plain(value: object) -> str:
    """A JSON value as text: lists joined by commas, mappings as `key: value`."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(item) or '–'}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return str(value)
