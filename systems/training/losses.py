"""Losses of estimates by their name in a config; one value for each item, in dB."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ...core.errors import ConfigError
from ...core.ratios import si_sdr_db, snr_db, thresholded_residual_db, thresholded_snr_db
from ...core.validation import StrictModel
from ..trainable import AnyTask, ExtractionLoss, LossFacts

Decibels = Annotated[float, Field(gt=0, le=100)]


class LossConfig(StrictModel):
    """The loss and its thresholds.

    Attributes:
        name: "neg_snr", the negative SNR (SoundBeam, eq. 6); "neg_si_sdr", the negative SI-SDR (TD-SpeakerBeam, SpEx+),
            which ignores the level of the estimate; or "thresholded_snr" (query refinement), which is also defined
            where the target is absent.
        max_db: SNR of a perfect estimate under "thresholded_snr", near which it saturates.
        absent_max_db: attenuation of the mixture, for a target that is absent, at which "thresholded_snr" saturates.
    """

    name: Literal["neg_snr", "neg_si_sdr", "thresholded_snr"] = "neg_snr"
    max_db: Decibels = 30.0
    absent_max_db: Decibels = 20.0


class NegativeSnr:
    """−SNR, or −SI-SDR of signals without their means; undefined where the target is absent."""

    def __init__(self, *, scale_invariant: bool = False) -> None:
        self._name = "neg_si_sdr" if scale_invariant else "neg_snr"
        self._ratio = si_sdr_db if scale_invariant else snr_db

    def __call__(self, *, estimate: Tensor, reference: Tensor, mixture: Tensor, present: Tensor) -> Tensor:
        """Signals [B, T] and `present` [B] to losses [B]; a ConfigError where a target is absent."""
        del mixture
        if not bool(present.all()):
            raise ConfigError(
                f"loss.name = {self._name!r} has no value where the target is absent; use "
                "'thresholded_snr', or training data without absent targets"
            )
        loss: Tensor = -self._ratio(estimate=estimate, reference=reference)
        return loss


class ThresholdedSnr:
    """−thresholded SNR, or the thresholded residual where the target is absent."""

    def __init__(self, *, max_db: float, absent_max_db: float) -> None:
        self._max_db = max_db
        self._absent_max_db = absent_max_db

    def __call__(self, *, estimate: Tensor, reference: Tensor, mixture: Tensor, present: Tensor) -> Tensor:
        """Signals [B, T] and `present` [B] to losses [B]."""
        found = -thresholded_snr_db(estimate=estimate, reference=reference, max_db=self._max_db)
        absent = thresholded_residual_db(estimate=estimate, mixture=mixture, max_db=self._absent_max_db)
        return torch.where(present, found, absent)


def loss_facts(task: AnyTask, config: LossConfig) -> LossFacts:
    """Name and unit of what a task minimises.

    Raises:
        ConfigError: the config sets a loss of estimates, of which the task makes no use.
    """
    own = getattr(task, "own_loss", None)
    if not isinstance(own, LossFacts):
        return LossFacts(name=config.name, unit="dB", of_estimates=True)
    if config.model_fields_set and not own.of_estimates:
        key = sorted(config.model_fields_set)[0]
        raise ConfigError(
            f"loss.{key} = {getattr(config, key)!r} has no effect: this system has a loss of its own, {own.name!r}; "
            "leave `loss` out"
        )
    return own


def build_loss(config: LossConfig) -> ExtractionLoss:
    """Create the loss of a config."""
    if config.name != "thresholded_snr":
        return NegativeSnr(scale_invariant=config.name == "neg_si_sdr")
    return ThresholdedSnr(max_db=config.max_db, absent_max_db=config.absent_max_db)
