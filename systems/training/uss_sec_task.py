"""How the cascade is trained: the separator on all sources, the classifier on what it put out."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ...validation import StrictModel
from .._class_queries import multi_hot
from ..nets.class_head import class_loss
from ..nets.uss_sec_net import UssSecConfig, UssSecNet
from .pit import all_sources, assigned_losses
from .query_refinement_task import active_labels
from .task import ExtractionLoss, TrainBatch


class UssSecTask:
    """Permutation-invariant loss of the outputs, and cross-entropy of their classes."""

    net_config: type[StrictModel] = UssSecConfig
    needs_sources = True

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights."""
        return UssSecNet(cast(UssSecConfig, net), classes=classes)

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B], the mean over sources.

        Raises:
            ConfigError: a mixture has more sources than the separator has outputs.
        """
        network = cast(UssSecNet, net)
        mixture = batch.queries.mixture[:, 0]
        sources = all_sources(batch, network.config.num_outputs)
        separated = network(mixture, batch.queries.lengths)
        losses, chosen = assigned_losses(
            criterion,
            outputs=separated.outputs,
            sources=sources,
            mixture=mixture,
            present=sources.any(dim=-1),
        )
        labels, known = output_labels(batch, network.classes, chosen.cpu())
        wrong = class_loss(
            probabilities=separated.probabilities,
            labels=labels.to(mixture.device),
            known=known.to(mixture.device),
        )
        return losses.mean(dim=1) + network.config.class_weight * wrong.mean(dim=1)


def output_labels(
    batch: TrainBatch, classes: tuple[str, ...], chosen: Tensor
) -> tuple[Tensor, Tensor]:
    """What is known of the classes in each output.

    The output that was given the target holds the classes asked for. Of the others it is not told
    which active class they hold: those classes do not count there; the rest are absent.

    Args:
        batch: with its active classes.
        classes: vocabulary, V labels.
        chosen: [B, N], the output of each source; the first is the target.

    Returns:
        Labels [B, N, V] and which of them are known [B, N, V] bool.
    """
    active = active_labels(batch, classes)
    asked = multi_hot([clues.classes for clues in batch.queries.clues], classes)
    wanted = asked * batch.present.cpu()[:, None].to(asked.dtype)
    of_target = chosen[:, :1] == torch.arange(chosen.shape[1])
    labels = of_target[:, :, None] * wanted[:, None]
    elsewhere = (active == 0) | (wanted > 0)
    return labels, of_target[:, :, None] | elsewhere[:, None]
