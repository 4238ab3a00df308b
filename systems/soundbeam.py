"""SoundBeam: class labels or enrollments as the clue (Delcroix et al., Interspeech 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import ConfigError
from ..core.validation import StrictModel
from ..datasets.types import ClueKind, Clues
from .checkpoints.checkpoint import fill, load_checkpoint, net_config
from .nets.conv_tasnet import ExtractorConfig
from .nets.soundbeam import Clips, SoundBeamConfig, SoundBeamNet, by_class
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.class_queries import check_rate, multi_hot, refusal
from .trainable import TASKS, ExtractionLoss, TrainBatch

__all__ = ["NAME", "SoundBeam", "SoundBeamNet", "multi_hot"]

NAME = "soundbeam"

QueryKind = Literal["auto", "classes", "enrollment"]
Plan = tuple[str, ...] | list[Clips] | str
"""What answers a query: known labels, recordings of each class, or why it is refused."""


class SoundBeam:
    """Target sound extraction by class labels, by enrollments, or by either.

    Args:
        checkpoint: a folder, a weights file with its card beside it, or a shipped name.
        query: the clue that is used: "classes", "enrollment", or "auto": the classes where the
            network knows all of them, else the enrollments. Several enrollments of a class are
            averaged after they are encoded (eq. 8).
        device: "cpu", "cuda", ...

    Raises:
        CheckpointError: the checkpoint is missing, damaged, unsafe or does not fit.
        ConfigError: the network cannot use such clues.
    """

    card: SystemCard

    def __init__(self, *, checkpoint: str, query: QueryKind = "auto", device: str = "cpu") -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        card = opened.card
        config = net_config(SoundBeamConfig, opened)
        kinds = _kinds(config, query, checkpoint)
        # Without memory or random numbers until the weights are known to fit.
        with torch.device("meta"):
            self._net = SoundBeamNet(config, classes=card.classes)
        fill(self._net, opened)
        self._net.to(device).eval()
        self._device = device
        self._classes = card.classes if config.knows_classes else ()
        self._kinds = kinds
        self.card = SystemCard(
            name=NAME,
            family="discriminative",
            description=f"Conv-TasNet conditioned on {_CLUES[kinds]} (Delcroix et al., 2021)",
            clues=kinds,
            sample_rate_hz=card.sample_rate_hz,
            causal=config.causal,
            checkpoint=checkpoint,
            sha256=card.sha256,
            licence=card.licence,
            training_data=card.training_data,
            classes=card.classes if "classes" in kinds else None,
            options={**card.net, **({"query": query} if config.hears_enrollments else {})},
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a usable clue fail alone.

        Raises:
            ExtractionError: the batch is not at the card's sample rate.
        """
        check_rate(batch, self.card)
        plans = [self._plan(clues) for clues in batch.clues]
        failures = {
            query_id: plan for query_id, plan in zip(batch.ids, plans, strict=True) if isinstance(plan, str)
        }
        mixture = batch.mixture[:, 0].to(self._device)
        lengths = batch.lengths.to(self._device)
        estimate = self._net.extractor(mixture, lengths, self._embeddings(plans))
        return Extraction(estimate=estimate, failures=failures)

    def _plan(self, clues: Clues) -> Plan:
        reason = refusal(clues.classes, self._classes)
        if "classes" in self._kinds and reason is None:
            return clues.classes
        if "enrollment" not in self._kinds:
            return str(reason)
        if not clues.enrollments:
            known = f"{reason}, and it" if "classes" in self._kinds else "the query"
            return f"{known} has no enrollment that could be used"
        if any(len(clip) == 0 for clip in clues.enrollments):
            return "an enrollment of the query has no samples"
        try:
            return by_class(clues.enrollments, num_classes=len(clues.classes))
        except ValueError as error:
            return str(error)

    def _embeddings(self, plans: Sequence[Plan]) -> Tensor:
        """[B, D]; zeros for queries that are refused."""
        dim = self._net.config.embedding_dim
        embeddings = torch.zeros(len(plans), dim, device=self._device)
        named = {row: plan for row, plan in enumerate(plans) if isinstance(plan, tuple)}
        heard = {row: plan for row, plan in enumerate(plans) if isinstance(plan, list)}
        if named:
            query = multi_hot(list(named.values()), self._classes).to(self._device)
            embeddings.index_copy_(0, self._rows(named), self._net.class_embedding(query))
        if heard:
            clips = self._net.enrollment_embedding(list(heard.values()))
            embeddings.index_copy_(0, self._rows(heard), clips)
        return embeddings

    def _rows(self, plans: Mapping[int, Plan]) -> Tensor:
        return torch.tensor([*plans], device=self._device)


