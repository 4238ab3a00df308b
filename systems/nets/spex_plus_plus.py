"""Network of SpEx++: SpEx+ in stages, each with the earlier extraction as a reference (Ge et al., ICASSP 2021)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from .enrollment import EnrolledNet
from .multiscale import ChannelNorm
from .speaker_head import SpeakerHead
from .spex_plus import SpExPlusConfig, SpExPlusNet
from .tcn import apply_mask, frame_mask


class SpExPlusPlusConfig(SpExPlusConfig):
    """Hyper-parameters; 33.8 million parameters by default, 34.08 in the paper, whose code is not public.

    Attributes:
        stages: extractions one after the other.
    """

    stages: Annotated[int, Field(gt=0, le=8)] = 3


class SpExPlusPlusNet(EnrolledNet[SpExPlusPlusConfig, list[Tensor]]):
    """SpEx+ first; each later stage takes the estimate before it as a reference, by its voice and frame by frame.

    The paper gives neither how the voices of enrollment and estimate are put together nor how the frames are: here
    the mean of both embeddings, and concatenation before the bottleneck. Stages share no weights.
    """

    def __init__(self, config: SpExPlusPlusConfig) -> None:
        super().__init__(config)
        # The classifier stands here alone, and not in the stages.
        without = config.model_copy(update={"speakers": 0})
        self.first = SpExPlusNet(without)
        self.later = nn.ModuleList(LaterStage(without) for _ in range(config.stages - 1))
        if config.speakers:
            self.speakers = SpeakerHead(embedding_dim=config.embedding_dim, num_speakers=config.speakers)

    def embed(self, enrollment: Tensor, lengths: Tensor) -> list[Tensor]:
        """Embeddings [B, D] of enrollments [B, T'], zeros past the lengths [B], one for each stage."""
        return [stage.embed(enrollment, lengths) for stage in (self.first, *self._later())]

    def extract(self, mixture: Tensor, lengths: Tensor, embedding: list[Tensor]) -> Tensor:
        """Estimates [B, T] of the last stage, by the short filters."""
        return self.extract_stages(mixture, lengths, embedding)[-1][0]

    def extract_stages(self, mixture: Tensor, lengths: Tensor, embedding: Sequence[Tensor]) -> list[list[Tensor]]:
        """Estimates [B, T] of each stage, by the short, the middle and the long filters."""
        found = [self.first.extract_scales(mixture, lengths, embedding[0])]
        inside = torch.arange(mixture.shape[-1], device=mixture.device) < lengths[:, None]
        for stage, voice in zip(self._later(), embedding[1:], strict=True):
            earlier = found[-1][0] * inside.to(mixture.dtype)
            found.append(stage.extract_again(mixture, lengths, voice, earlier))
        return found

    def _later(self) -> Iterable[LaterStage]:
        return cast("Iterable[LaterStage]", self.later)


class LaterStage(SpExPlusNet):
    """SpEx+ whose bottleneck takes the frames of an earlier estimate as well."""

    def __init__(self, config: SpExPlusPlusConfig) -> None:
        super().__init__(config)
        channels = 6 * config.num_filters
        self.norm = ChannelNorm(channels)
        self.bottleneck = nn.Conv1d(channels, config.bottleneck, 1)

    def extract_again(self, mixture: Tensor, lengths: Tensor, embedding: Tensor, earlier: Tensor) -> list[Tensor]:
        """Estimates [B, T] for each filter length from an earlier one [B, T], zeros past the lengths."""
        voice = 0.5 * (embedding + self.embed(earlier, lengths))
        level = self._level(mixture, lengths)
        encoded, known = self.encoder(mixture / level), self.encoder(earlier / level)
        counts = self.encoder.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=encoded[0].shape[-1])
        features = apply_mask(self.bottleneck(self.norm(torch.cat([*encoded, *known], dim=1))), mask)
        scales = self.masked(encoded, features, voice, counts, num_samples=mixture.shape[-1])
        return [estimate * level for estimate in scales]
