"""Network of Waveformer: a dilated causal encoder and a transformer decoder that sees one chunk at a time.

Source: Veluri et al., "Real-time target sound extraction", ICASSP 2023, with the sizes of its public code. Shapes: B
items, E and D channels of encoder and decoder, K frames of L samples. Features are [B, K, E]: with the channels last,
norms and 1×1 convolutions read memory in its order.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.validation import StrictModel
from .past import Past, after_past
from .tcn import frame_mask

Positive = Annotated[int, Field(gt=0)]
_LABEL_HIDDEN = 512
_POSITIONS = 200
_TAPS = 3


class WaveformerConfig(StrictModel):
    """Hyper-parameters of a Waveformer.

    Attributes:
        frame: L, samples of a frame; the encoder's filters span the frame before and the one after, too.
        encoder_dim: E, channels of the encoder.
        encoder_layers: dilated convolutions, whose dilation doubles from one to the next.
        decoder_dim: D, channels of the decoder; divides E, and is a multiple of `heads`.
        decoder_layers: layers of the transformer decoder.
        heads: attention heads of a layer.
        chunk: frames that are answered at once; the attention sees all of them.
        context: frames before the chunk that the attention sees.
        overlap: frames after its own that a frame of the output reaches into.
        lookahead: whether the encoder's filters see the frame after their own; without it they span their frame alone.
        dropout: share of the decoder's values that training sets to zero.
    """

    frame: Positive = 32
    encoder_dim: Positive = 256
    encoder_layers: Annotated[int, Field(gt=0, le=14)] = 10
    decoder_dim: Positive = 128
    decoder_layers: Annotated[int, Field(gt=0, le=64)] = 1
    heads: Positive = 8
    chunk: Positive = 13
    context: Annotated[int, Field(ge=0)] = 13
    overlap: Annotated[int, Field(ge=0)] = 4
    lookahead: bool = True
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _check_sizes(self) -> WaveformerConfig:
        if self.encoder_dim % self.decoder_dim or self.decoder_dim % self.heads or self.decoder_dim % 2:
            raise ValueError(
                f"decoder_dim = {self.decoder_dim} must be even, divide encoder_dim = {self.encoder_dim}, and be a "
                f"multiple of heads = {self.heads}"
            )
        if self.chunk + self.context > _POSITIONS:
            raise ValueError(f"chunk + context = {self.chunk + self.context} is more than {_POSITIONS}, all positions")
        return self

    @property
    def chunk_samples(self) -> int:
        """Samples that are answered at once."""
        return self.chunk * self.frame

    @property
    def lookahead_samples(self) -> int:
        """Samples after a chunk that its answer depends on."""
        return self.frame if self.lookahead else 0


class WaveformerNet(nn.Module):
    """Encoder of samples and of multi-hot queries, mask, decoder of samples, for a vocabulary of V labels."""

    def __init__(self, config: WaveformerConfig, *, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.classes = classes
        self.config = c = config
        self.history = c.lookahead_samples
        width = (3 if c.lookahead else 1) * c.frame
        self.analysis = nn.Conv1d(1, c.encoder_dim, width, stride=c.frame, bias=False)
        self.labels = nn.Sequential(
            nn.Linear(len(classes), _LABEL_HIDDEN),
            nn.LayerNorm(_LABEL_HIDDEN),
            nn.ReLU(),
            nn.Linear(_LABEL_HIDDEN, c.encoder_dim),
            nn.LayerNorm(c.encoder_dim),
            nn.ReLU(),
        )
        self.encoder = nn.ModuleList(_DilatedLayer(c.encoder_dim, dilation=2**i) for i in range(c.encoder_layers))
        self.to_memory = _GroupedLinear(c.encoder_dim, c.decoder_dim)
        self.to_decoder = _GroupedLinear(c.encoder_dim, c.decoder_dim)
        self.from_decoder = _GroupedLinear(c.decoder_dim, c.encoder_dim)
        self.decoder = ChunkDecoder(config)
        self.synthesis = nn.ConvTranspose1d(
            c.encoder_dim, 1, (c.overlap + 1) * c.frame, stride=c.frame, padding=c.overlap * c.frame, bias=False
        )

    def forward(self, mixture: Tensor, lengths: Tensor, query: Tensor) -> Tensor:
        """Estimates [B, T] of mixtures [B, T], zeros past the lengths [B], for multi-hot queries [B, V]."""
        frame, num_samples = self.config.frame, mixture.shape[-1]
        missing = -num_samples % frame
        padded = F.pad(mixture, (self.history, missing + self.config.lookahead_samples))
        counts = torch.div(lengths + frame - 1, frame, rounding_mode="floor")
        mask = frame_mask(counts, num_frames=(num_samples + missing) // frame)
        estimate = self.part(padded, self.labels(query), mask=None if mask is None else mask.mT)[:, :num_samples]
        inside = torch.arange(num_samples, device=mixture.device) < lengths[:, None]
        return estimate * inside.to(estimate.dtype)

    def part(
        self, samples: Tensor, embedding: Tensor, past: Past | None = None, *, mask: Tensor | None = None
    ) -> Tensor:
        """Next K frames of a stream, with the samples before and after them, to K·L samples of the estimate.

        Args:
            samples: [B, `history` + K·L + look-ahead]; K is a multiple of `chunk` except at the end of a stream.
            embedding: [B, E] of the queries, from `labels`.
            mask: [B, K, 1], zeros past the end of a signal; None without padding.
        """
        encoded = F.relu(self.analysis(samples[:, None])).mT
        features = encoded
        for layer in self.encoder:
            features = layer(features, past)
        labelled = embedding[:, None] * features
        memory, target = F.relu(self.to_memory(features)), F.relu(self.to_decoder(labelled))
        if mask is not None:
            memory, target = memory * mask, target * mask
        decoded = self.decoder(target, memory, past)
        masked = encoded * (labelled + F.relu(self.from_decoder(decoded)))
        joined = after_past(masked, frames=self.config.overlap, layer=self.synthesis, past=past, dim=1)
        estimate: Tensor = torch.tanh(self.synthesis(joined.mT)[:, 0])
        return estimate


class _GroupedLinear(nn.Module):
    """1×1 convolution in D groups between E and D channels, each of which belongs to E / D of the E: [..., E] or D."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.groups = min(dim_in, dim_out)
        bound = (self.groups / dim_in) ** 0.5
        self.weight = nn.Parameter(torch.empty(dim_out, dim_in // self.groups).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(dim_out).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, K, in] to [B, K, out]."""
        groups = self.groups
        weight = self.weight.view(groups, -1, self.weight.shape[1])  # [groups, out, in] of each
        grouped = features.reshape(*features.shape[:-1], groups, 1, -1) * weight
        answer: Tensor = grouped.sum(dim=-1).flatten(-2) + self.bias
        return answer


class _DilatedLayer(nn.Module):
    """Depthwise convolution of three taps over the past, norm, ReLU, 1×1, norm, ReLU, and the residual."""

    def __init__(self, channels: int, *, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        bound = _TAPS**-0.5
        self.weight = nn.Parameter(torch.empty(_TAPS, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))
        self.depthwise_norm = nn.LayerNorm(channels)
        self.pointwise = nn.Linear(channels, channels)
        self.pointwise_norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor, past: Past | None) -> Tensor:
        """Features [B, K, E] to features [B, K, E]."""
        reach, num_frames = (_TAPS - 1) * self.dilation, features.shape[1]
        joined = after_past(features, frames=reach, layer=self, past=past, dim=1)
        total: Tensor = self.bias
        for tap, weight in enumerate(self.weight):
            start = tap * self.dilation
            total = torch.addcmul(total, joined[:, start : start + num_frames], weight)
        hidden = F.relu(self.depthwise_norm(total))
        return features + F.relu(self.pointwise_norm(self.pointwise(hidden)))


class ChunkDecoder(nn.Module):
    """Transformer decoder in which a chunk of frames sees itself and `context` frames before it, in both inputs."""

    positions: Tensor

    def __init__(self, config: WaveformerConfig) -> None:
        super().__init__()
        c = config
        self.chunk, self.context = c.chunk, c.context
        self.layers = nn.ModuleList(
            _ChunkLayer(c.decoder_dim, c.heads, 2 * c.decoder_dim, c.dropout) for _ in range(c.decoder_layers)
        )
        self.register_buffer("positions", sinusoids(_POSITIONS, c.decoder_dim))

    def forward(self, target: Tensor, memory: Tensor, past: Past | None) -> Tensor:
        """Targets and memories [B, K, D] to [B, K, D]; the last chunk is filled up with zeros."""
        num_frames = target.shape[1]
        missing = -num_frames % self.chunk
        target, memory = F.pad(target, (0, 0, 0, missing)), F.pad(memory, (0, 0, 0, missing))
        positions = self.positions[: self.context + self.chunk]
        keys = self._windows(memory, self, past) + positions
        for number, layer in enumerate(self.layers):
            windows = self._windows(target, layer, past)
            windows = windows if number else windows + positions
            answer: Tensor = layer(windows, keys, self.chunk)
            target = answer.reshape(target.shape)
        return target[:, :num_frames]

    def _windows(self, features: Tensor, layer: nn.Module, past: Past | None) -> Tensor:
        """Each chunk of features [B, K, D] with its context: [B·(K / chunk), context + chunk, D]."""
        joined = after_past(features, frames=self.context, layer=layer, past=past, dim=1)
        windows = joined.unfold(1, self.context + self.chunk, self.chunk)  # [B, chunks, D, frames]
        return windows.mT.flatten(0, 1)


class _ChunkLayer(nn.Module):
    """Attention to the window, attention to the memory, feed-forward network; a norm after each."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        attention = {"num_heads": heads, "dropout": dropout, "batch_first": True}
        self.self_attention = nn.MultiheadAttention(dim, **attention)
        self.cross_attention = nn.MultiheadAttention(dim, **attention)
        self.feed_forward = nn.Sequential(
            OrderedDict(
                widen=nn.Linear(dim, hidden),
                activation=nn.ReLU(),
                dropout=nn.Dropout(dropout),
                narrow=nn.Linear(hidden, dim),
            )
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, windows: Tensor, memory: Tensor, chunk: int) -> Tensor:
        """Windows and memories [N, W, D] to the answer for the last `chunk` frames of each window."""
        frames = windows[:, windows.shape[1] - chunk :]
        attended: Tensor = self.self_attention(frames, windows, windows, need_weights=False)[0]
        frames = self.norms[0](frames + self.dropout(attended))
        attended = self.cross_attention(frames, memory, memory, need_weights=False)[0]
        frames = self.norms[1](frames + self.dropout(attended))
        answer: Tensor = self.norms[2](frames + self.dropout(self.feed_forward(frames)))
        return answer


def sinusoids(positions: int, dim: int) -> Tensor:
    """Encodings [P, D] of positions: sines and cosines in turn (Vaswani et al., 2017)."""
    rates = torch.exp(torch.arange(0, dim, 2) * (-math.log(10_000.0) / dim))
    angles = torch.arange(positions)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
