"""SpeakerBeam in the frequency domain: a BLSTM mask network told who to extract.

Žmolíková et al., "Speaker-aware neural network based beamformer for speaker extraction in speech
mixtures", Interspeech 2017, and "SpeakerBeam", IEEE JSTSP 13(4), 2019, of which this is the network
for one microphone. The auxiliary network hears the enrollment, and learns its embedding with the
rest, or is given an i-vector. (The papers' speaker posteriors are not here.) Sizes that the papers
leave open are parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ConfigError
from ..progress import ProgressFactory
from ..validation import StrictModel
from ._enrolled import EnrolledSystem, enrollments_of
from .nets.conditioning import Addition, conditioning
from .nets.enrollment import mean_over_frames
from .nets.extractor import rms
from .nets.i_vector import IVectorConfig, IVectorExtractor
from .nets.i_vector_fit import fit_extractor
from .nets.spectral_mask import Blstm, FrameAttention, FrameSummary, LogAmplitude
from .nets.spectrum import Spectrum
from .nets.tcn import apply_mask, frame_mask
from .registry import register_system
from .training.task import TASKS, ExtractionLoss, FirstItems, TrainBatch

NAME = "speakerbeam"

Positive = Annotated[int, Field(gt=0)]
ClueName = Literal[
    "input_bias",
    "factorised",
    "multiplication",
    "addition",
    "concatenation",
    "film",
    "attention",
]


class SpeakerBeamConfig(IVectorConfig):
    """Hyper-parameters; those of `IVectorConfig` count with i-vectors alone.

    Attributes:
        window: of the Fourier transform, in samples.
        stride: in samples.
        lstm_hidden: of each direction.
        lstm_layers: before the clue.
        hidden: width of the fully connected layers.
        hidden_layers: fully connected layers after the one that hears the clue.
        aux_hidden: width of the auxiliary network.
        aux_layers: its layers with ReLU.
        embedding_dim: D; the number of sub-layers of the factorised layer.
        conditioning: how the clue comes in: as a bias of the input features, at the first fully
            connected layer, or there by attention to the frames of the enrollment.
        representation: what the auxiliary network is given: the frames of the enrollment, of which
            it learns to make an embedding, or an i-vector, fitted before training.
    """

    window: Annotated[int, Field(gt=1)] = 256
    stride: Positive = 64
    lstm_hidden: Positive = 512
    lstm_layers: Positive = 1
    hidden: Positive = 512
    hidden_layers: Annotated[int, Field(ge=0)] = 1
    aux_hidden: Positive = 50
    aux_layers: Annotated[int, Field(ge=0)] = 2
    embedding_dim: Positive = 30
    conditioning: ClueName = "factorised"
    representation: Literal["jointly_learned", "i_vector"] = "jointly_learned"

    @model_validator(mode="after")
    def _check(self) -> SpeakerBeamConfig:
        if self.stride > self.window // 2:
            raise ValueError(
                f"stride {self.stride} is more than half of window {self.window}; "
                "the samples would not be covered evenly"
            )
        if self.representation == "i_vector" and self.conditioning == "attention":
            raise ValueError(
                "conditioning attention looks at the frames of the enrollment, and representation "
                "i_vector has none; set representation: jointly_learned, or another conditioning"
            )
        return self


class SpeakerBeamNet(nn.Module):
    """Auxiliary network and mask network; the mask is real, and the phase is the mixture's."""

    def __init__(self, config: SpeakerBeamConfig) -> None:
        super().__init__()
        c = config
        self.spectrum = Spectrum(window=c.window, stride=c.stride)
        bins = self.spectrum.num_bins
        self.features = LogAmplitude(bins)
        self.i_vectors: IVectorExtractor | None = None
        if c.representation == "i_vector":
            self.i_vectors = IVectorExtractor(c)
        else:
            self.aux_features = LogAmplitude(bins)
        self.summary = FrameSummary(
            num_features=bins if self.i_vectors is None else c.i_vector_dim,
            hidden=c.aux_hidden,
            num_layers=c.aux_layers,
            embedding_dim=c.embedding_dim,
        )
        self.blstm = Blstm(num_features=bins, hidden=c.lstm_hidden, num_layers=c.lstm_layers)
        self.dense = nn.Conv1d(2 * c.lstm_hidden, c.hidden, 1)
        self.input_bias: Addition | None = None
        self.attention: FrameAttention | None = None
        self.conditioning: nn.Module | None = None
        if c.conditioning == "input_bias":
            self.input_bias = Addition(num_channels=bins, embedding_dim=c.embedding_dim)
        elif c.conditioning == "attention":
            self.attention = FrameAttention(num_channels=c.hidden, embedding_dim=c.embedding_dim)
        else:
            self.conditioning = conditioning(
                c.conditioning, num_channels=c.hidden, embedding_dim=c.embedding_dim
            )
        self.layers = nn.ModuleList(
            nn.Conv1d(c.hidden, c.hidden, 1) for _ in range(c.hidden_layers)
        )
        self.output = nn.Conv1d(c.hidden, bins, 1)

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
        level = rms(mixture, lengths)
        spectra = self.spectrum.analyse(mixture / level)
        counts = self.spectrum.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=spectra.shape[-1])
        vectors, aux_mask = self._listen(enrollment, enrollment_lengths)
        features = self.features(spectra, mask)
        if self.input_bias is not None:
            bias = mean_over_frames(vectors, aux_mask)
            features = apply_mask(self.input_bias(features, bias), mask)
        hidden = self.dense(self.blstm(features, counts))
        hidden = F.relu(self._told(hidden, vectors, aux_mask))
        for layer in self.layers:
            hidden = F.relu(layer(hidden))
        gain = apply_mask(torch.sigmoid(self.output(hidden)), mask)
        return level * self.spectrum.synthesise(gain * spectra, num_samples=mixture.shape[-1])

    def _listen(self, enrollment: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """Vectors [B, D, K'] of the frames of the enrollment, or one of it, and their mask."""
        if self.i_vectors is not None:
            return self.summary(self.i_vectors(enrollment, lengths)[:, :, None]), None
        spectra = self.spectrum.analyse(enrollment / rms(enrollment, lengths))
        counts = self.spectrum.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=spectra.shape[-1])
        return self.summary(self.aux_features(spectra, mask)), mask

    def _told(self, hidden: Tensor, vectors: Tensor, aux_mask: Tensor | None) -> Tensor:
        if self.attention is not None:
            attended: Tensor = self.attention(hidden, vectors, aux_mask)
            return attended
        if self.conditioning is None:
            return hidden
        told: Tensor = self.conditioning(hidden, mean_over_frames(vectors, aux_mask))
        return told


