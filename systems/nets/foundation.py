"""Features of a foundation model, as clue and of the mixture, for SoundBeam.

Hernandez-Olivan et al., "SoundBeam meets M2D", 2024 (arXiv 2409.12528). The model is an ONNX file of the user's, which
stays as it is; its hash lies in the weights. The paper pools the features of an enrollment by multi-head factorised
attention, and sizes are not public: here attention with several heads weights normalised frames. Features of the
mixture are resampled to the frames of the encoder, and a linear layer of them is added to the bottleneck, which makes
it a linear layer of both together.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.errors import ConfigError
from ...core.onnx import Model, load_errors, open_model
from ...core.validation import StrictModel
from ...datasets.signals.audio import resample
from .conv_tasnet import Extractor, ExtractorConfig
from .filterbank import rms

LEVEL = 0.1
"""RMS of the signals that a model gets, full scale being 1."""

LEAST_S = 1.0
"""Length to which shorter signals are padded with zeros, since models have a smallest length."""

Frames = Callable[[Tensor, Tensor], list[Tensor]]
"""Features [K_b, D] of signals [B, T], zeros past the lengths [B]."""

_HASH_BYTES = 32


class FoundationConfig(StrictModel):
    """Hyper-parameters of features of a foundation model.

    Attributes:
        features: ONNX file of a model, signals [1, T] to features [1, K, D]; "": none.
        features_rate_hz: sample rate of the model.
        features_signal_hz: sample rate of the mixtures and enrollments, which are resampled.
        features_dim: D, features of a frame.
        features_for: what is made of them: the embedding of enrollments ("clue") in place of an own encoder, features
            of the "mixture" in addition to those of the encoder, or "both".
        features_heads: heads of the attention that pools the features of an enrollment.
    """

    features: str = ""
    features_rate_hz: Annotated[int, Field(gt=0)] = 16000
    features_signal_hz: Annotated[int, Field(gt=0)] = 8000
    features_dim: Annotated[int, Field(gt=0)] = 768
    features_for: Literal["clue", "mixture", "both"] = "both"
    features_heads: Annotated[int, Field(gt=0, le=256)] = 4

    @property
    def features_of_mixture(self) -> bool:
        """Whether the mixture's features are used."""
        return bool(self.features) and self.features_for != "clue"

    @property
    def features_of_clue(self) -> bool:
        """Whether the features of enrollments are used."""
        return bool(self.features) and self.features_for != "mixture"


class FoundationExtractorConfig(ExtractorConfig, FoundationConfig):
    """Hyper-parameters of an extraction network that may get features of a foundation model."""

    @model_validator(mode="after")
    def _check_causal(self) -> FoundationExtractorConfig:
        if self.causal and self.features_of_mixture:
            raise ValueError(
                "features of the mixture come from a model that hears all of it; set features_for: clue, or causal: "
                "false"
            )
        return self


