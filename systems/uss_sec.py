"""A cascade: universal sound separation, then a sound-event classifier picks the output.

The separator needs to know the number of sources, which is fixed by its training.
"""

from __future__ import annotations

from typing import Annotated, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from ..core.validation import StrictModel
from .checkpoints.checkpoint import fill, load_checkpoint, net_config
from .nets.class_head import class_loss
from .nets.uss_sec import UssSecConfig, UssSecNet
from .protocol import Extraction, QueryBatch, SystemCard
from .query_refinement import active_labels
from .registry import register_system
from .shared.class_queries import check_rate, multi_hot, read_labels
from .trainable import TASKS, ExtractionLoss, TrainBatch
from .training.pit import all_sources, assigned_losses

NAME = "uss_sec"

Threshold = Annotated[float, Field(ge=0.0, le=1.0)]


@register_system(NAME)
class UssSec:
    """Separate all sounds, then add up the outputs that hold the classes asked for.

    Args:
        checkpoint: a folder, a weights file with its card beside it, or a shipped name.
        threshold: a class whose highest probability over the outputs is less counts as absent, and
            adds nothing; 0 always finds one.
        device: "cpu", "cuda", ...

    Raises:
        CheckpointError: the checkpoint is missing, damaged, unsafe or does not fit.
    """

    card: SystemCard

    def __init__(self, *, checkpoint: str, threshold: Threshold = 0.0, device: str = "cpu") -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        card = opened.card
        config = net_config(UssSecConfig, opened)
        # Without memory or random numbers until the weights are known to fit.
        with torch.device("meta"):
            self._net = UssSecNet(config, classes=card.classes)
        fill(self._net, opened)
        self._net.to(device).eval()
        self._device, self._threshold = device, threshold
        self.card = SystemCard(
            name=NAME,
            family="cascade",
            description="universal sound separation, then a classifier picks the output",
            clues=frozenset({"classes"}),
            sample_rate_hz=card.sample_rate_hz,
            causal=False,
            checkpoint=checkpoint,
            sha256=card.sha256,
            licence=card.licence,
            training_data=card.training_data,
            classes=card.classes,
            options={**card.net, "threshold": threshold},
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a known class fail alone.

        Raises:
            ExtractionError: the batch is not at the card's sample rate.
        """
        check_rate(batch, self.card)
        labels, failures = read_labels(batch, self._net.classes)
        query = multi_hot(labels, self._net.classes).to(self._device)
        mixture = batch.mixture[:, 0].to(self._device)
        outputs, probabilities = self._net(mixture, batch.lengths.to(self._device))
        picked = pick(probabilities, query, threshold=self._threshold)
        # Not a product with 0 and 1: an output that is not wanted may hold anything.
        estimate = outputs.where(picked[:, :, None], 0.0).sum(dim=1)
        return Extraction(estimate=estimate, class_probabilities=probabilities.amax(dim=1), failures=failures)


def pick(probabilities: Tensor, query: Tensor, *, threshold: float) -> Tensor:
    """The outputs that answer queries: for each class the one that holds it most probably.

    Args:
        probabilities: [B, N, V].
        query: [B, V] multi-hot.
        threshold: least probability.

    Returns:
        [B, N] bool.
    """
    highest, place = probabilities.max(dim=1)
    found = (query > 0) & (highest >= threshold)
    outputs = torch.arange(probabilities.shape[1], device=probabilities.device)
    return ((place[:, None] == outputs[:, None]) & found[:, None]).any(dim=-1)


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


def output_labels(batch: TrainBatch, classes: tuple[str, ...], chosen: Tensor) -> tuple[Tensor, Tensor]:
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


TASKS.register(NAME)(UssSecTask())
