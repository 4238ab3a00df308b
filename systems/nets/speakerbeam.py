"""Network of the frequency-domain SpeakerBeam: mask estimation and auxiliary network.

Sources: Žmolíková et al., Interspeech 2017, and "SpeakerBeam", IEEE JSTSP 13(4), 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .banks import NormalisedStft
from .conditioning import Addition, conditioning
from .conv_tasnet import Positive
from .enrollment import EnrolledNet, mean_over_frames
from .filterbank import rms
from .i_vector.extractor import IVectorConfig, IVectorExtractor
from .speaker_head import SpeakerHead
from .tcn import GlobalLayerNorm, apply_mask, frame_mask

_FLOOR = 1e-3  # of amplitudes at unit RMS: the logarithm of silence

Conditioning = Literal["input_bias", "factorised", "multiplication", "addition", "concatenation", "film", "attention"]

FrameVectors = tuple[Tensor, Tensor | None]
"""Vectors [B, D, K'] of the frames of the enrollment (K' = 1 for an i-vector), and the mask of frames."""


class SpeakerBeamConfig(IVectorConfig):
    """Hyper-parameters; those of `IVectorConfig` are for i-vectors alone.

    Attributes:
        window: length of the Fourier transform, in samples.
        stride: hop of the Fourier transform, in samples.
        lstm_hidden: units of the BLSTM in each direction.
        lstm_layers: layers of the BLSTM, before the conditioning.
        hidden: width of the fully connected layers.
        hidden_layers: fully connected layers after the conditioned one.
        aux_hidden: width of the auxiliary network, which embeds the enrollment.
        aux_layers: layers with ReLU of the auxiliary network.
        embedding_dim: D, entries of the embedding, and number of sub-layers of the factorised layer.
        conditioning: how the clue comes in: as a bias of the input features ("input_bias"), at the first fully
            connected layer (any other), or there by "attention" to the frames of the enrollment.
        representation: input of the auxiliary network: "jointly_learned" are the frames of the enrollment, of which it
            learns an embedding; "i_vector" is an i-vector, fitted before training; "posterior" are the probabilities of
            the training speakers, in training the 1-hot vector of the target.
        speakers: training speakers, for posteriors.
        posterior_hidden: width of the classifier of speakers.
        posterior_layers: layers with ReLU of the classifier, on each frame; the mean over frames goes to its last one.
        speaker_loss: weight of the classifier's cross-entropy in the training loss.
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
    conditioning: Conditioning = "factorised"
    representation: Literal["jointly_learned", "i_vector", "posterior"] = "jointly_learned"
    speakers: Annotated[int, Field(ge=0, le=100_000)] = 0
    posterior_hidden: Positive = 128
    posterior_layers: Positive = 2
    speaker_loss: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _check(self) -> SpeakerBeamConfig:
        if self.stride > self.window // 2:
            raise ValueError(
                f"stride {self.stride} is more than half of window {self.window}; "
                "the samples would not be covered evenly"
            )
        if self.representation != "jointly_learned" and self.conditioning == "attention":
            raise ValueError(
                "conditioning attention looks at the frames of the enrollment, and representation "
                f"{self.representation} has none; set representation: jointly_learned, or another conditioning"
            )
        if (self.representation == "posterior") != (self.speakers > 0):
            raise ValueError(
                f"speakers = {self.speakers} with representation {self.representation}; posteriors need the number of "
                "training speakers, and other representations have speakers: 0"
            )
        return self


class SpeakerBeamNet(EnrolledNet[SpeakerBeamConfig, FrameVectors]):
    """Auxiliary network and mask network; the mask is real, and the phase is the mixture's."""

    def __init__(self, config: SpeakerBeamConfig) -> None:
        super().__init__(config)
        c = config
        self.stft = NormalisedStft(window=c.window, stride=c.stride)
        bins = self.stft.num_bins
        self.features = LogAmplitude(bins)
        self.i_vectors: IVectorExtractor | None = None
        self.posterior: SpeakerPosterior | None = None
        inputs = {"jointly_learned": bins, "i_vector": c.i_vector_dim, "posterior": c.speakers}
        if c.representation == "i_vector":
            self.i_vectors = IVectorExtractor(c)
        elif c.representation == "posterior":
            self.posterior = SpeakerPosterior(c)
        else:
            self.aux_features = LogAmplitude(bins)
        self.summary = FrameSummary(
            num_features=inputs[c.representation],
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
            self.conditioning = conditioning(c.conditioning, num_channels=c.hidden, embedding_dim=c.embedding_dim)
        self.layers = nn.ModuleList(nn.Conv1d(c.hidden, c.hidden, 1) for _ in range(c.hidden_layers))
        self.output = nn.Conv1d(c.hidden, bins, 1)

    def embed(self, enrollment: Tensor, lengths: Tensor) -> FrameVectors:
        """Vectors of the frames of enrollments [B, T'], or one of an i-vector or posterior, and their mask."""
        if self.i_vectors is not None:
            return self.embed_vector(self.i_vectors(enrollment, lengths))
        if self.posterior is not None:
            return self.embed_vector(self.posterior(enrollment, lengths))
        spectra = self.stft.analyse(enrollment / rms(enrollment, lengths))
        counts = self.stft.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=spectra.shape[-1])
        return self.summary(self.aux_features(spectra, mask)), mask

    def embed_vector(self, vectors: Tensor) -> FrameVectors:
        """One vector [B, N] of each speaker, an i-vector or probabilities, as a single frame."""
        return self.summary(vectors[:, :, None]), None

    def extract(self, mixture: Tensor, lengths: Tensor, embedding: FrameVectors) -> Tensor:
        """Estimates [B, T]."""
        level = rms(mixture, lengths)
        spectra = self.stft.analyse(mixture / level)
        counts = self.stft.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=spectra.shape[-1])
        features = self.features(spectra, mask)
        if self.input_bias is not None:
            features = apply_mask(self.input_bias(features, mean_over_frames(*embedding)), mask)
        hidden = self.dense(self.blstm(features, counts))
        if self.attention is not None:
            hidden = self.attention(hidden, *embedding)
        elif self.conditioning is not None:
            hidden = self.conditioning(hidden, mean_over_frames(*embedding))
        hidden = F.relu(hidden)
        for layer in self.layers:
            hidden = F.relu(layer(hidden))
        gain = apply_mask(torch.sigmoid(self.output(hidden)), mask)
        return level * self.stft.synthesise(gain * spectra, num_samples=mixture.shape[-1])


