"""ADEnet: a TD-SpeakerBeam whose clue is when the target speaks (Delcroix et al., ICASSP 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn

from ...datasets.types import Spans
from .filterbank import Encoder
from .tcn import apply_mask
from .td_speakerbeam import AdaptedExtractor, TdSpeakerBeamConfig, auxiliary_of


class AdenetConfig(TdSpeakerBeamConfig):
    """Hyper-parameters; those of the extraction and auxiliary networks are those of `td_speakerbeam`.

    Attributes:
        activity: where the times of speech come in: in the "auxiliary" network, whose embedding is the mean of the
            mixture's features over these times; at the "input" of the extraction network, which then has no auxiliary
            network; or in "both".
    """

    activity: Literal["auxiliary", "input", "both"] = "both"

    @model_validator(mode="after")
    def _check_parts(self) -> AdenetConfig:
        if self.causal or self.speakers:
            raise ValueError("causal and speakers are not for this network: its embedding is a mean over the mixture")
        return self


class ActiveExtractor(AdaptedExtractor):
    """Extraction network whose features after the bottleneck get a bias where the target speaks."""

    def __init__(self, config: TdSpeakerBeamConfig) -> None:
        super().__init__(config)
        self.active = nn.Conv1d(1, config.bottleneck, 1, bias=False)

    def extract(self, mixture: Tensor, lengths: Tensor, embedding: Tensor, activity: Tensor) -> Tensor:
        """Estimates [B, T] from mixtures [B, T], for embeddings [B, D] and the activity [B, 1, K] of frames."""
        return self.with_added(mixture, lengths, embedding, self.active(activity))


class AdenetNet(nn.Module):
    """Extraction network, and an auxiliary network on the mixture."""

    def __init__(self, config: AdenetConfig) -> None:
        super().__init__()
        self.config = config
        takes_input = config.activity != "auxiliary"
        self.extractor = ActiveExtractor(config) if takes_input else AdaptedExtractor(config)
        paths, dim = self.extractor.num_paths, config.embedding_dim
        self.auxiliary = None if config.activity == "input" else auxiliary_of(config, num_paths=paths)
        # Without an auxiliary network the same for all queries.
        alone = nn.Parameter(torch.ones(paths * dim)) if self.auxiliary is None else None
        self.register_parameter("embedding", alone)

    def forward(self, mixture: Tensor, lengths: Tensor, activity: Sequence[Spans], sample_rate_hz: int) -> Tensor:
        """Estimates [B, T] of mixtures [B, T], zeros past the lengths [B], for times of speech of B targets."""
        embedding = self._embedding(mixture, lengths, activity, sample_rate_hz)
        if not isinstance(self.extractor, ActiveExtractor):
            estimate: Tensor = self.extractor(mixture, lengths, embedding)
            return estimate
        frames = active_frames(activity, mixture, self.extractor.encoder, sample_rate_hz=sample_rate_hz)
        return self.extractor.extract(mixture, lengths, embedding, frames)

    def _embedding(self, mixture: Tensor, lengths: Tensor, activity: Sequence[Spans], sample_rate_hz: int) -> Tensor:
        """Mean [B, D] of the features of the mixture over the times of speech; zeros where there are none."""
        if self.auxiliary is None:
            return self.get_parameter("embedding").expand(len(mixture), -1)
        features, mask = self.auxiliary.frames(mixture, lengths)
        weights = active_frames(activity, mixture, self.auxiliary.encoder, sample_rate_hz=sample_rate_hz)
        weights = apply_mask(weights, mask)
        total: Tensor = (features * weights).sum(dim=-1) / weights.sum(dim=-1).clamp_min(1.0)
        return total


def active_frames(activity: Sequence[Spans], mixture: Tensor, encoder: Encoder, *, sample_rate_hz: int) -> Tensor:
    """Which frames [B, 1, K] of an encoder have their middle in the times of speech: 1, and others 0."""
    middles = encoder.frame_middles(mixture.shape[-1]) / sample_rate_hz
    rows = []
    for spans in activity:
        inside = torch.zeros(len(middles), dtype=torch.bool)
        for start, end in spans:
            inside = inside | ((middles >= start) & (middles < end))
        rows.append(inside)
    return torch.stack(rows)[:, None].to(mixture)
