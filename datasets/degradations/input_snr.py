"""Degradation `input_snr`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from ..builders.shared.options import Level
from ..protocols.degradation import DEGRADATIONS, Degradation, Rendering, UnfitTrialError
from ..signals.mixing import db_to_gain, power_db
from ..types import Query, Trial, Truth

if TYPE_CHECKING:
    from ..dataset import Dataset


@DEGRADATIONS.register("input_snr")
class InputSnr(Degradation):
    """All that is not the target is scaled to an input SNR; the target stays, and so does its level.

    The mixture may exceed full scale at low levels. Trials without a target are left out.

    Args:
        level: power ratio of the target to the rest of the mixture, each the mean over the whole mixture.
    """

    title = "input SNR"
    examples = (5, -5)
    unit = "dB"

    def __init__(self, *, level: Level) -> None:
        self._snr_db = level

    def clue(self, trial: Trial, of: Dataset, seed: int) -> Trial:
        """The trial with the input SNR among its tags."""
        del seed
        if not trial.target_ids:
            raise UnfitTrialError("no target with a reference")
        others = {source.id for source in of.mixtures[trial.mixture_id].sources if source.role != "auxiliary"}
        if not others - {*trial.target_ids}:
            raise UnfitTrialError("nothing but the target in the mixture")
        return replace(trial, tags={**trial.tags, "input_snr_db": self._snr_db})

    def apply(self, query: Query, truth: Truth, of: Rendering) -> tuple[Query, Truth]:
        """Scale the rest of the mixture, and the interferers of the truth with it."""
        del of
        if truth.target is None:
            return query, truth
        rest = query.mixture - truth.target
        gain_db = power_db(truth.target.numpy()) - power_db(rest.numpy()) - self._snr_db
        if not torch.isfinite(torch.tensor(gain_db)):
            return query, truth  # a silent side has no ratio
        gain = db_to_gain(gain_db)
        scaled = replace(truth, interferers=truth.interferers * gain)
        return replace(query, mixture=truth.target + gain * rest), scaled
