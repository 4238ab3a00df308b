"""Cascade for sounds: universal sound separation, then a sound-event classifier picks the outputs.

The separator's number of sources is fixed by its training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from .checkpoints.checkpoint import load_checkpoint
from .checkpoints.networks import open_net, system_card
from .nets.class_head import class_loss
from .nets.uss_sec import UssSecConfig, UssSecNet
from .protocol import Extraction, LabelledOutput, QueryBatch
from .registry import register_system
from .shared.batches import check_rate
from .shared.class_queries import Threshold, known_multi_hot, multi_hot, read_labels, requested_classes
from .trainable import TASKS, ExtractionLoss, TrainBatch
from .training.pit import all_sources, assigned_losses

NAME = "uss_sec"

Answer = Literal["sum", "named", "all"]


class UssSecTask:
    """Permutation-invariant loss of the outputs, and cross-entropy of their classes."""

    net_config = UssSecConfig
    needs_sources = True

    def build(self, config: UssSecConfig, *, classes: tuple[str, ...]) -> UssSecNet:
        """Network with fresh weights."""
        return UssSecNet(config, classes=classes)

    def loss(self, net: UssSecNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B], the mean over sources.

        Raises:
            ConfigError: a mixture has more sources than the separator has outputs.
        """
        mixture = batch.mixture
        sources = all_sources(batch, net.config.num_outputs)
        separated = net(mixture, batch.queries.lengths)
        losses, chosen = assigned_losses(
            criterion, outputs=separated.outputs, sources=sources, mixture=mixture, present=sources.any(dim=-1)
        )
        labels, known = output_labels(batch, net.classes, chosen.cpu())
        wrong = class_loss(
            probabilities=separated.probabilities, labels=labels.to(mixture.device), known=known.to(mixture.device)
        )
        return losses.mean(dim=1) + net.config.class_weight * wrong.mean(dim=1)


TASKS.register(NAME)(UssSecTask())


def output_labels(batch: TrainBatch, classes: tuple[str, ...], chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Known classes of each output.

    The output that was assigned to the target holds the requested classes. The other active classes are in one of the
    other outputs, but which one is unknown: they are left out there; all other classes are absent.

    `chosen` [B, N] is the output of each source, the target first; returns labels [B, N, V] and whether they are known.
    """
    active = known_multi_hot(batch.active_classes, classes)
    requested = requested_classes(batch, classes)
    wanted = requested * batch.present.cpu()[:, None].to(requested.dtype)
    of_target = chosen[:, :1] == torch.arange(chosen.shape[1])
    labels = of_target[:, :, None] * wanted[:, None]
    elsewhere = (active == 0) | (wanted > 0)
    return labels, of_target[:, :, None] | elsewhere[:, None]


@register_system(NAME)
class UssSec:
    """Separate all sounds, then add up the outputs that hold the requested classes.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
        threshold: a class whose highest probability over the outputs is less counts as absent, and adds nothing; 0
            always finds one.
        answer: "sum": the sum of the outputs; "named": also each named class that is found, with its label; "all":
            whatever the query names, every output with its most likely class, if that reaches the threshold.
    """

    def __init__(
        self, *, checkpoint: str, threshold: Threshold = 0.0, answer: Answer = "sum", device: str = "cpu"
    ) -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        _, self._net = open_net(UssSecTask(), opened, device=device)
        self._device, self._threshold, self._answer = device, threshold, answer
        card = system_card(
            opened,
            name=NAME,
            family="cascade",
            description="universal sound separation, then a classifier picks the output",
            clues=frozenset() if answer == "all" else frozenset({"classes"}),
            reference=checkpoint,
            classes=self._net.classes,
            options={"threshold": threshold, **({} if answer == "sum" else {"answer": answer})},
        )
        self.card = replace(card, labels_outputs=answer != "sum")

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a known class fail alone, unless all classes are wanted."""
        check_rate(batch, self.card)
        mixture = batch.mixture[:, 0].to(self._device)
        outputs, probabilities = self._net(mixture, batch.lengths.to(self._device))
        failures: dict[str, str] = {}
        if self._answer == "all":
            held = likeliest(probabilities, threshold=self._threshold)
        else:
            labels, failures = read_labels(batch, self._net.classes)
            query = multi_hot(labels, self._net.classes).to(self._device)
            held = pick(probabilities, query, threshold=self._threshold)
        # Not a product with 0 and 1: an output that is not picked may hold NaN.
        estimate = outputs.where(held.any(dim=-1)[:, :, None], 0.0).sum(dim=1)
        return Extraction(
            estimate=estimate,
            class_probabilities=probabilities.amax(dim=1),
            outputs=None if self._answer == "sum" else labelled(outputs, held, self._net.classes),
            failures=failures,
        )


def pick(probabilities: Tensor, query: Tensor, *, threshold: float) -> Tensor:
    """Classes [B, N, V] of the queries [B, V] that each output holds: the output that is most likely to hold a class.

    A class whose highest probability [B, N, V] is less than the threshold is in no output.
    """
    highest, place = probabilities.max(dim=1)
    found = (query > 0) & (highest >= threshold)
    outputs = torch.arange(probabilities.shape[1], device=probabilities.device)
    return (place[:, None] == outputs[:, None]) & found[:, None]


def likeliest(probabilities: Tensor, *, threshold: float) -> Tensor:
    """The most likely class [B, N, V] of each output, none where its probability is less than the threshold."""
    highest, place = probabilities.max(dim=-1)
    classes = torch.arange(probabilities.shape[-1], device=probabilities.device)
    return (place[..., None] == classes) & (highest >= threshold)[..., None]


def labelled(outputs: Tensor, held: Tensor, classes: Sequence[str]) -> list[list[LabelledOutput]]:
    """Outputs [B, N, T] with the classes [B, N, V] that they hold; one that holds two is there twice."""
    found: list[list[LabelledOutput]] = [[] for _ in range(len(outputs))]
    for row, place, label in held.nonzero().tolist():
        found[row].append(LabelledOutput(classes[label], outputs[row, place]))
    return found
