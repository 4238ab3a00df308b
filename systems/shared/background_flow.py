"""Flow from the background to the target: the mixture lies on the path at the mixing ratio (AD-FlowTSE, 2025).

s and b are target and background, ‖·‖ is an RMS, s/‖s‖ is the data, and b/‖b‖ takes the place of the noise. The state
x_t = (1 − t) s/‖s‖ + t b/‖b‖ is the mixture over ‖s‖ + ‖b‖ at t = 1 − r with r = ‖s‖/(‖s‖ + ‖b‖). For uncorrelated
signals the mixture's RMS is (‖s‖ + ‖b‖) √(r² + (1 − r)²), so that r alone gives the level of state and estimate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..nets.filterbank import rms
from ..nets.flow_tse import FlowTseNet
from ..nets.generative.paths import expand
from ..nets.speech_generator.given import LevelledSignals, SpeechConditions
from ..trainable import TrainBatch
from .enrolled import enrollments_of
from .generated_speech import Beginning, prediction_errors

_RATIOS = (0.01, 0.99)


def mixing_ratio(*, target: Tensor, mixture: Tensor) -> Tensor:
    """R [B] of targets and mixtures [B, T]; 1/2 where both are silent."""
    levels = [signal.square().mean(dim=-1).sqrt() for signal in (target, mixture - target)]
    whole = levels[0] + levels[1]
    return torch.where(whole > 0, levels[0] / whole, torch.full_like(whole, 0.5))


def begin_at(ratio: Tensor, *, signals: LevelledSignals, given: SpeechConditions) -> Beginning:
    """The mixture as a state of the path, by mixing ratios [B]."""
    ratio = ratio.clamp(*_RATIOS)
    norm = (ratio.square() + (1.0 - ratio).square()).sqrt()
    level = (ratio / norm)[:, None] * signals.level
    return Beginning(state=expand(norm, given.mixture) * given.mixture, first=1.0 - ratio, level=level)


def background_loss(net: FlowTseNet, batch: TrainBatch) -> Tensor:
    """Losses [B]: squared errors of the velocity and of the mixing ratio."""
    lengths = batch.queries.lengths
    signals = net.signals(batch.mixture, lengths, *enrollments_of(batch))
    background = batch.mixture - batch.target
    data, noise = (net.spectra.of(each / rms(each, lengths)) for each in (batch.target, background))
    draws = net.config.draws
    given = net.given(signals, start=net.config.start).repeated(draws)
    errors = prediction_errors(net, data.repeat_interleave(draws, dim=0), noise.repeat_interleave(draws, dim=0), given)
    ratio = mixing_ratio(target=batch.target, mixture=batch.mixture)
    return errors.reshape(-1, draws).mean(dim=1) + (predicted_ratio(net, signals) - ratio).square()


def predicted_ratio(net: FlowTseNet, signals: LevelledSignals) -> Tensor:
    """Mixing ratios [B] by the network; 1/2 by one without a head for it."""
    return signals.level[:, 0] * 0.0 + 0.5 if net.ratio is None else net.ratio(signals)
