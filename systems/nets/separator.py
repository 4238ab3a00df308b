"""Blind separation: each source of a mixture on an output of its own, in any order."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from .banks import BankName, make_bank
from .conv_tasnet import TasNetConfig
from .filterbank import rms
from .tcn import Tcn, apply_mask, frame_mask


class SeparatorConfig(TasNetConfig):
    """Hyper-parameters of a separator.

    Attributes:
        num_outputs: signals that are separated, the background among them.
        filterbank: "learned", or "stft" with windows of `filter_length` at hops of `stride` (32 ms and 8 ms are usual).
        stacks: R, stacks of blocks.
        mask: non-linearity of the masks: "relu" or "sigmoid".
        mixture_consistency: make the outputs add up to the mixture.
        num_filters: N, channels of a learned filterbank.
    """

    num_outputs: Annotated[int, Field(gt=1, le=16)] = 4
    filterbank: BankName = "learned"
    stacks: Annotated[int, Field(gt=0, le=64)] = 4
    mask: Literal["relu", "sigmoid"] = "sigmoid"
    mixture_consistency: bool = True

    @model_validator(mode="after")
    def _check_stft(self) -> SeparatorConfig:
        length, hop = self.filter_length, self.hop
        if self.filterbank == "stft" and (length % 2 or length % hop or length < 2 * hop):
            raise ValueError(
                f"filter_length {length} with stride {hop}: an stft needs an even length that is "
                "2, 3, 4, ... times the stride"
            )
        return self


class Separator(nn.Module):
    """Filterbank, TCN, a mask for each output, and mixture consistency.

    The mixture is normalised to unit RMS inside and the outputs scaled back.

    Source: Kavalerov et al., "Universal sound separation", WASPAA 2019; Wisdom et al., "Differentiable
        consistency constraints for improved deep speech enhancement", ICASSP 2019.
    """

    def __init__(self, config: SeparatorConfig) -> None:
        super().__init__()
        c = config
        self.num_outputs, self.consistent = c.num_outputs, c.mixture_consistency
        self.bank = make_bank(c.filterbank, num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop)
        self.body = Tcn(
            c.block,
            channels_in=self.bank.num_channels,
            channels_out=c.num_outputs * self.bank.num_channels,
            blocks=c.blocks,
            stacks=c.stacks,
        )
        self.activation = F.relu if c.mask == "relu" else torch.sigmoid

    def forward(self, mixture: Tensor, lengths: Tensor) -> Tensor:
        """Separate mixtures [B, T] of `lengths` [B] into signals [B, N, T], zeros past each length."""
        level = rms(mixture, lengths)
        analysed = self.bank.analyse(mixture / level)
        counts = self.bank.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=analysed.shape[-1])
        if mask is not None:
            analysed = analysed * mask.to(mixture.dtype)
        logits = self.body(apply_mask(self.bank.features(analysed), mask), mask)
        count, (batch, channels, frames) = self.num_outputs, analysed.shape
        gains = self.activation(logits).to(mixture.dtype).view(batch, count, channels, frames)
        masked = (analysed[:, None] * gains).flatten(0, 1)
        signals = self.bank.synthesise(masked, num_samples=mixture.shape[-1])
        outputs = signals.view(batch, count, -1) * level[:, :, None]
        if self.consistent:
            outputs = consistent(outputs, mixture)
        inside = torch.arange(mixture.shape[-1], device=mixture.device) < lengths[:, None]
        return outputs * inside[:, None].to(outputs.dtype)


def consistent(outputs: Tensor, mixture: Tensor) -> Tensor:
    """Share the part of mixtures [B, T] that `outputs` [B, N, T] lack out equally (Wisdom et al., 2019, eq. 4)."""
    missing = mixture - outputs.sum(dim=1)
    return outputs + missing[:, None] / outputs.shape[1]
