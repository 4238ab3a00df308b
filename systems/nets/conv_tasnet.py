"""Conv-TasNet whose features are conditioned, after its first stacks, on an embedding of a clue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.validation import StrictModel
from .conditioning import conditioning
from .filterbank import Decoder, Encoder, rms
from .past import Past
from .tcn import BlockSizes, NormName, PReLU, Stack, apply_mask, layer_norm

Positive = Annotated[int, Field(gt=0)]


class TasNetConfig(StrictModel):
    """Hyper-parameters in the letters of Conv-TasNet (Luo and Mesgarani, 2019, Table 1).

    Attributes:
        num_filters: N, channels of the encoder.
        filter_length: L, length of encoder and decoder filters, in samples.
        stride: hop of the encoder, in samples; null: L/2.
        bottleneck: B, channels between the blocks.
        hidden: H, channels inside of a block.
        kernel: P, taps of the depthwise convolutions.
        blocks: X, blocks of a stack; the dilation doubles from one to the next.
        skip: Sc, channels of the skip paths; 0 takes the mask from the residual path.
    """

    num_filters: Positive = 256
    filter_length: Positive = 20
    stride: Positive | None = None
    bottleneck: Positive = 256
    hidden: Positive = 512
    kernel: Annotated[int, Field(gt=1)] = 3
    blocks: Annotated[int, Field(gt=0, le=14)] = 8
    skip: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _check_hop(self) -> TasNetConfig:
        if self.hop > self.filter_length:
            raise ValueError(
                f"stride {self.hop} is longer than filter_length {self.filter_length}; "
                "samples between the frames would be lost"
            )
        return self

    @property
    def hop(self) -> int:
        """Stride in samples."""
        return self.stride or max(1, self.filter_length // 2)

    @property
    def block(self) -> BlockSizes:
        """Hyper-parameters of a block."""
        return BlockSizes(bottleneck=self.bottleneck, hidden=self.hidden, kernel=self.kernel, skip=self.skip)


class ExtractorConfig(TasNetConfig):
    """Hyper-parameters of a conditioned Conv-TasNet.

    Attributes:
        stacks: R, stacks of blocks.
        conditioned_after: number of stacks before the embedding of the clue comes in.
        embedding_dim: D, entries of the embedding.
        conditioning: how the embedding comes in: "multiplication", "addition", "concatenation", "affine", "film" or
            "factorised".
        norm: "global" over channels and time, or "cumulative" over the past for a causal network.
        causal: use past frames only, except for the encoder's own window.
        noncausal_stacks: last stacks of a causal network that see future frames all the same: a partially non-causal
            teacher of a causal student, see `teacher` of a training.
        mask: non-linearity of the mask: "relu", "sigmoid" or "linear".
    """

    stacks: Annotated[int, Field(gt=1, le=64)] = 4
    conditioned_after: Positive = 1
    embedding_dim: Positive = 256
    conditioning: str = "multiplication"
    norm: NormName = "global"
    causal: bool = False
    noncausal_stacks: Annotated[int, Field(ge=0)] = 0
    mask: Literal["relu", "sigmoid", "linear"] = "relu"

    @model_validator(mode="after")
    def _check_stacks(self) -> ExtractorConfig:
        if self.conditioned_after >= self.stacks:
            raise ValueError(
                f"conditioned_after = {self.conditioned_after} leaves no stack after the clue; "
                f"it must be less than stacks = {self.stacks}"
            )
        if self.causal and self.norm == "global":
            raise ValueError("a causal network needs norm: cumulative; global norm looks ahead")
        if self.noncausal_stacks > (self.stacks if self.causal else 0):
            raise ValueError(
                f"noncausal_stacks = {self.noncausal_stacks} must be at most stacks = {self.stacks}, and 0 without "
                "causal: true"
            )
        return self

    @property
    def streams(self) -> bool:
        """Whether no layer sees future frames."""
        return self.causal and not self.noncausal_stacks

    @property
    def lookahead_samples(self) -> int:
        """Samples after a chunk that its answer depends on: the rest of the last frame over it."""
        return self.filter_length - self.hop if self.streams else 0

    @property
    def stack_blocks(self) -> tuple[BlockSizes, ...]:
        """Hyper-parameters of the blocks of each stack."""
        ahead = replace(self.block, causal=False)
        return (self.block,) * (self.stacks - self.noncausal_stacks) + (ahead,) * self.noncausal_stacks

    @property
    def block(self) -> BlockSizes:
        """Hyper-parameters of a block."""
        return replace(super().block, norm=self.norm, causal=self.causal)


def _as_it_is(logits: Tensor) -> Tensor:
    return logits


_LEVEL_EPS = 1e-16  # far below the variance of any sound, so that the first norm takes the level away

_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "sigmoid": torch.sigmoid, "linear": _as_it_is}


class Extractor(nn.Module):
    """Encoder, mask network conditioned on an embedding, decoder.

    The mixture is normalised to unit RMS inside and the estimate scaled back, so that the network is independent of the
    level. A causal network cannot know the level of what follows: its first norm takes the level away instead. `bank`
    is the encoder and decoder, if not those of the config.
    """

    def __init__(self, config: ExtractorConfig, bank: tuple[Encoder, Decoder] | None = None) -> None:
        super().__init__()
        c = config
        self.encoder, self.decoder = bank or (
            Encoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop),
            Decoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop),
        )
        self.normalises = not c.causal
        self.norm = layer_norm(c.norm, c.num_filters, **({"eps": _LEVEL_EPS} if c.causal else {}))
        self.bottleneck = nn.Conv1d(c.num_filters, c.bottleneck, 1)
        sizes = c.stack_blocks
        self.before = nn.ModuleList(Stack(size, num_blocks=c.blocks) for size in sizes[: c.conditioned_after])
        self.conditioning = conditioning(c.conditioning, num_channels=c.bottleneck, embedding_dim=c.embedding_dim)
        self.after = nn.ModuleList(Stack(size, num_blocks=c.blocks) for size in sizes[c.conditioned_after :])
        self.output_activation = PReLU()
        self.output = nn.Conv1d(c.skip or c.bottleneck, c.num_filters, 1)
        self.activation = _ACTIVATIONS[c.mask]

    def forward(self, mixture: Tensor, lengths: Tensor, embedding: Tensor) -> Tensor:
        """Estimates [B, T] from mixtures [B, T], zeros past the lengths [B], for embeddings [B, D]."""
        return self.with_added(mixture, lengths, embedding, None)

    def with_added(self, mixture: Tensor, lengths: Tensor, embedding: Tensor, added: Tensor | None) -> Tensor:
        """As `forward`, with something [B, B', K] added to the features of each frame after the bottleneck."""
        level = rms(mixture, lengths) if self.normalises else mixture.new_ones(len(mixture), 1)
        encoded, mask = self.encoder.with_mask(mixture / level, lengths)
        gain = self.activation(self._mask_logits(encoded, embedding, mask, added=added))
        estimate: Tensor = self.decoder(apply_mask(encoded * gain, mask), num_samples=mixture.shape[-1])
        return estimate * level

    def part(self, samples: Tensor, embedding: Tensor, past: Past) -> Tensor:
        """Next part [B, T] of a stream, T a multiple of the stride, to as many samples of the estimate.

        The estimate is late by L − stride samples: a sample is complete when the last frame over it is.
        """
        encoded = self.encoder.part(samples, past)
        gain = self.activation(self._mask_logits(encoded, embedding, None, past))
        return self.decoder.part(encoded * gain, past)

    def _mask_logits(
        self,
        encoded: Tensor,
        embedding: Tensor,
        mask: Tensor | None,
        past: Past | None = None,
        added: Tensor | None = None,
    ) -> Tensor:
        features = self.bottleneck(self.norm(encoded, mask, past))
        features = apply_mask(features if added is None else features + added, mask)
        return self._logits_of(features, embedding, mask, past)

    def _logits_of(self, features: Tensor, embedding: Tensor, mask: Tensor | None, past: Past | None = None) -> Tensor:
        """Logits of the mask for features [B, B', K] after the bottleneck."""
        skips: list[Tensor] = []
        for stack in self.before:
            features, skipped = stack(features, mask, past)
            skips += [] if skipped is None else [self._conditioned(skipped, embedding, mask)]
        features = self._conditioned(features, embedding, mask)
        for stack in self.after:
            features, skipped = stack(features, mask, past)
            skips += [] if skipped is None else [skipped]
        total = torch.stack(skips).sum(dim=0) if skips else features
        logits: Tensor = self.output(self.output_activation(total))
        return logits

    def _conditioned(self, features: Tensor, embedding: Tensor, mask: Tensor | None) -> Tensor:
        return apply_mask(self.conditioning(features, embedding), mask)
