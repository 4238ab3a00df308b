"""How the query-refinement networks are trained (section 3.3 of the paper)."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from ...datasets.seeding import generator
from ...validation import StrictModel
from .._class_queries import multi_hot
from ..nets.class_head import class_loss
from ..nets.query_refinement_net import QueryRefinementConfig, QueryRefinementNet
from .task import ExtractionLoss, TrainBatch


class QueryRefinementTask:
    """L = L_tse + λ L_cls (eq. 8), with inactive samples where the config asks for them."""

    net_config: type[StrictModel] = QueryRefinementConfig

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights."""
        return QueryRefinementNet(cast(QueryRefinementConfig, net), classes=classes)

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]."""
        network = cast(QueryRefinementNet, net)
        config, classes = network.config, network.classes
        batch = with_inactive_samples(batch, classes, share=config.inactive_share)
        mixture = batch.queries.mixture[:, 0]
        query = multi_hot([clues.classes for clues in batch.queries.clues], classes)
        heard = network.listen(mixture, batch.queries.lengths)
        losses = criterion(
            estimate=network.extract(heard, query.to(mixture.device)),
            reference=batch.target,
            mixture=mixture,
            present=batch.present,
        )
        probabilities = network.probabilities(heard)
        if probabilities is None or config.class_weight == 0:
            return losses
        labels = active_labels(batch, classes).to(mixture.device)
        return losses + config.class_weight * class_loss(probabilities=probabilities, labels=labels)


def active_labels(batch: TrainBatch, classes: tuple[str, ...]) -> Tensor:
    """The classes of each mixture as a multi-hot matrix [B, V], as far as they are known."""
    known = [[label for label in labels if label in classes] for labels in batch.active_classes]
    return multi_hot(known, classes)


def with_inactive_samples(
    batch: TrainBatch, classes: tuple[str, ...], *, share: float
) -> TrainBatch:
    """Ask for one class that is not in the mixture, in a share of the items; the answer is silence.

    Which items, and which class, follows from the id of the query alone.

    Args:
        batch: of queries whose classes are in the mixtures.
        classes: vocabulary that the inactive class is drawn from.
        share: 0..1, expected share of the items.

    Source: SoundBeam (Delcroix et al., IEEE/ACM TASLP 2022).
    """
    if share == 0:
        return batch
    drawn = [
        _inactive(query_id, active, classes, share)
        for query_id, active in zip(batch.queries.ids, batch.active_classes, strict=True)
    ]
    if not any(drawn):
        return batch
    clues = tuple(
        replace(clue, classes=(label,), enrollments=()) if label else clue
        for clue, label in zip(batch.queries.clues, drawn, strict=True)
    )
    kept = torch.tensor([label is None for label in drawn], device=batch.target.device)
    return replace(
        batch,
        queries=replace(batch.queries, clues=clues),
        target=batch.target * kept[:, None].to(batch.target.dtype),
        present=batch.present & kept,
    )


def _inactive(
    query_id: str, active: tuple[str, ...], classes: tuple[str, ...], share: float
) -> str | None:
    """The inactive class that is asked for, or None if the query stays as it is."""
    rng = generator("inactive sample", query_id)
    absent = [label for label in classes if label not in active]
    if rng.random() >= share or not absent:
        return None
    return absent[int(rng.integers(len(absent)))]
