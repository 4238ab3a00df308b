"""Base of systems that look at lips: system, training task, batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, Generic, TypeVar, cast

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...datasets.types import ClueKind, Clues
from ..checkpoints.checkpoint import Checkpoint
from ..nets.audio_visual.clue import AvAnswer, AvClue
from ..nets.audio_visual.extractor import AvConfig, AvExtractor
from ..nets.enrollment import join_enrollments
from ..nets.speaker_head import SpeakerHead
from ..nets.visual.front_end import FrontEndConfig
from ..nets.visual.videos import Videos, in_equal_groups, join_videos
from ..nets.voice_activity import activity_losses, activity_over_time
from ..protocol import ACTIVITY_HOP_S, Extraction, QueryBatch, activity_frames
from ..trainable import ExtractionLoss, TrainBatch
from .batches import check_rate
from .checkpoint_system import CheckpointSystem
from .enrolled import NO_ENROLLMENT, enrollments_of, has_samples, speakers_of

Config = TypeVar("Config", bound=AvConfig)
Net = TypeVar("Net", bound=AvExtractor)

OFF_SCREEN = "off"
"""Id of the off-screen speech among the parts of a target."""


class AvTask(Generic[Config, Net]):
    """Train an audio-visual network on its estimates, its speaker classifiers and the activity that it estimates."""

    net_config: type[Config]
    net_class: type[Net]
    uses_enrollment: ClassVar[bool] = False
    needs_sources: ClassVar[bool] = False  # True for a network that estimates the activity of the off-screen speech

    def build(self, config: Config, *, classes: tuple[str, ...]) -> Net:
        """Network with fresh weights; sound classes are not used."""
        del classes
        return self.net_class(config)

    def loss(self, net: Net, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates, and in training those of speakers and activity."""
        queries = batch.queries
        check_config_rate(net.config, queries)
        videos = videos_of(
            [clues_with_video(q, c) for q, c in zip(queries.ids, queries.clues, strict=True)], net.config
        )
        enrolled = enrollments_of(batch) if self.uses_enrollment else (None, None)
        clue = AvClue(videos=videos, enrollment=enrolled[0], enrollment_lengths=enrolled[1])
        answer = net.answer(batch.mixture, queries.lengths, clue)
        losses = criterion(
            estimate=answer.estimate, reference=batch.target, mixture=batch.mixture, present=batch.present
        )
        # Speakers of the validation data have no output of their own.
        if net.training and answer.embeddings and len(net.speakers):
            losses = losses + self.speaker_weight(net) * _speaker_losses(net, answer, batch)
        if net.training and answer.activity:
            losses = losses + self.activity_weight(net) * _off_screen_losses(net, answer, batch)
        return losses

    def speaker_weight(self, net: Net) -> float:
        """Weight of the losses of the speakers."""
        del net
        return 0.0

    def activity_weight(self, net: Net) -> float:
        """Weight of the losses of the activity."""
        del net
        return 0.0


def _speaker_losses(net: AvExtractor, answer: AvAnswer, batch: TrainBatch) -> Tensor:
    """Sum [B] of the cross-entropies of the classifiers."""
    speakers = speakers_of(batch)
    heads = cast(Iterable[SpeakerHead], net.speakers)
    terms = [head.loss(embedding, speakers) for head, embedding in zip(heads, answer.embeddings, strict=True)]
    return torch.stack(terms).sum(dim=0)


def _off_screen_losses(net: AvExtractor, answer: AvAnswer, batch: TrainBatch) -> Tensor:
    """Mean cross-entropy [B] of the off-screen speaker's activity over frames and stacks (Yoshinaga et al., eq. 3)."""
    clean = torch.zeros_like(batch.target)
    for row, parts in enumerate(batch.parts):
        if (speech := parts.get(OFF_SCREEN)) is not None:
            clean[row, : len(speech)] = speech
    return activity_losses(answer.activity, clean, net.encoder, sample_rate_hz=net.config.sample_rate_hz)