_BOTH: frozenset[ClueKind] = frozenset({"classes", "enrollment"})
_CLUES = {
    frozenset({"classes"}): "class labels",
    frozenset({"enrollment"}): "enrollments",
    _BOTH: "class labels or enrollments",
}


def _kinds(config: SoundBeamConfig, query: QueryKind, checkpoint: str) -> frozenset[ClueKind]:
    """The clues that are used.

    Raises:
        ConfigError: the network has no way to use those asked for.
    """
    can: dict[ClueKind, bool] = {"classes": config.knows_classes, "enrollment": config.hears_enrollments}
    if query == "auto":
        return frozenset(kind for kind, able in can.items() if able)
    if not can[query]:
        raise ConfigError(
            f"query = {query!r}, but checkpoint {checkpoint!r} is the variant "
            f"{config.variant!r}, which cannot use that clue; "
            "use query: auto, or a checkpoint of a mixed variant"
        )
    return frozenset({query})


class SoundBeamTask:
    """The sum of the losses of all branches that a variant has (eq. 5)."""

    net_config: type[StrictModel] = SoundBeamConfig

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights."""
        return SoundBeamNet(cast(ExtractorConfig, net), classes=classes)

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B].

        Raises:
            ConfigError: the training data have no enrollments, and the variant needs them.
        """
        soundbeam = cast(SoundBeamNet, net)
        embeddings = branch_embeddings(soundbeam, batch)
        mixture, lengths = batch.queries.mixture[:, 0], batch.queries.lengths
        count = len(embeddings)
        # All branches in one pass: rows 0 to B−1 are the first one's.
        estimates = soundbeam.extractor(
            mixture.repeat(count, 1), lengths.repeat(count), torch.cat(embeddings)
        )
        losses = criterion(
            estimate=estimates,
            reference=batch.target.repeat(count, 1),
            mixture=mixture.repeat(count, 1),
            present=batch.present.repeat(count),
        )
        total = losses.view(count, -1).sum(dim=0)
        if soundbeam.config.variant != "mixed_el":
            return total
        distance: Tensor = 1.0 - F.cosine_similarity(embeddings[0], embeddings[1], dim=-1)
        return total + soundbeam.config.embedding_weight * distance


def branch_embeddings(net: SoundBeamNet, batch: TrainBatch) -> list[Tensor]:
    """Embeddings [B, D] of a batch for each branch, that of the classes first.

    Raises:
        ConfigError: a query has no enrollments, or not as many for each class.
    """
    clues, device = batch.queries.clues, batch.queries.mixture.device
    embeddings: list[Tensor] = []
    if net.config.knows_classes:
        query = multi_hot([clue.classes for clue in clues], net.classes)
        embeddings.append(net.class_embedding(query.to(device)))
    if net.config.hears_enrollments:
        try:
            queries = [by_class(c.enrollments, num_classes=len(c.classes)) for c in clues]
        except ValueError as error:
            raise ConfigError(
                f"net.variant = {net.config.variant!r} is trained with enrollments, but in the "
                f"training data {error}; set data.overrides.clues: [classes, enrollment]"
            ) from None
        embeddings.append(net.enrollment_embedding(queries))
    return embeddings


register_system(NAME)(SoundBeam)
TASKS.register(NAME)(SoundBeamTask())