class LogAmplitude(nn.Module):
    """Logarithms of amplitudes, normalised over the bins and frames of a signal."""

    def __init__(self, num_bins: int) -> None:
        super().__init__()
        self.norm = GlobalLayerNorm(num_bins)

    def forward(self, spectra: Tensor, mask: Tensor | None) -> Tensor:
        """Complex spectra [B, F, K] to features [B, F, K]."""
        features = torch.log(spectra.abs() + _FLOOR)
        normed: Tensor = self.norm(apply_mask(features, mask), mask)
        return normed


class SpeakerPosterior(nn.Module):
    """Probabilities of the training speakers for an enrollment.

    A representation of the tutorial "Neural Target Speech and Sound Extraction" (Delcroix, 2025), trained with 1-hot
    vectors. The classifier is not described there: here it is a network on the frames, whose mean is classified.
    """

    def __init__(self, config: SpeakerBeamConfig) -> None:
        super().__init__()
        c = config
        self.stft = NormalisedStft(window=c.window, stride=c.stride)
        self.features = LogAmplitude(self.stft.num_bins)
        self.frames = FrameSummary(
            num_features=self.stft.num_bins,
            hidden=c.posterior_hidden,
            num_layers=c.posterior_layers,
            embedding_dim=c.posterior_hidden,
        )
        self.head = SpeakerHead(embedding_dim=c.posterior_hidden, num_speakers=c.speakers)

    def forward(self, enrollment: Tensor, lengths: Tensor) -> Tensor:
        """Probabilities [B, S] of enrollments [B, T'], zeros past the lengths [B]."""
        probabilities: Tensor = self.head(self.summaries(enrollment, lengths)).softmax(dim=-1)
        return probabilities

    def summaries(self, enrollment: Tensor, lengths: Tensor) -> Tensor:
        """Means [B, N] over the frames of enrollments, which are classified."""
        spectra = self.stft.analyse(enrollment / rms(enrollment, lengths))
        mask = frame_mask(self.stft.frame_counts(lengths), num_frames=spectra.shape[-1])
        return mean_over_frames(self.frames(self.features(spectra, mask)), mask)

    def one_hot(self, speakers: Sequence[str]) -> Tensor:
        """Vectors [B, S] of training speakers by name."""
        outputs = torch.tensor([self.head.output_of(name) for name in speakers])
        return (outputs[:, None] == torch.arange(len(self.head.keys))).float()


class Blstm(nn.Module):
    """Bidirectional LSTM with H = `hidden` units in each direction, which stops at the end of each signal."""

    def __init__(self, *, num_features: int, hidden: int, num_layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(num_features, hidden, num_layers, batch_first=True, bidirectional=True)

    def forward(self, features: Tensor, counts: Tensor) -> Tensor:
        """Features [B, N, K], of which the first `counts` [B] frames are true ones, to [B, 2 H, K]."""
        packed = pack_padded_sequence(features.transpose(1, 2), counts.cpu(), batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=features.shape[-1])
        return out.transpose(1, 2)


class FrameSummary(nn.Module):
    """Auxiliary network: `num_layers` fully connected layers with ReLU and a linear one on each frame."""

    def __init__(self, *, num_features: int, hidden: int, num_layers: int, embedding_dim: int) -> None:
        super().__init__()
        widths = [num_features, *[hidden] * num_layers]
        self.layers = nn.ModuleList(nn.Conv1d(a, b, 1) for a, b in pairwise(widths))
        self.output = nn.Conv1d(widths[-1], embedding_dim, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, N, K] to a vector for each frame [B, D, K]; their mean is the embedding."""
        for layer in self.layers:
            features = F.relu(layer(features))
        vectors: Tensor = self.output(features)
        return vectors


class FrameAttention(nn.Module):
    """Attention of each frame of the mixture to the frames of the enrollment, added to its features.

    Scaled dot products (Vaswani et al., 2017, eq. 1): softmax(Qᵀ K / √D) Vᵀ.
    """

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(num_channels, embedding_dim, 1)
        self.key = nn.Conv1d(embedding_dim, embedding_dim, 1)
        self.value = nn.Conv1d(embedding_dim, num_channels, 1)

    def forward(self, features: Tensor, vectors: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] and vectors [B, D, K'] with the mask [B, 1, K'] of their true frames."""
        query, key = self.query(features).transpose(1, 2), self.key(vectors)
        scores = query @ key / math.sqrt(key.shape[1])
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -math.inf)
        found = scores.softmax(dim=-1) @ self.value(vectors).transpose(1, 2)
        attended: Tensor = features + found.transpose(1, 2)
        return attended