class AvSystem(CheckpointSystem):
    """Target speech extraction by a video of the lips."""

    clues: ClassVar[frozenset[ClueKind]] = frozenset({"video"})

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a clue that the network needs fail alone."""
        check_rate(batch, self.card)
        failures = {q: reason for q, c in zip(batch.ids, batch.clues, strict=True) if (reason := self._lacks(c))}
        rows = [row for row, query_id in enumerate(batch.ids) if query_id not in failures]
        estimate = torch.zeros_like(batch.mixture[:, 0])
        sizes = [batch.clues[row].video.shape[1:] for row in rows]  # type: ignore[union-attr]
        activity = self._silent(batch)

        def answer(places: list[int]) -> Tensor:
            chosen = [rows[place] for place in places]
            answered = self._answer(batch, chosen)
            if activity is not None:
                activity[chosen] = self._over_time(answered, batch.lengths[chosen], frames=activity.shape[1])
            return answered.estimate

        for row, found in zip(rows, in_equal_groups(sizes, answer), strict=True):
            estimate[row] = found
        return Extraction(estimate=estimate, activity=activity, failures=failures)

    def _set_up(self, checkpoint: Checkpoint, *, reference: str, device: str) -> None:
        super()._set_up(checkpoint, reference=reference, device=device)
        self.card = replace(self.card, detects_activity=bool(getattr(self._config, "attention", False)))

    def _silent(self, batch: QueryBatch) -> Tensor | None:
        """Room [B, K] for the activity of all queries, if the network estimates it."""
        if not self.card.detects_activity:
            return None
        frames = activity_frames(batch.mixture.shape[-1], batch.sample_rate_hz)
        return batch.mixture.new_zeros(len(batch.ids), frames)

    def _over_time(self, answered: AvAnswer, lengths: Tensor, *, frames: int) -> Tensor:
        """Activity [N, K] of the last stack in each 10 ms."""
        per_frame = ACTIVITY_HOP_S * self._config.sample_rate_hz
        found = activity_over_time(
            answered.activity[-1],
            lengths.to(self._device),
            self._net.encoder,
            frames=frames,
            samples_per_frame=per_frame,
        )
        return found.to(lengths.device)

    def _lacks(self, clues: Clues) -> str:
        """Reason of a query that cannot be answered, or ""."""
        if clues.video is None or not len(clues.video):
            return "the query has no video, and this system needs one"
        if "enrollment" in self.clues and not has_samples(clues.enrollments):
            return NO_ENROLLMENT
        return ""

    def _answer(self, batch: QueryBatch, rows: list[int]) -> AvAnswer:
        """Answers to queries whose videos have one size."""
        clues = [batch.clues[row] for row in rows]
        enrollment, lengths = None, None
        if "enrollment" in self.clues:
            enrollment, lengths = join_enrollments([c.enrollments for c in clues], device=self._device)
        clue = AvClue(videos=videos_of(clues, self._config), enrollment=enrollment, enrollment_lengths=lengths)
        mixture = batch.mixture[rows, 0].to(self._device)
        answer: AvAnswer = self._net.answer(mixture, batch.lengths[rows].to(self._device), clue)
        return answer


def videos_of(clues: Sequence[Clues], config: FrontEndConfig) -> Videos:
    """Videos of one size as a batch, at the network's rate; a video without a rate has the network's."""
    videos = [clue.video for clue in clues if clue.video is not None]
    rates = [clue.video_fps or config.pictures_per_s for clue in clues]
    return join_videos(videos, rates, wanted_fps=config.pictures_per_s, device=videos[0].device)


def clues_with_video(query_id: str, clues: Clues) -> Clues:
    """The clues of a training trial; a ConfigError if it has no video."""
    if clues.video is None:
        raise ConfigError(
            f"trial {query_id!r} of the training data has no video, by which this system knows its target; choose a "
            "data.dataset with videos, such as mini_av_video"
        )
    return clues


def check_config_rate(config: FrontEndConfig, queries: QueryBatch) -> None:
    """Raise a ConfigError if the training data has another rate than the network's config."""
    if queries.sample_rate_hz != config.sample_rate_hz:
        raise ConfigError(
            f"net.sample_rate_hz = {config.sample_rate_hz}, but the training data is at {queries.sample_rate_hz} Hz; "
            f"set it to {queries.sample_rate_hz}: it places pictures on the frames of the audio"
        )
