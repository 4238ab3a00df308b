"""The generative network of target speech: clue encoder, conditions, and a network on spectra along a path."""

from __future__ import annotations

from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from ....core.errors import ConfigError
from ..enrollment import StackEmbedder
from ..filterbank import Encoder, rms
from ..generative.parametrisation import Denoiser, denoiser
from ..generative.paths import Path
from ..tcn import BlockSizes, frame_mask
from .backbones import Backbone
from .config import SpeechGeneratorConfig
from .given import GeneratedSpectra, InitialNet, LevelledSignals, SpeechConditions

Config = TypeVar("Config", bound=SpeechGeneratorConfig)


class SpeechGenerator(nn.Module, Generic[Config]):
    """Network of p(target | mixture, clue); its initial network, if any, is no part of its weights.

    Attributes:
        path: from the data to the start.
        spectra: what it generates.
        initial: frozen network, see `SpeechGeneratorConfig.initial`; None until it is attached.
    """

    def __init__(self, config: Config, *, path: Path, backbone: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.path = path
        self.spectra = GeneratedSpectra(config)
        self.initial: InitialNet | None = None
        self.backbone = backbone
        self.clue = None if config.initial or not config.clue_dim else clue_encoder(config)
        self.clue_norm = nn.LayerNorm(config.clue_dim) if config.clue_dim else nn.Identity()

    @property
    def draws_noise(self) -> bool:
        """Whether samples differ."""
        return True

    @property
    def predictor(self) -> Backbone:
        """The network on spectra."""
        backbone: Backbone = self.backbone  # type: ignore[assignment]
        return backbone

    def signals(
        self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> LevelledSignals:
        """Mixtures [B, T], enrollments [B, T'] and initial estimates at the level of the network."""
        level = rms(mixture, lengths)
        estimate = embedding = None
        if self.config.initial is not None:
            estimate, embedding = self._initial.extract(mixture, lengths, enrollment, enrollment_lengths)
            estimate = estimate / level
        return LevelledSignals(
            mixture=mixture / level,
            lengths=lengths,
            enrollment=enrollment / rms(enrollment, enrollment_lengths),
            enrollment_lengths=enrollment_lengths,
            estimate=estimate,
            embedding=embedding,
            level=level,
        )

    def given(self, signals: LevelledSignals, *, start: str) -> SpeechConditions:
        """Conditions of a batch whose path begins at `start`: "noise", "background", "mixture" or "estimate"."""
        stft = self.spectra.stft
        mixture = stft.transform(signals.mixture)
        centre = mixture if signals.estimate is None else stft.transform(signals.estimate)
        shown = {"mixture": self.spectra.shown(mixture), "estimate": self.spectra.shown(centre)}
        enrollment = self.spectra.of(signals.enrollment)
        return SpeechConditions(
            mixture=shown["mixture"],
            centre=shown["estimate"],
            start=shown.get(start, torch.zeros_like(shown["mixture"])),
            clue=self.clue_norm(self._embedded(signals)),
            enrollment=enrollment,
            phase=centre,
            mask=self._mask(mixture, signals.lengths),
            enrollment_mask=self._mask(enrollment, signals.enrollment_lengths),
        )

    def _mask(self, spectrum: Tensor, lengths: Tensor) -> Tensor | None:
        """Mask [B, 1, K] of the frames of spectra [B, F, K] of signals of these lengths [B]."""
        counts = 1 + torch.div(lengths, self.spectra.stft.hop, rounding_mode="floor")
        return frame_mask(counts, num_frames=spectrum.shape[-1])

    def denoiser(self, given: SpeechConditions) -> Denoiser:
        """Estimates of the data from states [B, F, K] and times [B]."""
        predictor = self.predictor
        return denoiser(lambda state, t: predictor(state, t, given), predictor.kind, path=self.path, start=given.start)

    def _embedded(self, signals: LevelledSignals) -> Tensor:
        """Embeddings [B, D] of the enrollments."""
        if not self.config.clue_dim:
            return signals.enrollment.new_zeros(len(signals.enrollment), 0)
        if self.clue is not None:
            own: Tensor = self.clue(signals.enrollment, signals.enrollment_lengths)
            return own
        if signals.embedding is None or signals.embedding.shape[-1] != self.config.clue_dim:
            entries = None if signals.embedding is None else signals.embedding.shape[-1]
            raise ConfigError(
                f"net.clue_dim = {self.config.clue_dim}, but the embeddings of net.initial = "
                f"{self.config.initial!r} have {entries} entries; write that number"
            )
        return signals.embedding

    @property
    def _initial(self) -> InitialNet:
        if self.initial is None:
            raise ConfigError(f"the initial network {self.config.initial!r} is not attached; use Task.attach")
        return self.initial


def clue_encoder(config: SpeechGeneratorConfig) -> StackEmbedder:
    """Auxiliary network of TD-SpeakerBeam in the sizes of a config, for signals of unit RMS."""
    stride = config.clue_filter_length // 2
    encoder = Encoder(num_filters=config.clue_filters, filter_length=config.clue_filter_length, stride=stride)
    sizes = BlockSizes(bottleneck=config.clue_channels, hidden=config.clue_channels, kernel=3)
    return StackEmbedder(
        encoder,
        sizes,
        blocks=config.clue_blocks,
        embedding_dim=config.clue_dim or config.clue_channels,
        normalise=False,
    )
