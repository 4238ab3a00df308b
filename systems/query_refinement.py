"""Query refinement: classes that a classifier does not find in the mixture are removed from the query.

Sato, Haruta, Hiruma and Imoto, "Context-aware query refinement for target sound extraction: handling partially matched
queries". Networks without the classifier are the paper's baselines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from ..core.errors import ConfigError
from ..datasets.seeding import generator
from ..datasets.types import Truth
from .checkpoints.checkpoint import load_checkpoint
from .checkpoints.networks import open_net, system_card
from .nets.class_head import class_loss
from .nets.query_refinement import QueryRefinementConfig, QueryRefinementNet
from .protocol import Extraction, QueryBatch
from .registry import register_system
from .shared.batches import check_rate
from .shared.class_queries import Threshold, known_multi_hot, multi_hot, read_labels, requested_classes
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME, ORACLE = "query_refinement", "query_refinement_oracle"
DEFAULT_THETA = 0.1

EmptyQuery = Literal["network", "silence"]


class QueryRefinementTask:
    """L = L_tse + λ L_cls (eq. 8), with inactive samples if the config has them."""

    net_config = QueryRefinementConfig

    def build(self, config: QueryRefinementConfig, *, classes: tuple[str, ...]) -> QueryRefinementNet:
        """Network with fresh weights."""
        return QueryRefinementNet(config, classes=classes)

    def loss(self, net: QueryRefinementNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]."""
        config, classes, mixture = net.config, net.classes, batch.mixture
        batch = with_inactive_samples(batch, classes, share=config.inactive_share)
        features = net.encode(mixture, batch.queries.lengths)
        losses = criterion(
            estimate=net.extract(features, requested_classes(batch, classes).to(mixture.device)),
            reference=batch.target,
            mixture=mixture,
            present=batch.present,
        )
        probabilities = net.probabilities(features)
        if probabilities is None or config.class_weight == 0:
            return losses
        labels = known_multi_hot(batch.active_classes, classes).to(mixture.device)
        return losses + config.class_weight * class_loss(probabilities=probabilities, labels=labels)


TASKS.register(NAME)(QueryRefinementTask())


def with_inactive_samples(batch: TrainBatch, classes: tuple[str, ...], *, share: float) -> TrainBatch:
    """Query for one class that is not in the mixture in a share (0..1) of the items; their target is silence.

    Items and classes follow from the ids of the queries alone. Source: SoundBeam (Delcroix et al., TASLP 2022).
    """
    if share == 0:
        return batch
    inactive = [
        _inactive(query_id, active, classes, share)
        for query_id, active in zip(batch.queries.ids, batch.active_classes, strict=True)
    ]
    if not any(inactive):
        return batch
    clues = tuple(
        replace(clue, classes=(label,), enrollments=()) if label else clue
        for clue, label in zip(batch.queries.clues, inactive, strict=True)
    )
    unchanged = torch.tensor([label is None for label in inactive], device=batch.target.device)
    return replace(
        batch,
        queries=replace(batch.queries, clues=clues),
        target=batch.target * unchanged[:, None].to(batch.target.dtype),
        present=batch.present & unchanged,
    )


def _inactive(query_id: str, active: tuple[str, ...], classes: tuple[str, ...], share: float) -> str | None:
    """Inactive class to query for, or None if the query stays as it is."""
    rng = generator("inactive sample", query_id)
    absent = [label for label in classes if label not in active]
    if rng.random() >= share or not absent:
        return None
    return absent[int(rng.integers(len(absent)))]


class Refiner:
    """Opened network that answers batches with refined queries; see `QueryRefinement` for the options."""

    def __init__(self, name: str, *, checkpoint: str, empty_query: EmptyQuery, device: str) -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        _, self.net = open_net(QueryRefinementTask(), opened, device=device)
        self._device, self._empty_query = device, empty_query
        self.card = system_card(
            opened,
            name=name,
            family="discriminative",
            description="class-label extraction, query refined by sound classes found (Sato)",
            clues=frozenset({"classes"}),
            reference=checkpoint,
            classes=self.net.classes,
            options={"empty_query": empty_query},
        )

    def answer(self, batch: QueryBatch, *, theta: float, active: Sequence[Sequence[str]] | None) -> Extraction:
        """Refine the queries (eq. 7) by θ, or by the true classes of each mixture if `active` is given, and extract."""
        check_rate(batch, self.card)
        classes = self.net.classes
        labels, failures = read_labels(batch, classes)
        query = multi_hot(labels, classes).to(self._device)
        mixture = batch.mixture[:, 0].to(self._device)
        features = self.net.encode(mixture, batch.lengths.to(self._device))
        probabilities = self.net.probabilities(features)
        if active is not None:
            query = query * known_multi_hot(active, classes).to(self._device)
        elif probabilities is not None:
            query = refine(query, probabilities, theta=theta)
        estimate = self.net.extract(features, query)
        if self._empty_query == "silence":
            estimate = estimate.where(query.any(dim=1)[:, None], 0.0)
        return Extraction(estimate=estimate, class_probabilities=probabilities, failures=failures)


def refine(query: Tensor, probabilities: Tensor, *, theta: float) -> Tensor:
    """q_i where p̂_i ≥ θ, else 0 (eq. 7), for queries and probabilities [B, V]."""
    return query * (probabilities >= theta).to(query.dtype)


@register_system(NAME)
class QueryRefinement:
    """Sound extraction by class labels, with the query refined by the network's classifier.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
        theta: θ (eq. 7), probability below which the classifier removes a class from the query; 0 leaves the query as
            it is. null: 0.1, or 0 without a classifier.
        empty_query: a query of which nothing is left goes to the network as a vector of zeros ("network", as in the
            paper), or is answered with zeros ("silence").

    Raises:
        ConfigError: θ is above zero, and the network has no classifier.
    """

    def __init__(
        self,
        *,
        checkpoint: str,
        theta: Threshold | None = None,
        empty_query: EmptyQuery = "network",
        device: str = "cpu",
    ) -> None:
        self._refiner = Refiner(NAME, checkpoint=checkpoint, empty_query=empty_query, device=device)
        has_classifier = self._refiner.net.classifier is not None
        if theta and not has_classifier:
            raise ConfigError(
                f"theta = {theta:g}, but checkpoint {checkpoint!r} has no classifier to refine "
                "queries with; leave theta out, or use one that has"
            )
        self._theta = (DEFAULT_THETA if has_classifier else 0.0) if theta is None else theta
        card = self._refiner.card
        self.card = replace(card, options={**card.options, "theta": self._theta})

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a known class fail alone."""
        return self._refiner.answer(batch, theta=self._theta, active=None)


@register_system(ORACLE)
class QueryRefinementOracle:
    """Network of `query_refinement` with an oracle classifier: the query is refined by the true classes.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
        empty_query: as for `query_refinement`: answer to a query of which nothing is left.
    """

    def __init__(self, *, checkpoint: str, empty_query: EmptyQuery = "network", device: str = "cpu") -> None:
        self._refiner = Refiner(ORACLE, checkpoint=checkpoint, empty_query=empty_query, device=device)
        self.card = replace(self._refiner.card, family="oracle", privileged=True)

    @torch.inference_mode()
    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; of the truths, only the classes of the mixtures are read."""
        return self._refiner.answer(batch, theta=0.0, active=[truth.active_classes for truth in truths])
