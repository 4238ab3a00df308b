"""TD-SpeakerBeam: target speech extraction in the time domain (Delcroix et al., ICASSP 2020)."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import Field
from torch import Tensor, nn

from ..validation import StrictModel
from ._enrolled import EnrolledSystem, enrollments_of, speakers_of
from .nets.adapted import AdaptedConfig, AdaptedExtractor
from .nets.enrollment import StackEmbedder
from .nets.speaker_head import SpeakerHead
from .registry import register_system
from .training.task import TASKS, ExtractionLoss, TrainBatch

NAME = "td_speakerbeam"

Size = Annotated[int, Field(gt=0)] | None


class TdSpeakerBeamConfig(AdaptedConfig):
    """Hyper-parameters; the auxiliary network has those of the extraction network unless set.

    Attributes:
        aux_num_filters: N of the auxiliary network.
        aux_filter_length: L of the auxiliary network, in samples; its stride is L/2.
        aux_hidden: H of the auxiliary network.
        aux_blocks: X of the auxiliary network.
        speakers: outputs of a classifier of the training speakers on the embedding; 0 has none.
        speaker_loss: weight of its cross-entropy; for training only.
    """

    aux_num_filters: Size = None
    aux_filter_length: Size = None
    aux_hidden: Size = None
    aux_blocks: Annotated[int, Field(gt=0, le=14)] | None = None
    speakers: Annotated[int, Field(ge=0, le=100_000)] = 0
    speaker_loss: Annotated[float, Field(ge=0)] = 0.5


class TdSpeakerBeamNet(nn.Module):
    """Auxiliary network and extraction network."""

    def __init__(self, config: TdSpeakerBeamConfig) -> None:
        super().__init__()
        self.config = config
        self.extractor = AdaptedExtractor(config)
        self.auxiliary = _auxiliary(config, num_paths=self.extractor.num_paths)
        self.speakers: SpeakerHead | None = None
        if config.speakers:
            dim = config.embedding_dim * self.extractor.num_paths
            self.speakers = SpeakerHead(embedding_dim=dim, num_speakers=config.speakers)

    def forward(
        self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> Tensor:
        """Extract the voice of the enrollment.

        Args:
            mixture: [B, T], zeros past each length.
            lengths: [B].
            enrollment: [B, T'], zeros past each length.
            enrollment_lengths: [B].

        Returns:
            The estimate [B, T].
        """
        embedding = self.auxiliary(enrollment, enrollment_lengths)
        estimate: Tensor = self.extractor(mixture, lengths, embedding)
        return estimate


def _auxiliary(config: TdSpeakerBeamConfig, *, num_paths: int) -> StackEmbedder:
    length = config.aux_filter_length or config.filter_length
    return StackEmbedder(
        num_filters=config.aux_num_filters or config.num_filters,
        filter_length=length,
        stride=max(1, length // 2) if config.aux_filter_length else config.hop,
        rectify=config.encoder == "relu",
        blocks=config.aux_blocks or config.blocks,
        bottleneck=config.bottleneck,
        hidden=config.aux_hidden or config.hidden,
        kernel=config.kernel,
        skip=config.skip,
        norm="global",
        embedding_dim=num_paths * config.embedding_dim,
        covering=config.frames == "covering",
        normalise=config.normalise,
    )


class TdSpeakerBeamTask:
    """How the engine trains it."""

    net_config: type[StrictModel] = TdSpeakerBeamConfig

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights; sound classes do not matter to it."""
        del classes
        return TdSpeakerBeamNet(cast(TdSpeakerBeamConfig, net))

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates; in training plus those of the speakers, if it has a head.

        Raises:
            ConfigError: a trial has no enrollment, or there are more speakers than outputs.
        """
        model = cast(TdSpeakerBeamNet, net)
        mixture = batch.queries.mixture[:, 0]
        embedding = model.auxiliary(*enrollments_of(batch))
        estimate = model.extractor(mixture, batch.queries.lengths, embedding)
        losses = criterion(
            estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present
        )
        # Other voices than those of training have no output of their own.
        if model.speakers is None or not model.training:
            return losses
        weight = model.config.speaker_loss
        return losses + weight * model.speakers.loss(embedding, speakers_of(batch))


@register_system(NAME)
class TdSpeakerBeam(EnrolledSystem):
    """Time-domain SpeakerBeam; see `EnrolledSystem` for the options."""

    name = NAME
    description = "Conv-TasNet adapted to an enrollment of the speaker (Delcroix et al., 2020)"
    task = TdSpeakerBeamTask()


TASKS.register(NAME)(TdSpeakerBeam.task)
