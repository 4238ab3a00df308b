"""SoundBeam: class labels or enrollments as the clue (Delcroix et al., Interspeech 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from ..datasets.types import ClueKind, Clues
from ..errors import ConfigError
from ._class_queries import check_rate, multi_hot, refusal
from .checkpoint import fill, load_checkpoint, net_config
from .nets.soundbeam_net import Clips, SoundBeamConfig, SoundBeamNet, by_class
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .training.soundbeam_task import SoundBeamTask
from .training.task import TASKS

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
            query_id: plan
            for query_id, plan in zip(batch.ids, plans, strict=True)
            if isinstance(plan, str)
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
    can: dict[ClueKind, bool] = {
        "classes": config.knows_classes,
        "enrollment": config.hears_enrollments,
    }
    if query == "auto":
        return frozenset(kind for kind, able in can.items() if able)
    if not can[query]:
        raise ConfigError(
            f"query = {query!r}, but checkpoint {checkpoint!r} is the variant "
            f"{config.variant!r}, which cannot use that clue; "
            "use query: auto, or a checkpoint of a mixed variant"
        )
    return frozenset({query})


register_system(NAME)(SoundBeam)
TASKS.register(NAME)(SoundBeamTask())
