"""Temporal convolutional blocks of Conv-TasNet (Luo and Mesgarani, 2019), neutral to padding.

Shapes: B items, N or H channels, K frames. `mask` is None where all signals of the batch have the same length, or [B,
1, K] with ones on the frames of each signal and zeros past its end. With a mask, statistics cover the true frames and
no padding leaks in, so that a result does not depend on the rest of the batch. Causal layers compute a stream part by
part with one `Past`, and give what they give for the whole signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .past import Past, after_past

NormName = Literal["global", "cumulative"]
_EPS = 1e-8


def frame_mask(counts: Tensor, *, num_frames: int) -> Tensor | None:
    """Mask [B, 1, K] of the first `counts` [B] frames, or None if all frames are true ones."""
    if bool((counts >= num_frames).all()):
        return None
    frames = torch.arange(num_frames, device=counts.device)
    return (frames < counts[:, None]).to(torch.get_default_dtype())[:, None]


def apply_mask(features: Tensor, mask: Tensor | None) -> Tensor:
    """Features [B, N, K] with zeros past the end of each signal."""
    return features if mask is None else features * mask.to(features.dtype)


def accumulate(total: Tensor | None, term: Tensor | None) -> Tensor | None:
    """Running sum of skip outputs; None stands for no output."""
    return term if total is None else total if term is None else total + term


class _Norm(nn.Module):
    """Gain and bias of each channel; `eps` is added to the variance."""

    def __init__(self, num_channels: int, *, eps: float = _EPS) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))


class GlobalLayerNorm(_Norm):
    """gLN: mean and variance over channels and frames (Luo and Mesgarani, 2019, eq. 7)."""

    def forward(self, features: Tensor, mask: Tensor | None, past: Past | None = None) -> Tensor:
        """Features [B, N, K] to normalised ones, both zero past the end; a TypeError in a stream."""
        if past is not None:
            raise TypeError("a global layer norm looks ahead; a stream needs the cumulative one")
        if mask is None:
            return F.group_norm(features, 1, self.weight, self.bias, self.eps)
        count = mask.sum(dim=(1, 2), keepdim=True) * features.shape[1]
        mean = features.sum(dim=(1, 2), keepdim=True, dtype=torch.float32) / count
        centred = (features - mean) * mask
        variance = centred.square().sum(dim=(1, 2), keepdim=True) / count
        scaled = centred * torch.rsqrt(variance + self.eps)
        return (scaled * self.weight[:, None] + self.bias[:, None]) * mask


class CumulativeLayerNorm(_Norm):
    """cLN: mean and variance over channels and the frames so far (eq. 9); causal."""

    def forward(self, features: Tensor, mask: Tensor | None, past: Past | None = None) -> Tensor:
        """Features [B, N, K] to normalised ones; both are zero past the end."""
        channels = features.shape[1]
        origin = features[:, :, :1].detach().mean(dim=1, keepdim=True)
        kept = None if past is None else past.take(self, fresh=F.pad(origin.double(), (0, 3)))
        if kept is not None:
            origin = kept[..., :1].to(features.dtype)
        # Around a value of the signal, since E[x²] − E[x]² loses the digits of x; sums over many frames in double.
        shifted = features - origin
        sums = shifted.sum(dim=1, keepdim=True).double().cumsum(dim=-1)
        squares = shifted.square().sum(dim=1, keepdim=True).double().cumsum(dim=-1)
        count = channels * torch.arange(1, features.shape[-1] + 1, device=features.device, dtype=torch.float64)
        if past is not None and kept is not None:
            sums, squares, count = sums + kept[..., 1:2], squares + kept[..., 2:3], count + kept[..., 3:]
            last = [part[..., -1:].expand_as(sums[..., -1:]) for part in (sums, squares, count)]
            past.keep(self, torch.cat([kept[..., :1], *last], dim=-1))
        mean = sums / count
        variance = (squares / count - mean.square()).clamp_min(0.0)
        gain = torch.rsqrt(variance + self.eps).to(features.dtype)
        scaled = (shifted - mean.to(features.dtype)) * gain
        return apply_mask(scaled * self.weight[:, None] + self.bias[:, None], mask)


def layer_norm(name: NormName, num_channels: int, *, eps: float = _EPS) -> GlobalLayerNorm | CumulativeLayerNorm:
    """Build the normalisation called `name`."""
    return (GlobalLayerNorm if name == "global" else CumulativeLayerNorm)(num_channels, eps=eps)


class PReLU(nn.Module):
    """Leaky rectifier with one learned slope a: relu(x) + a·(x − relu(x)).

    Written as an interpolation, its gradient is several times faster on a CPU than that of `nn.PReLU`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.25))

    def forward(self, features: Tensor) -> Tensor:
        """Any shape."""
        return torch.lerp(F.relu(features), features, self.weight.to(features.dtype))


