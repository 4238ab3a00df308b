"""SoundBeam: class labels, enrollments or texts as the clue (Delcroix et al., Interspeech 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import ConfigError, ExtractionError
from ..core.progress import ProgressFactory
from ..datasets.types import ClueKind, Clues, Query
from .checkpoints.checkpoint import load_checkpoint
from .checkpoints.networks import open_net, system_card
from .nets.soundbeam import Clips, SoundBeamConfig, SoundBeamNet, by_class
from .protocol import Extraction, LabelledOutput, QueryBatch
from .registry import register_system
from .shared.batches import check_rate
from .shared.class_queries import multi_hot, refusal, requested_classes
from .shared.streams import BlockStream, StreamFrames, begin_stream, extractor_stream, with_stream
from .shared.text_queries import TextReader, Texts, learn_words, training_texts
from .trainable import TASKS, ExtractionLoss, FirstItems, TrainBatch

NAME = "soundbeam"

QueryKind = Literal["auto", "classes", "enrollment", "text"]
UsableClue = tuple[str, ...] | list[Clips] | Texts | str
"""Clue that answers a query: known labels, recordings of each class, texts, or the reason why it is refused."""

_CLUES: dict[frozenset[ClueKind], str] = {
    frozenset({"classes"}): "class labels",
    frozenset({"enrollment"}): "enrollments",
    frozenset({"classes", "enrollment"}): "class labels or enrollments",
    frozenset({"text"}): "texts",
}


class SoundBeamTask:
    """Sum of the losses of all branches of a variant (eq. 5)."""

    net_config = SoundBeamConfig

    def build(self, config: SoundBeamConfig, *, classes: tuple[str, ...]) -> SoundBeamNet:
        """Network with fresh weights."""
        return SoundBeamNet(config, classes=classes)

    def prepare(self, net: SoundBeamNet, first_items: FirstItems, *, seed: int, progress: ProgressFactory) -> str:  # noqa: ARG002
        """Open the model of features, if there is one, and give the variant "text" the words of the captions.

        Raises:
            ConfigError: the model cannot be used, a query has no caption, or there are too many words.
        """
        fitted: list[str] = []
        if net.foundation is not None:
            fitted += [net.foundation.learn(batch.queries.sample_rate_hz) for batch in first_items(1)]
        if net.text is not None:
            fitted.append(learn_words(net.text, first_items))
        return "; ".join(fitted)

    def loss(self, net: SoundBeamNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]."""
        embeddings = branch_embeddings(net, batch)
        count = len(embeddings)
        # All branches in one pass: rows 0 to B−1 are the first one's.
        mixture = batch.mixture.repeat(count, 1)
        estimates = net.extractor(mixture, batch.queries.lengths.repeat(count), torch.cat(embeddings))
        losses = criterion(
            estimate=estimates,
            reference=batch.target.repeat(count, 1),
            mixture=mixture,
            present=batch.present.repeat(count),
        )
        total = losses.view(count, -1).sum(dim=0)
        if net.config.variant != "mixed_el":
            return total
        distance: Tensor = 1.0 - F.cosine_similarity(embeddings[0], embeddings[1], dim=-1)
        return total + net.config.embedding_weight * distance


TASKS.register(NAME)(SoundBeamTask())


def branch_embeddings(net: SoundBeamNet, batch: TrainBatch) -> list[Tensor]:
    """Embeddings [B, D] of a batch for each branch, that of the classes first.

    Raises:
        ConfigError: a query has no text, no enrollments, or not equally many for each class.
    """
    embeddings: list[Tensor] = []
    if net.config.takes_texts:
        embeddings.append(net.text_embedding(*training_texts(batch, net.config)))
    if net.config.takes_classes:
        query = requested_classes(batch, net.classes)
        embeddings.append(net.class_embedding(query.to(batch.mixture.device)))
    if net.config.takes_enrollments:
        try:
            queries = [by_class(c.enrollments, num_classes=len(c.classes)) for c in batch.queries.clues]
        except ValueError as error:
            raise ConfigError(
                f"net.variant = {net.config.variant!r} is trained with enrollments, but in the "
                f"training data {error}; set data.overrides.clues: [classes, enrollment]"
            ) from None
        embeddings.append(net.enrollment_embedding(queries))
    return embeddings