class SpeakerBeamTask:
    """How the engine trains it."""

    net_config: type[StrictModel] = SpeakerBeamConfig

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights; sound classes do not matter to it."""
        del classes
        return SpeakerBeamNet(cast(SpeakerBeamConfig, net))

    def prepare(
        self, net: nn.Module, first_items: FirstItems, *, seed: int, progress: ProgressFactory
    ) -> str:
        """Fit the extractor of i-vectors to the enrollments of the first trials.

        Raises:
            ConfigError: a trial has no enrollment, or another sample rate.
        """
        extractor = cast(SpeakerBeamNet, net).i_vectors
        if extractor is None:
            return ""
        config = extractor.config

        def recordings() -> Iterator[tuple[Tensor, Tensor]]:
            for batch in first_items(config.i_vector_recordings):
                _check_rate(batch, config)
                yield enrollments_of(batch)

        report = fit_extractor(extractor, recordings, seed=seed, progress=progress)
        return (
            "i-vector extractor, fitted to the enrollments of the first "
            f"{report.recordings} trials of training ({report.seconds:.0f} s of speech)"
        )

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates.

        Raises:
            ConfigError: a trial has no enrollment.
        """
        mixture = batch.queries.mixture[:, 0]
        estimate = net(mixture, batch.queries.lengths, *enrollments_of(batch))
        return criterion(
            estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present
        )


def _check_rate(batch: TrainBatch, config: IVectorConfig) -> None:
    rate_hz = batch.queries.sample_rate_hz
    if rate_hz != config.mfcc_rate_hz:
        raise ConfigError(
            f"mfcc_rate_hz is {config.mfcc_rate_hz}, but the training data are at {rate_hz} Hz; "
            f"set net.mfcc_rate_hz: {rate_hz}, with mfcc_window and mfcc_stride to go with it"
        )


@register_system(NAME)
class SpeakerBeam(EnrolledSystem):
    """Frequency-domain SpeakerBeam; see `EnrolledSystem` for the options."""

    name = NAME
    description = "BLSTM spectral mask told who to extract (Žmolíková et al., 2019)"
    task = SpeakerBeamTask()


TASKS.register(NAME)(SpeakerBeam.task)
