"""Cascade for speech: blind separation of all voices, then speaker verification picks the output.

The usual baseline of target speech extraction (Zmolikova et al., "Neural target speech extraction: an overview", IEEE
Signal Processing Magazine 2023). The separator's number of voices is fixed by its training.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .nets.separate_then_identify import SeparateThenIdentifyConfig, SeparateThenIdentifyNet, similarities
from .registry import register_system
from .shared.enrolled import EnrolledSystem, EnrolledTask, enrollments_of, speakers_of
from .trainable import TASKS, ExtractionLoss, TrainBatch
from .training.pit import all_sources, assigned_losses

NAME = "separate_then_identify"


class SeparateThenIdentifyTask(EnrolledTask[SeparateThenIdentifyConfig, SeparateThenIdentifyNet]):
    """Permutation-invariant loss of the outputs, and two cross-entropies of the embedder.

    The embedder learns to pick the target by its enrollment, among the clean sources and among the separated signals,
    and to classify the training speakers.
    """

    net_config = SeparateThenIdentifyConfig
    net_class = SeparateThenIdentifyNet
    needs_sources = True

    def loss(self, net: SeparateThenIdentifyNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]: the mean over sources in dB, and the weighted cross-entropies in nats.

        Raises:
            ConfigError: a mixture has more sources than the separator has outputs, a trial has no enrollment, or there
                are more speakers than outputs of the classifier.
        """
        config, lengths = net.config, batch.queries.lengths
        sources = all_sources(batch, config.num_outputs)
        audible = sources.any(dim=-1)
        outputs = net.separator(batch.mixture, lengths)
        losses, chosen = assigned_losses(
            criterion, outputs=outputs, sources=sources, mixture=batch.mixture, present=audible
        )
        wanted = net.embed(*enrollments_of(batch))
        clean = net.embed_each(sources, lengths)
        # The parts of a cascade are independent: no gradient from the embedder to the separator.
        separated = net.embed_each(in_order(outputs.detach(), chosen), lengths)
        identification = sum(
            identification_losses(candidates, wanted, audible, temperature=config.temperature)
            for candidates in (clean, separated)
        )
        total = losses.mean(dim=1) + 0.5 * config.identification_loss * identification
        # The speakers of the validation data have no output of their own.
        if net.speakers is None or not net.training:
            return total
        embeddings, names = torch.cat([wanted, clean[:, 0], separated[:, 0]]), speakers_of(batch)
        named = net.speakers.loss(embeddings, names * 3).view(3, -1).mean(dim=0)
        return total + config.speaker_loss * named


@register_system(NAME)
class SeparateThenIdentify(EnrolledSystem):
    """Cascade that separates all voices without a clue, then picks the one nearest to the enrollment."""

    name = NAME
    family = "cascade"
    description = "blind separation of all voices, then speaker verification picks the output"
    task = SeparateThenIdentifyTask()


TASKS.register(NAME)(SeparateThenIdentify.task)


def in_order(outputs: Tensor, chosen: Tensor) -> Tensor:
    """Reorder outputs [B, N, T] by source; `chosen` [B, N] is the output of each source."""
    return outputs.gather(1, chosen[:, :, None].expand_as(outputs))


def identification_losses(candidates: Tensor, wanted: Tensor, audible: Tensor, *, temperature: float) -> Tensor:
    """Cross-entropies [B] of picking the first candidate by its cosine to the enrollment.

    Candidates [B, N, D] and enrollments [B, D] have unit length. Candidates other than the first are left out where
    `audible` [B, N] is False.

    Source: the angular prototypical loss of Chung et al., "In defence of metric learning for speaker
        recognition", Interspeech 2020, against the other signals of the mixture.
    """
    counts = audible.clone()
    counts[:, 0] = True
    # In float32 under autocast too: a cosine in half precision has two digits.
    cosines = similarities(candidates.float(), wanted.float())
    logits = (cosines / temperature).masked_fill(~counts, float("-inf"))
    return -logits.log_softmax(dim=1)[:, 0]
