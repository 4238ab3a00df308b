"""The networks of the frequency-domain SpeakerBeam: mask estimation and auxiliary network."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ...core.errors import ConfigError
from ..trainable import TrainBatch
from .conditioning import Addition, conditioning
from .conv_tasnet import rms
from .enrollment import mean_over_frames
from .i_vector.extractor import IVectorConfig, IVectorExtractor
from .tcn import GlobalLayerNorm, apply_mask, frame_mask

_FLOOR = 1e-3  # of amplitudes at unit RMS: the logarithm of silence


class LogAmplitude(nn.Module):
    """Logarithms of amplitudes, normalised over the bins and frames of a signal.

    Args:
        num_bins: F.
    """

    def __init__(self, num_bins: int) -> None:
        super().__init__()
        self.norm = GlobalLayerNorm(num_bins)

    def forward(self, spectra: Tensor, mask: Tensor | None) -> Tensor:
        """Complex spectra [B, F, K] to features [B, F, K]."""
        features = torch.log(spectra.abs() + _FLOOR)
        normed: Tensor = self.norm(apply_mask(features, mask), mask)
        return normed


class Blstm(nn.Module):
    """Bidirectional LSTM that stops at the end of each signal.

    Args:
        num_features: channels in.
        hidden: H, of each direction.
        num_layers: L.
    """

    def __init__(self, *, num_features: int, hidden: int, num_layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(num_features, hidden, num_layers, batch_first=True, bidirectional=True)

    def forward(self, features: Tensor, counts: Tensor) -> Tensor:
        """Features [B, N, K], of which `counts` [B] frames are true ones, to [B, 2 H, K]."""
        packed = pack_padded_sequence(
            features.transpose(1, 2), counts.cpu(), batch_first=True, enforce_sorted=False
        )
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=features.shape[-1])
        return out.transpose(1, 2)


class FrameSummary(nn.Module):
    """Auxiliary network: fully connected layers on each frame of the enrollment.

    Args:
        num_features: channels in.
        hidden: of the layers between, with ReLU.
        num_layers: layers with ReLU.
        embedding_dim: D.
    """

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
    """Each frame of the mixture adds what it finds in the frames of the enrollment.

    Scaled dot products (Vaswani et al., 2017, eq. 1): softmax(Qᵀ K / √D) Vᵀ.

    Args:
        num_channels: N.
        embedding_dim: D.
    """

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(num_channels, embedding_dim, 1)
        self.key = nn.Conv1d(embedding_dim, embedding_dim, 1)
        self.value = nn.Conv1d(embedding_dim, num_channels, 1)

    def forward(self, features: Tensor, vectors: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] and vectors [B, D, K'], of which those of the mask are true."""
        query, key = self.query(features).transpose(1, 2), self.key(vectors)
        scores = query @ key / math.sqrt(key.shape[1])
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -math.inf)
        found = scores.softmax(dim=-1) @ self.value(vectors).transpose(1, 2)
        attended: Tensor = features + found.transpose(1, 2)
        return attended


class Spectrum:
    """Short-time Fourier transform with a square-root Hann window on both sides.

    Synthesis divides by the sum of the squared windows (Griffin and Lim, 1984), so that unchanged
    spectra give the signal back.

    Args:
        window: in samples.
        stride: hop, in samples, at most half of the window.
    """

    def __init__(self, *, window: int, stride: int) -> None:
        self.window = window
        self.stride = stride
        self.num_bins = window // 2 + 1

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames [B] that touch signals of these lengths [B]."""
        last = lengths - 1 + self.window - self.stride
        return torch.div(last, self.stride, rounding_mode="floor") + 1

    def analyse(self, signal: Tensor) -> Tensor:
        """Signal [B, T] to complex spectra [B, F, K]."""
        before = self.window - self.stride
        reach = (signal.shape[-1] - 1 + before) // self.stride * self.stride
        padded = F.pad(signal, (before, reach + self.window - before - signal.shape[-1]))
        frames = padded.unfold(-1, self.window, self.stride) * self._taper(signal)
        spectra: Tensor = torch.fft.rfft(frames)
        return spectra.transpose(1, 2)

    def synthesise(self, spectra: Tensor, *, num_samples: int) -> Tensor:
        """Spectra [B, F, K] of `analyse` to signals [B, T], T = `num_samples`."""
        frames = torch.fft.irfft(spectra.transpose(1, 2), n=self.window)
        taper = self._taper(frames)
        total = self._overlap_add((frames * taper).transpose(1, 2))
        weight = self._overlap_add(taper.square()[None, :, None].expand(1, -1, frames.shape[1]))
        before = self.window - self.stride
        inside = slice(before, before + num_samples)
        signal: Tensor = total[:, inside] / weight[:, inside]
        return signal

    def _overlap_add(self, frames: Tensor) -> Tensor:
        """Frames [B, window, K] to signals [B, T']."""
        size = (frames.shape[-1] - 1) * self.stride + self.window
        added = F.fold(frames, (1, size), kernel_size=(1, self.window), stride=(1, self.stride))
        return added[:, 0, 0]

    def _taper(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.window, dtype=like.dtype, device=like.device).sqrt()


Positive = Annotated[int, Field(gt=0)]


ClueName = Literal[
    "input_bias", "factorised", "multiplication", "addition", "concatenation", "film", "attention"
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
        self.layers = nn.ModuleList(nn.Conv1d(c.hidden, c.hidden, 1) for _ in range(c.hidden_layers))
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


def _check_rate(batch: TrainBatch, config: IVectorConfig) -> None:
    rate_hz = batch.queries.sample_rate_hz
    if rate_hz != config.mfcc_rate_hz:
        raise ConfigError(
            f"mfcc_rate_hz is {config.mfcc_rate_hz}, but the training data are at {rate_hz} Hz; "
            f"set net.mfcc_rate_hz: {rate_hz}, with mfcc_window and mfcc_stride to go with it"
        )