class DepthwiseConv(nn.Module):
    """Dilated convolution of each channel on its own, as a sum of shifted copies.

    With P = 3 this moves less memory than the convolution of any CPU library, above all in the gradient, which
    dominates training time. See `BlockSizes` for the arguments.
    """

    def __init__(self, *, num_channels: int, kernel: int, dilation: int, causal: bool) -> None:
        super().__init__()
        reach = (kernel - 1) * dilation
        self.reach, self.causal = reach, causal
        self.dilation = dilation
        # The layout and the initial values of nn.Conv1d(groups=num_channels).
        bound = kernel**-0.5
        self.weight = nn.Parameter(torch.empty(num_channels, 1, kernel).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(num_channels).uniform_(-bound, bound))

    def forward(self, features: Tensor, past: Past | None = None) -> Tensor:
        """Features [B, H, K] to [B, H, K]; a TypeError in a stream if it sees future frames."""
        padded = self._with_context(features, past)
        num_frames = features.shape[-1]
        total = self.bias.to(features.dtype)[:, None]
        for tap, weight in enumerate(self.weight.to(features.dtype).unbind(dim=-1)):
            start = tap * self.dilation
            total = torch.addcmul(total, padded[..., start : start + num_frames], weight)
        return total

    def _with_context(self, features: Tensor, past: Past | None) -> Tensor:
        if self.causal:
            return after_past(features, frames=self.reach, layer=self, past=past)
        if past is not None:
            raise TypeError("a convolution that sees future frames cannot compute a stream")
        return F.pad(features, (self.reach // 2, self.reach - self.reach // 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSizes:
    """Hyper-parameters of a `Block`."""

    bottleneck: int  # B, channels in and out
    hidden: int  # H, channels of the depthwise convolution
    kernel: int  # P, odd unless `causal`
    norm: NormName = "global"  # "global", or "cumulative" for causal networks
    causal: bool = False  # use past frames only
    skip: int = 0  # Sc, channels of the skip output; 0 has none
    norm_eps: float = _EPS  # added to variances


class Block(nn.Module):
    """1×1, PReLU, norm, depthwise convolution (`dilation` in frames), PReLU, norm, 1×1, and the residual."""

    def __init__(self, sizes: BlockSizes, *, dilation: int) -> None:
        super().__init__()
        bottleneck, hidden, skip = sizes.bottleneck, sizes.hidden, sizes.skip
        self.widen = nn.Conv1d(bottleneck, hidden, 1)
        self.widen_activation = PReLU()
        self.widen_norm = layer_norm(sizes.norm, hidden, eps=sizes.norm_eps)
        self.depthwise = DepthwiseConv(num_channels=hidden, kernel=sizes.kernel, dilation=dilation, causal=sizes.causal)
        self.depthwise_activation = PReLU()
        self.depthwise_norm = layer_norm(sizes.norm, hidden, eps=sizes.norm_eps)
        self.residual = nn.Conv1d(hidden, bottleneck, 1)
        self.skip = nn.Conv1d(hidden, skip, 1) if skip else None

    def forward(self, features: Tensor, mask: Tensor | None, past: Past | None = None) -> tuple[Tensor, Tensor | None]:
        """Features [B, N, K] to the next features, and the skip output [B, Sc, K] if it has one."""
        residual, skipped = self.paths(self.widen(features), mask, past)
        return features + residual, skipped

    def paths(self, widened: Tensor, mask: Tensor | None, past: Past | None = None) -> tuple[Tensor, Tensor | None]:
        """Widened features [B, H, K] to the residual [B, N, K] and the skip output."""
        hidden = apply_mask(self.widen_activation(widened), mask)
        hidden = self.depthwise(self.widen_norm(hidden, mask, past), past)
        hidden = apply_mask(self.depthwise_activation(hidden), mask)
        hidden = self.depthwise_norm(hidden, mask, past)
        return self.residual(hidden), None if self.skip is None else self.skip(hidden)


class Stack(nn.Module):
    """X = `num_blocks` blocks with dilations 1, 2, 4, ..., 2^(X−1)."""

    def __init__(self, sizes: BlockSizes, *, num_blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(sizes, dilation=2**index) for index in range(num_blocks))

    def forward(self, features: Tensor, mask: Tensor | None, past: Past | None = None) -> tuple[Tensor, Tensor | None]:
        """Features [B, N, K] to the next features and the sum of the skip outputs."""
        total: Tensor | None = None
        for block in self.blocks:
            features, skipped = block(features, mask, past)
            total = accumulate(total, skipped)
        return features, total


class Tcn(nn.Module):
    """Norm, 1×1 to the bottleneck, R = `stacks` stacks of X = `blocks` blocks, PReLU, 1×1 out.

    The output is made of the sum of the skip paths, or of the residual path if there are none (Luo and Mesgarani, 2019,
    Fig. 1).
    """

    def __init__(self, sizes: BlockSizes, *, channels_in: int, channels_out: int, blocks: int, stacks: int) -> None:
        super().__init__()
        self.norm = layer_norm(sizes.norm, channels_in)
        self.bottleneck = nn.Conv1d(channels_in, sizes.bottleneck, 1)
        self.stacks = nn.ModuleList(Stack(sizes, num_blocks=blocks) for _ in range(stacks))
        self.activation = PReLU()
        self.output = nn.Conv1d(sizes.skip or sizes.bottleneck, channels_out, 1)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] to [B, channels_out, K]; both are zero past the end."""
        features = apply_mask(self.bottleneck(self.norm(features, mask)), mask)
        total: Tensor | None = None
        for stack in self.stacks:
            features, skipped = stack(features, mask)
            total = accumulate(total, skipped)
        return apply_mask(self.output(self.activation(features if total is None else total)), mask)
