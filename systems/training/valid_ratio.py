"""SNR of the validation estimates, in dB, higher is better: what a loss is worth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.ratios import si_sdr_db, snr_db
from ..trainable import ExtractionLoss
from .losses import LossConfig


def ratio_name(config: LossConfig) -> str:
    """The ratio that is shown next to a loss: SI-SDR for a loss that ignores the level, else SNR."""
    return "SI-SDR" if config.name == "neg_si_sdr" else "SNR"


@dataclass(frozen=True, slots=True)
class _Call:
    estimate: Tensor
    reference: Tensor
    mixture: Tensor
    present: Tensor


class WatchedLoss:
    """A loss that keeps the signals of its calls during one batch, to measure them afterwards."""

    def __init__(self, criterion: ExtractionLoss, config: LossConfig) -> None:
        self._criterion = criterion
        self._ratio = si_sdr_db if config.name == "neg_si_sdr" else snr_db
        self._calls: list[_Call] = []

    def __call__(self, *, estimate: Tensor, reference: Tensor, mixture: Tensor, present: Tensor) -> Tensor:
        """As the loss itself."""
        self._calls.append(_Call(estimate.detach(), reference, mixture, present))
        return self._criterion(estimate=estimate, reference=reference, mixture=mixture, present=present)

    @torch.no_grad()
    def ratios(self) -> tuple[Tensor, Tensor]:
        """Ratios [P] of estimates and of mixtures, in dB, where a target is present; empty if the loss was not called.

        A task may call its loss several times: for every pair of outputs and sources before the best assignment, which
        is the smallest call; or for several scales, of which the first is the estimate.
        """
        if not self._calls:
            return torch.zeros(0), torch.zeros(0)
        call = min(self._calls, key=lambda call: len(call.estimate))
        present = call.present.bool()
        reference = call.reference[present]
        estimate, mixture = (
            self._ratio(estimate=signal[present], reference=reference) for signal in (call.estimate, call.mixture)
        )
        return estimate, mixture
