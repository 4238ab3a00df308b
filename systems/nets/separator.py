"""Universal sound separation: every sound of a mixture to an output of its own, in any order."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.validation import StrictModel
from .banks import BankName, make_bank
from .conv_tasnet import Positive, rms
from .tcn import TcnPart, frame_mask


class SeparatorConfig(StrictModel):
    """Hyper-parameters of a separator in the letters of Conv-TasNet.

    Attributes:
        num_outputs: sounds that can be told apart, the background among them.
        filterbank: "learned", or "stft" (32 ms windows at hops of 8 ms are usual).
        num_filters: N of a learned filterbank.
        filter_length: L, in samples.
        stride: in samples; L/2 unless set.
        bottleneck: B.
        hidden: H.
        kernel: P.
        blocks: X, in a stack.
        stacks: R.
        skip: Sc; 0 has no skip paths.
        mask: non-linearity of the masks.
        mixture_consistency: outputs are made to add up to the mixture.
    """

    num_outputs: Annotated[int, Field(gt=1, le=16)] = 4
    filterbank: BankName = "learned"
    num_filters: Positive = 256
    filter_length: Positive = 20
    stride: Positive | None = None
    bottleneck: Positive = 256
    hidden: Positive = 512
    kernel: Annotated[int, Field(gt=1)] = 3
    blocks: Annotated[int, Field(gt=0, le=14)] = 8
    stacks: Annotated[int, Field(gt=0, le=64)] = 4
    skip: Annotated[int, Field(ge=0)] = 0
    mask: Literal["relu", "sigmoid"] = "sigmoid"
    mixture_consistency: bool = True

    @model_validator(mode="after")
    def _check(self) -> SeparatorConfig:
        length, hop = self.filter_length, self.hop
        if hop > length:
            raise ValueError(
                f"stride {hop} is longer than filter_length {length}; "
                "samples between the frames would be lost"
            )
        if self.filterbank == "stft" and (length % 2 or length % hop or length < 2 * hop):
            raise ValueError(
                f"filter_length {length} with stride {hop}: an stft needs an even length that is "
                "2, 3, 4, ... times the stride"
            )
        return self

    @property
    def hop(self) -> int:
        """Stride in samples."""
        return self.stride or max(1, self.filter_length // 2)


class Separator(nn.Module):
    """Filterbank, TCN, a mask for each output, and mixture consistency.

    The mixture is brought to unit RMS inside and the outputs back to its level.

    Source: Kavalerov et al., "Universal sound separation", WASPAA 2019; Wisdom et al.,
        "Differentiable consistency constraints for improved deep speech enhancement", ICASSP 2019.
    """

    def __init__(self, config: SeparatorConfig) -> None:
        super().__init__()
        c = config
        self.num_outputs, self.consistent = c.num_outputs, c.mixture_consistency
        self.bank = make_bank(
            c.filterbank, num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop
        )
        self.body = TcnPart(
            channels_in=self.bank.num_channels,
            channels_out=c.num_outputs * self.bank.num_channels,
            bottleneck=c.bottleneck,
            hidden=c.hidden,
            kernel=c.kernel,
            blocks=c.blocks,
            stacks=c.stacks,
            skip=c.skip,
        )
        self.activation = F.relu if c.mask == "relu" else torch.sigmoid

    def forward(self, mixture: Tensor, lengths: Tensor) -> Tensor:
        """Separate.

        Args:
            mixture: [B, T], zeros past each length.
            lengths: [B].

        Returns:
            [B, N, T], zeros past each length.
        """
        level = rms(mixture, lengths)
        analysed = self.bank.analyse(mixture / level)
        counts = self.bank.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=analysed.shape[-1])
        if mask is not None:
            analysed = analysed * mask.to(mixture.dtype)
        features = self.bank.features(analysed)
        logits = self.body(features if mask is None else features * mask.to(features.dtype), mask)
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
    """The nearest signals [B, N, T] to `outputs` that add up to mixtures [B, T].

    What is missing is shared out equally, the projection of Wisdom et al. (2019), eq. 4.
    """
    missing = mixture - outputs.sum(dim=1)
    return outputs + missing[:, None] / outputs.shape[1]
