"""i-vectors: fixed-length speaker embeddings, fitted before training without labels.

Dehak et al., "Front-end factor analysis for speaker verification", IEEE TASLP 19(4), 2011; centred, whitened and
length-normalised as by Garcia-Romero and Espy-Wilson, "Analysis of i-vector length normalization in speaker recognition
systems", Interspeech 2011.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ....core.validation import StrictModel
from ..conv_tasnet import Positive
from .gmm import DiagonalGmm
from .mfcc import Mfcc, Normalise
from .total_variability import Statistics, posterior, statistics


class IVectorConfig(StrictModel):
    """Sizes of an i-vector extractor and of the data that it is fitted to.

    Attributes:
        i_vector_dim: R, entries of an i-vector.
        i_vector_recordings: number of recordings that the extractor is fitted to, the enrollments of the first trials
            of training. Each takes 4 · C · (D + 1) bytes of memory.
        i_vector_rounds: rounds of EM for the total variability.
        ubm_components: C, Gaussians of the background model.
        ubm_frames: number of frames that the background model is fitted to, spread evenly over the recordings.
        ubm_rounds: rounds of EM for the background model.
        ubm_variance_floor: smallest variance, as a fraction of that of all frames.
        mfcc_rate_hz: sample rate that recordings are resampled to for the features.
        mfcc_window: length of a frame, in samples of that rate.
        mfcc_stride: distance of frames, in samples of that rate.
        mfcc_mels: mel bands.
        mfcc_ceps: cepstral coefficients, with the one of the level.
        mfcc_deltas: orders of slopes that are added; D = mfcc_ceps · (1 + mfcc_deltas) features of a frame.
        mfcc_vad_db: frames whose level is so far below that of the recording's strongest frame count as non-speech.
        mfcc_normalise: statistics that are normalised over the speech of a recording: "none", "mean" or
            "mean_variance".
    """

    i_vector_dim: Positive = 100
    i_vector_recordings: Positive = 4000
    i_vector_rounds: Positive = 10
    ubm_components: Positive = 512
    ubm_frames: Positive = 500_000
    ubm_rounds: Positive = 15
    ubm_variance_floor: Annotated[float, Field(gt=0, le=1)] = 0.01
    mfcc_rate_hz: Positive = 8000
    mfcc_window: Annotated[int, Field(gt=1)] = 200
    mfcc_stride: Positive = 80
    mfcc_mels: Positive = 24
    mfcc_ceps: Positive = 20
    mfcc_deltas: Annotated[int, Field(ge=0, le=2)] = 2
    mfcc_vad_db: Annotated[float, Field(gt=0)] = 30.0
    mfcc_normalise: Normalise = "mean_variance"

    @model_validator(mode="after")
    def _check_i_vectors(self) -> IVectorConfig:
        if self.mfcc_stride > self.mfcc_window:
            raise ValueError(
                f"mfcc_stride {self.mfcc_stride} is longer than mfcc_window {self.mfcc_window}; samples would be lost"
            )
        if self.mfcc_ceps > self.mfcc_mels:
            raise ValueError(
                f"mfcc_ceps {self.mfcc_ceps} is more than mfcc_mels {self.mfcc_mels}; bands have no more coefficients"
            )
        if self.i_vector_recordings <= self.i_vector_dim:
            raise ValueError(
                f"i_vector_recordings {self.i_vector_recordings} cannot whiten i_vector_dim "
                f"{self.i_vector_dim}; fit to more recordings than an i-vector has entries"
            )
        return self

    @property
    def feature_dim(self) -> int:
        """D, features of a frame."""
        return self.mfcc_ceps * (1 + self.mfcc_deltas)


class IVectorExtractor(nn.Module):
    """Recordings to i-vectors; the fitted values are buffers, random until `fit.fit_extractor` sets them."""

    ubm_weights: Tensor
    ubm_means: Tensor
    ubm_variances: Tensor
    total_variability: Tensor
    centre: Tensor
    whitening: Tensor

    def __init__(self, config: IVectorConfig) -> None:
        super().__init__()
        self.config = config
        size, num, dim = config.ubm_components, config.feature_dim, config.i_vector_dim
        self.register_buffer("ubm_weights", torch.full((size,), 1.0 / size))
        self.register_buffer("ubm_means", torch.randn(size, num))
        self.register_buffer("ubm_variances", torch.ones(size, num))
        self.register_buffer("total_variability", 0.1 * torch.randn(size, num, dim))
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("whitening", torch.eye(dim))
        self.features = Mfcc(
            sample_rate_hz=config.mfcc_rate_hz,
            window=config.mfcc_window,
            stride=config.mfcc_stride,
            num_mels=config.mfcc_mels,
            num_ceps=config.mfcc_ceps,
            num_deltas=config.mfcc_deltas,
            vad_db=config.mfcc_vad_db,
            normalise=config.mfcc_normalise,
        )

    @property
    def background(self) -> DiagonalGmm:
        """The universal background model, in float64."""
        weights, means, variances = (each.double() for each in (self.ubm_weights, self.ubm_means, self.ubm_variances))
        return DiagonalGmm(weights=weights, means=means, variances=variances)

    def statistics(self, signals: Tensor, lengths: Tensor) -> Statistics:
        """Statistics of recordings [B, T], zeros past the lengths [B]."""
        return statistics(self.background, *self.features(signals, lengths))

    def raw(self, stats: Statistics) -> Tensor:
        """Posterior means [B, R], float64, of the statistics of B recordings."""
        return posterior(self.total_variability.double(), stats).mean

    def normalised(self, raw: Tensor) -> Tensor:
        """Posterior means [B, R] centred, whitened, and scaled to the length √R.

        √R instead of 1 gives the entries about unit variance, as usual for inputs of networks.
        """
        whitened = (raw - self.centre.double()) @ self.whitening.double().T
        length = torch.linalg.vector_norm(whitened, dim=-1, keepdim=True)
        smallest = torch.finfo(whitened.dtype).tiny
        scaled: Tensor = math.sqrt(whitened.shape[-1]) * whitened / length.clamp_min(smallest)
        return scaled

    @torch.no_grad()
    def forward(self, signals: Tensor, lengths: Tensor) -> Tensor:
        """Recordings [B, T], zeros past the lengths [B], to i-vectors [B, R] of length √R."""
        # In float64 throughout, which mixed precision leaves alone.
        return self.normalised(self.raw(self.statistics(signals, lengths))).to(signals.dtype)
