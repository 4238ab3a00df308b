"""Gain of each part of a target that is a sum: on-screen and off-screen speech."""

from __future__ import annotations

import math

import torch

from ..outcome import Outcome, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.one_by_one import OneByOne

FLOOR_DB = -60.0
_SAME = 1e-6  # share of the energy that must differ between two parts


class PartGain(OneByOne):
    """`on_screen_gain`, `off_screen_gain`: level of one part of the target in the estimate, in dB.

    The estimate is projected on all parts of the target together, ŝ = Σ aᵢ sᵢ + rest, by least squares; the value is 20
    log10 |a| of this part. 0 dB is a part that is kept as it is, −60 dB (the floor) one that is lost. Undefined where
    the part is not in the mixture (`part_absent`), as with off-screen speech of zero length.

    Args:
        part: id of the source, "on" or "off".
        name: of the metric.
    """

    def __init__(self, *, part: str, name: str, order: int) -> None:
        self._part = part
        self.info = MetricInfo(
            name=name,
            unit="dB",
            higher_is_better=None,
            order=order,
            description=f"level of the target's part {part!r} in the estimate; 0 dB keeps it",
            floor_db=FLOOR_DB,
            needs=("parts",),
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`on_screen_gain|projection:parts|floor:-60|f64|tsebench:1`."""
        return f"{self.info.name}|projection:parts|floor:{FLOOR_DB:g}|f64|tsebench:1"

    def _outcome(self, answer: Answered) -> Outcome:
        names = sorted(answer.facts.parts)
        if self._part not in names:
            return undefined("part_absent")
        length = len(answer.estimate)
        parts = torch.stack([_fitted(answer.facts.parts[name], length) for name in names]).to(answer.estimate.device)
        products = parts @ parts.T
        energies = products.diagonal()
        if not bool((energies > 0).all()):
            return undefined("part_silent")
        # A part that is a multiple of another has no level of its own.
        if float(torch.linalg.det(products / energies.sqrt().outer(energies.sqrt()))) < _SAME:
            return undefined("parts_alike")
        gains = torch.linalg.solve(products, parts @ answer.estimate.double())
        gain = abs(float(gains[names.index(self._part)]))
        level_db = 20.0 * math.log10(gain) if gain > 0 else -math.inf
        if level_db < FLOOR_DB:
            return Outcome(value=FLOOR_DB, status="ok", reason="floored")
        return Outcome(value=level_db, status="ok")


def _fitted(signal: torch.Tensor, length: int) -> torch.Tensor:
    return torch.nn.functional.pad(signal[:length].double(), (0, max(0, length - len(signal))))


@METRICS.register("on_screen_gain")
def on_screen_gain(*, device: str = "cpu") -> PartGain:
    """Level of the on-screen speech in the estimate, see `PartGain`."""
    del device
    return PartGain(part="on", name="on_screen_gain", order=130)


@METRICS.register("off_screen_gain")
def off_screen_gain(*, device: str = "cpu") -> PartGain:
    """Level of the off-screen speech in the estimate, see `PartGain`."""
    del device
    return PartGain(part="off", name="off_screen_gain", order=131)