@register_system(NAME)
class SoundBeam:
    """Target sound extraction by class labels, by enrollments, by either, or by texts.

    A network for texts knows the words of its training captions. Other words count as one unknown word, and a text
    without any known word is refused.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
        query: the clue that is used: "classes", "enrollment", or "auto": the classes where the network knows all of
            them, else the enrollments, or the text. The encoded enrollments of a class are averaged (eq. 8).
        per_class: also extract every named class alone, for an output with its label. What it gives for a class that
            is not there is an output of that class, too.
        negative_text: use what a query says that it does not want; null: if the network was trained with it. Alone, it
            is no query.
        known_words: refuse texts with an unknown word.
        features: ONNX file of the foundation model whose features the network takes; "": where it was in training.
            It must be the same file.
        stream_frames: that a stream answers at once; more of them mean more latency and less computation.

    Raises:
        ConfigError: the network cannot use such clues.
    """

    def __init__(
        self,
        *,
        checkpoint: str,
        query: QueryKind = "auto",
        per_class: bool = False,
        negative_text: bool | None = None,
        known_words: bool = False,
        features: str = "",
        stream_frames: StreamFrames = 1,
        device: str = "cpu",
    ) -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        config, self._net = open_net(SoundBeamTask(), opened, device=device)
        self._device, self._per_class = device, per_class
        self._classes = self._net.classes if config.takes_classes else ()
        self._kinds = kinds = _kinds(config, query, checkpoint)
        if self._net.foundation is not None:
            self._net.foundation.open(features)
        elif features:
            raise ConfigError(
                f"features = {features!r}, but checkpoint {checkpoint!r} takes none; leave the option out"
            )
        self._reader = _text_reader(self._net, negative_text, known_words, checkpoint)
        options: dict[str, str | bool] = {"query": query} if config.takes_enrollments else {}
        options |= {"per_class": True} if per_class else {}
        options |= self._reader.options if self._reader else {}
        if per_class and "text" in kinds:
            raise ConfigError(f"per_class needs a query by classes, and checkpoint {checkpoint!r} takes texts alone")
        card = system_card(
            opened,
            name=NAME,
            family="discriminative",
            description=f"Conv-TasNet conditioned on {_CLUES[kinds]} (Delcroix et al., 2021)",
            clues=kinds,
            reference=checkpoint,
            classes=self._net.classes if "classes" in kinds else None,
            options=options or None,
        )
        self._stream_frames = stream_frames
        self.card = with_stream(replace(card, labels_outputs=per_class), config, frames=stream_frames)

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a usable clue fail alone."""
        check_rate(batch, self.card)
        usable = [self._usable(clues) for clues in batch.clues]
        failures = {query_id: clue for query_id, clue in zip(batch.ids, usable, strict=True) if isinstance(clue, str)}
        mixture = batch.mixture[:, 0].to(self._device)
        lengths = batch.lengths.to(self._device)
        estimate = self._net.extractor(mixture, lengths, self._embeddings(usable))
        outputs = self._each_class(batch, usable, estimate) if self._per_class else None
        return Extraction(estimate=estimate, outputs=outputs, failures=failures)

    def _each_class(
        self, batch: QueryBatch, usable: Sequence[UsableClue], estimate: Tensor
    ) -> list[list[LabelledOutput]]:
        """An output of every class that a query names; the answer itself where it names one."""
        alone = [
            (row, label, (label,) if isinstance(clue, tuple) else clue[place : place + 1])
            for row, clue in enumerate(usable)
            if not isinstance(clue, str | Texts)
            for place, label in enumerate(batch.clues[row].classes)
        ]
        several = [each for each in alone if len(batch.clues[each[0]].classes) > 1]
        signals = {(row, label): estimate[row] for row, label, _ in alone}
        if several:
            rows = torch.tensor([row for row, _, _ in several])
            mixture = batch.mixture[rows.to(batch.mixture.device), 0].to(self._device)
            lengths = batch.lengths[rows.to(batch.lengths.device)].to(self._device)
            own = self._net.extractor(mixture, lengths, self._embeddings([clue for _, _, clue in several]))
            signals |= {(row, label): signal for (row, label, _), signal in zip(several, own, strict=True)}
        return [
            [LabelledOutput(label, signals[row, label]) for own, label, _ in alone if own == row]
            for row in range(len(usable))
        ]

    @torch.inference_mode()
    def start(self, query: Query) -> BlockStream:
        """Begin a stream; see `StreamingSystem`."""
        begin_stream(self, query)
        clue = self._usable(query.clues)
        if isinstance(clue, str):
            raise ExtractionError(clue)
        return extractor_stream(
            self._net.extractor, self._embeddings([clue]), frames=self._stream_frames, device=self._device
        )

    def _usable(self, clues: Clues) -> UsableClue:
        return self._reader.read(clues) if self._reader else self._labels_or_clips(clues)

    def _labels_or_clips(self, clues: Clues) -> UsableClue:
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

    def _embeddings(self, usable: Sequence[UsableClue]) -> Tensor:
        """[B, D]; zeros for queries that are refused."""
        embeddings = torch.zeros(len(usable), self._net.config.embedding_dim, device=self._device)
        texts = {row: clue for row, clue in enumerate(usable) if isinstance(clue, Texts)}
        if texts:
            rows = torch.tensor([*texts], device=self._device)
            wanted, unwanted = zip(*((clue.wanted, clue.unwanted) for clue in texts.values()), strict=True)
            embeddings.index_copy_(0, rows, self._net.text_embedding(wanted, unwanted))
        labels = {row: clue for row, clue in enumerate(usable) if isinstance(clue, tuple)}
        clips = {row: clue for row, clue in enumerate(usable) if isinstance(clue, list)}
        if labels:
            query = multi_hot(list(labels.values()), self._classes).to(self._device)
            rows = torch.tensor([*labels], device=self._device)
            embeddings.index_copy_(0, rows, self._net.class_embedding(query))
        if clips:
            rows = torch.tensor([*clips], device=self._device)
            embeddings.index_copy_(0, rows, self._net.enrollment_embedding(list(clips.values())))
        return embeddings


def _kinds(config: SoundBeamConfig, query: QueryKind, checkpoint: str) -> frozenset[ClueKind]:
    """Kinds of clue that are used; a ConfigError if the network cannot use the requested one."""
    can: dict[ClueKind, bool] = {
        "classes": config.takes_classes,
        "enrollment": config.takes_enrollments,
        "text": config.takes_texts,
    }
    if query == "auto":
        return frozenset(kind for kind, able in can.items() if able)
    if not can[query]:
        raise ConfigError(
            f"query = {query!r}, but checkpoint {checkpoint!r} is the variant {config.variant!r}, which cannot use "
            "that clue; use query: auto, or a checkpoint of a mixed variant"
        )
    return frozenset({query})


def _text_reader(net: SoundBeamNet, negative: bool | None, strict: bool, checkpoint: str) -> TextReader | None:
    """Reader of the texts of queries; None of a network that takes none."""
    if net.text is None:
        return None
    if negative and not net.config.text_negative:
        raise ConfigError(
            f"negative_text = true, but checkpoint {checkpoint!r} was trained without negative texts; leave the option "
            "out, or train with net.text_negative: true"
        )
    uses = net.config.text_negative if negative is None else negative
    return TextReader(frozenset(net.text.vocabulary.words), negative=uses, strict=strict)