class Foundation(nn.Module):
    """A frozen model outside of the weights, and the hash of its file, which is one of them."""

    sha256: Tensor

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.config = config
        self._model: Model | None = None
        self.register_buffer("sha256", torch.zeros(_HASH_BYTES, dtype=torch.uint8))

    def learn(self, signal_hz: int) -> str:
        """Open the file of the config for training data of this sample rate; a line for the checkpoint's card.

        Raises:
            ConfigError: it cannot be used, or the config has another rate.
        """
        wanted = self.config.features_signal_hz
        if signal_hz != wanted:
            raise ConfigError(
                f"net.features_signal_hz = {wanted}, but the training data are at {signal_hz} Hz; set it to {signal_hz}"
            )
        self.open()
        return f"features of {self.config.features} (sha256 {bytes(self.sha256.cpu().numpy()).hex()[:12]}…)"

    def open(self, file: str = "") -> None:
        """Open a file, by default that of the config, and remember its hash if none is known yet.

        Raises:
            ConfigError: it cannot be used, has other features, or is another than that of training.
        """
        path = Path(file or self.config.features)
        model = open_model(path, where="net.features")
        found, known = bytes.fromhex(model.sha256), bytes(self.sha256.cpu().numpy())
        if any(known) and found != known:
            raise ConfigError(
                f"net.features: {str(path)!r} (sha256 {found.hex()[:12]}…) is not the model that this network was "
                f"trained with (sha256 {known.hex()[:12]}…); give that file with the option `features`"
            )
        size = model.width(
            round(LEAST_S * self.config.features_rate_hz),
            where="net.features",
            hint="export a model that takes signals [1, T] of any length",
        )
        if size % self.config.features_dim:
            raise ConfigError(
                f"net.features: {str(path)!r} makes {size} numbers of {LEAST_S:g} s, which is no whole number of "
                f"frames of net.features_dim = {self.config.features_dim}; correct it"
            )
        self.sha256.copy_(torch.tensor([*found], dtype=torch.uint8))
        self._model = model

    def forward(self, signals: Tensor, lengths: Tensor) -> list[Tensor]:
        """Features [K_b, D] of signals [B, T] of any level, zeros past the lengths [B], computed on the CPU."""
        levelled = signals * (LEVEL / rms(signals, lengths))
        rows = zip(levelled.detach().cpu(), lengths.tolist(), strict=True)
        return [self._of_one(row[:length]).to(signals) for row, length in rows]

    def _of_one(self, signal: Tensor) -> Tensor:
        if self._model is None:
            self.open()
        model, config = self._model, self.config
        samples = resample(signal.float().numpy(), from_hz=config.features_signal_hz, to_hz=config.features_rate_hz)
        missing = max(0, round(LEAST_S * config.features_rate_hz) - len(samples))
        padded = np.pad(samples, (0, missing))
        if model is None:
            raise TypeError("a model that is not open has no features")
        try:
            found = model.run([padded])
        except load_errors() as error:
            problem = " ".join(str(error).split())[:200]
            raise ConfigError(f"net.features: {model.path.name!r} fails for {len(padded)} samples: {problem}") from None
        return torch.from_numpy(found.reshape(-1, config.features_dim))


class FoundationEmbedder(nn.Module):
    """Enrollments to embeddings around one: attention with H heads over the frames of a model, and a linear layer."""

    def __init__(self, config: FoundationExtractorConfig, frames: Frames) -> None:
        super().__init__()
        self._frames = frames
        self.attention = nn.Linear(config.features_dim, config.features_heads)
        self.output = nn.Linear(config.features_heads * config.features_dim, config.embedding_dim)
        with torch.no_grad():
            self.output.bias.add_(1.0)

    def forward(self, signals: Tensor, lengths: Tensor) -> Tensor:
        """Enrollments [B, T], zeros past the lengths [B], to embeddings [B, D]."""
        pooled = [self._pooled(features) for features in self._frames(signals, lengths)]
        embeddings: Tensor = self.output(torch.stack(pooled))
        return embeddings

    def _pooled(self, features: Tensor) -> Tensor:
        """Weighted means [H · D] of normalised features [K, D]."""
        normed = F.layer_norm(features, features.shape[-1:])
        shares: Tensor = self.attention(normed).softmax(dim=0)
        return torch.flatten(shares.T @ normed)


class FoundationExtractor(Extractor):
    """Conditioned Conv-TasNet whose bottleneck also gets the features of the mixture."""

    def __init__(self, config: FoundationExtractorConfig, frames: Frames) -> None:
        super().__init__(config)
        self._frames = frames
        self.features = nn.Linear(config.features_dim, config.bottleneck)

    def forward(self, mixture: Tensor, lengths: Tensor, embedding: Tensor) -> Tensor:
        """Estimates [B, T] from mixtures [B, T], zeros past the lengths [B], for embeddings [B, D]."""
        return self.with_added(mixture, lengths, embedding, self._added(mixture, lengths))

    def _added(self, mixture: Tensor, lengths: Tensor) -> Tensor:
        """What the features add [B, B', K] to each frame of the encoder, zeros past the length."""
        total = self.encoder.num_frames(mixture.shape[-1])
        counts = self.encoder.frame_counts(lengths).tolist()
        rows = []
        for features, count in zip(self._frames(mixture, lengths), counts, strict=True):
            mapped = self.features(F.layer_norm(features, features.shape[-1:])).T[None]
            fitted = F.interpolate(mapped, size=count, mode="linear", align_corners=False)[0]
            rows.append(F.pad(fitted, (0, total - count)))
        return torch.stack(rows)
