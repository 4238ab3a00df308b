"""Query refinement: classes that a classifier does not hear are struck from the query.

Sato, Haruta, Hiruma and Imoto, "Context-aware query refinement for target sound extraction:
handling partially matched queries". Networks without the classifier are the paper's baselines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.validation import StrictModel
from ..datasets.seeding import generator
from ..datasets.types import Truth
from .checkpoints.checkpoint import fill, load_checkpoint, net_config
from .nets.class_head import class_loss
from .nets.query_refinement import QueryRefinementConfig, QueryRefinementNet
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.class_queries import check_rate, multi_hot, read_labels
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME, ORACLE = "query_refinement", "query_refinement_oracle"
DEFAULT_THETA = 0.1

Threshold = Annotated[float, Field(ge=0.0, le=1.0)]
EmptyQuery = Literal["network", "silence"]


class Refiner:
    """An opened network, and the answer to a batch for queries that may be refined.

    Args:
        name: of the system.
        checkpoint: a folder, a weights file with its card beside it, or a shipped name.
        empty_query: what answers a query of which nothing is left.
        device: "cpu", "cuda", ...

    Raises:
        CheckpointError: the checkpoint is missing, damaged, unsafe or does not fit.
    """

    def __init__(self, name: str, *, checkpoint: str, empty_query: EmptyQuery, device: str) -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        config = net_config(QueryRefinementConfig, opened)
        # Without memory or random numbers until the weights are known to fit.
        with torch.device("meta"):
            self.net = QueryRefinementNet(config, classes=opened.card.classes)
        fill(self.net, opened)
        self.net.to(device).eval()
        self._device, self._empty_query = device, empty_query
        self.card = SystemCard(
            name=name,
            family="discriminative",
            description="class-label extraction, query refined by sound classes found (Sato)",
            clues=frozenset({"classes"}),
            sample_rate_hz=opened.card.sample_rate_hz,
            causal=False,
            checkpoint=checkpoint,
            sha256=opened.card.sha256,
            licence=opened.card.licence,
            training_data=opened.card.training_data,
            classes=opened.card.classes,
            options={**opened.card.net, "empty_query": empty_query},
        )

    def answer(
        self, batch: QueryBatch, *, theta: float, active: Sequence[Sequence[str]] | None
    ) -> Extraction:
        """Refine the queries (eq. 7) and extract.

        Args:
            batch: queries; those without a known class fail alone.
            theta: θ, a class that is less probable leaves the query.
            active: the classes of each mixture, if they are known instead.

        Raises:
            ExtractionError: the batch is not at the card's sample rate.
        """
        check_rate(batch, self.card)
        classes = self.net.classes
        labels, failures = read_labels(batch, classes)
        query = multi_hot(labels, classes).to(self._device)
        mixture = batch.mixture[:, 0].to(self._device)
        heard = self.net.listen(mixture, batch.lengths.to(self._device))
        probabilities = self.net.probabilities(heard)
        if active is not None:
            query = query * multi_hot(known(active, classes), classes).to(self._device)
        elif probabilities is not None:
            query = refine(query, probabilities, theta=theta)
        estimate = self.net.extract(heard, query)
        if self._empty_query == "silence":
            estimate = estimate.where(query.any(dim=1)[:, None], 0.0)
        return Extraction(estimate=estimate, class_probabilities=probabilities, failures=failures)


@register_system(NAME)
class QueryRefinement:
    """Sound extraction by class labels, with the query refined by what the network hears.

    Args:
        checkpoint: a folder, a weights file with its card beside it, or a shipped name.
        theta: θ (eq. 7); 0 leaves the query as it is. None is 0.1, or 0 without a classifier.
        empty_query: a query of which nothing is left goes to the network as a vector of zeros
            ("network", as in the paper), or is answered with zeros ("silence").
        device: "cpu", "cuda", ...

    Raises:
        CheckpointError: the checkpoint is missing, damaged, unsafe or does not fit.
        ConfigError: θ is above zero, and the network has no classifier.
    """

    card: SystemCard

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
        default = DEFAULT_THETA if has_classifier else 0.0
        self._theta = default if theta is None else theta
        card = self._refiner.card
        self.card = replace(card, options={**card.options, "theta": self._theta})

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a known class fail alone.

        Raises:
            ExtractionError: the batch is not at the card's sample rate.
        """
        return self._refiner.answer(batch, theta=self._theta, active=None)


def refine(query: Tensor, probabilities: Tensor, *, theta: float) -> Tensor:
    """q_i where p̂_i ≥ θ, else 0 (eq. 7), for queries and probabilities [B, V]."""
    return query * (probabilities >= theta).to(query.dtype)


def known(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> list[list[str]]:
    """The labels that the vocabulary `classes` has."""
    return [[label for label in some if label in classes] for some in labels]


@register_system(ORACLE)
class QueryRefinementOracle:
    """The same network with an oracle classifier: the query keeps the classes that are there.

    Args:
        checkpoint: of `query_refinement`, with or without a classifier.
        empty_query: as there.
        device: "cpu", "cuda", ...

    Raises:
        CheckpointError: the checkpoint is missing, damaged, unsafe or does not fit.
    """

    card: SystemCard

    def __init__(self, *, checkpoint: str, empty_query: EmptyQuery = "network", device: str = "cpu") -> None:
        self._refiner = Refiner(ORACLE, checkpoint=checkpoint, empty_query=empty_query, device=device)
        self.card = replace(self._refiner.card, family="oracle", privileged=True)

    @torch.inference_mode()
    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; of the truths, only the classes of the mixture are read.

        Raises:
            ExtractionError: the batch is not at the card's sample rate.
        """
        active = [truth.active_classes for truth in truths]
        return self._refiner.answer(batch, theta=0.0, active=active)


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


def with_inactive_samples(batch: TrainBatch, classes: tuple[str, ...], *, share: float) -> TrainBatch:
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


def _inactive(query_id: str, active: tuple[str, ...], classes: tuple[str, ...], share: float) -> str | None:
    """The inactive class that is asked for, or None if the query stays as it is."""
    rng = generator("inactive sample", query_id)
    absent = [label for label in classes if label not in active]
    if rng.random() >= share or not absent:
        return None
    return absent[int(rng.integers(len(absent)))]


TASKS.register(NAME)(QueryRefinementTask())
