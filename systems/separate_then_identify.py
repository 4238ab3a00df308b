"""A cascade: blind separation of all voices, then speaker verification picks the output.

What target speech extraction is set against (Zmolikova et al., "Neural target speech extraction: an
overview", IEEE Signal Processing Magazine 2023). The separator needs to know the number of voices,
which is fixed by its training.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ..core.validation import StrictModel
from .nets.separate_then_identify import SeparateThenIdentifyConfig, SeparateThenIdentifyNet, similarities
from .registry import register_system
from .shared.enrolled import EnrolledSystem, enrollments_of, speakers_of
from .trainable import TASKS, ExtractionLoss, TrainBatch
from .training.pit import all_sources, assigned_losses

NAME = "separate_then_identify"


class SeparateThenIdentifyTask:
    """Permutation-invariant loss of the outputs, and two cross-entropies of the embedder.

    The embedder learns to pick the wanted signal by its enrollment, among the clean sources and
    among what was separated, and to name the training speakers.
    """

    net_config: type[StrictModel] = SeparateThenIdentifyConfig
    needs_sources = True

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights; sound classes do not matter to it."""
        del classes
        return SeparateThenIdentifyNet(cast(SeparateThenIdentifyConfig, net))

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]: the mean over sources in dB, and the weighted cross-entropies in nats.

        Raises:
            ConfigError: a mixture has more sources than the separator has outputs, a trial has no
                enrollment, or there are more speakers than outputs of the classifier.
        """
        model = cast(SeparateThenIdentifyNet, net)
        config = model.config
        mixture, lengths = batch.queries.mixture[:, 0], batch.queries.lengths
        sources = all_sources(batch, config.num_outputs)
        audible = sources.any(dim=-1)
        outputs = model.separator(mixture, lengths)
        losses, chosen = assigned_losses(
            criterion, outputs=outputs, sources=sources, mixture=mixture, present=audible
        )
        wanted = model.embed(*enrollments_of(batch))
        clean = model.embed_each(sources, lengths)
        # A cascade's parts know nothing of each other: the embedder does not reach the separator.
        separated = model.embed_each(in_order(outputs.detach(), chosen), lengths)
        identification = sum(
            identification_losses(candidates, wanted, audible, temperature=config.temperature)
            for candidates in (clean, separated)
        )
        total = losses.mean(dim=1) + 0.5 * config.identification_loss * identification
        # Other voices than those of training have no output of their own.
        if model.speakers is None or not model.training:
            return total
        heard, names = torch.cat([wanted, clean[:, 0], separated[:, 0]]), speakers_of(batch)
        named = model.speakers.loss(heard, names * 3).view(3, -1).mean(dim=0)
        return total + config.speaker_loss * named


def in_order(outputs: Tensor, chosen: Tensor) -> Tensor:
    """Outputs [B, N, T] in the order of the sources, of which `chosen` [B, N] tells the output."""
    return outputs.gather(1, chosen[:, :, None].expand_as(outputs))


def identification_losses(
    candidates: Tensor, wanted: Tensor, audible: Tensor, *, temperature: float
) -> Tensor:
    """Cross-entropies [B] of picking the first candidate by its cosine to what is wanted.

    Args:
        candidates: [B, N, D], of unit length; the first is the right one.
        wanted: [B, D], of unit length.
        audible: [B, N] bool; others than the first do not count where it is False.
        temperature: that cosines are divided by.

    Source: the angular prototypical loss of Chung et al., "In defence of metric learning for
        speaker recognition", Interspeech 2020, with the mixture's other signals as what differs.
    """
    counts = audible.clone()
    counts[:, 0] = True
    # In float32 under autocast too: a cosine in half precision has two digits.
    cosines = similarities(candidates.float(), wanted.float())
    logits = (cosines / temperature).masked_fill(~counts, float("-inf"))
    return -logits.log_softmax(dim=1)[:, 0]


@register_system(NAME)
class SeparateThenIdentify(EnrolledSystem):
    """Separate all voices, then pick the nearest to the enrollment; see `EnrolledSystem`."""

    name = NAME
    family = "cascade"
    description = "blind separation of all voices, then speaker verification picks the output"
    task = SeparateThenIdentifyTask()


TASKS.register(NAME)(SeparateThenIdentify.task)
