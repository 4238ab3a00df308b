"""Lip networks with a 3-D convolution and a ResNet, in the layout of the public weights.

Sources: Afouras et al., "Deep audio-visual speech recognition", TPAMI 2018; MuSE (Pan, Tao, Xu and Li, ICASSP 2021)
reads 112×112 grey pictures, normalised by mean 0.4161 and deviation 0.1688, with an 18-layer ResNet of 512 features;
the synchrony network of reentry (Pan, Tao, Xu and Li, TASLP 2022) has three layers, group norms and 256 features.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

NormName = Literal["batch", "group"]
MEAN, DEVIATION = 0.4161, 0.1688
FULL_SIDE = 112

_CHANNELS = (64, 128, 256, 512)


class LipResNet(nn.Module):
    """Pictures of lips to one feature vector for each.

    Args:
        layers: 4 with 512 features, or 3 with 256.
        norm: "batch" with the constants of the public weights, or "group" with one group. A group norm of the 3-D part
            covers the whole video: items of a batch must have one number of pictures.
    """

    def __init__(self, *, layers: Literal[3, 4], norm: NormName) -> None:
        super().__init__()
        self.num_features = _CHANNELS[layers - 1]
        first = _CHANNELS[0]
        self.frontend3D = nn.Sequential(
            nn.Conv3d(1, first, kernel_size=(5, 7, 7), stride=(1, 2, 2), padding=(2, 3, 3), bias=False),
            nn.GroupNorm(1, first, eps=1e-8) if norm == "group" else nn.BatchNorm3d(first, momentum=0.01, eps=1e-3),
            nn.ReLU(),
            nn.MaxPool3d(kernel_size=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        )
        self.resnet = nn.Module()
        before = (first, *_CHANNELS)
        for number in range(layers):
            layer = _ResNetLayer(before[number], _CHANNELS[number], stride=1 if number == 0 else 2, norm=norm)
            self.resnet.add_module(f"layer{number + 1}", layer)
        # reentry halves between its layers; both end with one vector for a picture of 112×112.
        self._pools = norm == "group"

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures [B, F, H, W] in 0..1 to features [B, D, F]."""
        batch, frames = pictures.shape[:2]
        normalised = (pictures - MEAN) / DEVIATION
        maps = self.frontend3D(normalised[:, None]).transpose(1, 2).flatten(0, 1)
        layers = list(self.resnet.children())
        for number, layer in enumerate(layers):
            maps = layer(maps)
            if self._pools and number < len(layers) - 1 and min(maps.shape[-2:]) >= 2:
                maps = F.avg_pool2d(maps, 2)
        pooled: Tensor = maps.mean(dim=(-2, -1)).view(batch, frames, -1).transpose(1, 2)
        return pooled


class _ResNetLayer(nn.Module):
    """Two residual pairs of 3×3 convolutions, normalised after the sums."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int, norm: NormName) -> None:
        super().__init__()
        self.conv1a = _conv(channels_in, channels_out, stride=stride)
        self.bn1a = _norm(norm, channels_out)
        self.conv2a = _conv(channels_out, channels_out)
        # The public layout has it in every layer, and uses it only where the size changes.
        self.downsample = nn.Conv2d(channels_in, channels_out, kernel_size=1, stride=stride, bias=False)
        self.outbna = _norm(norm, channels_out)
        self.conv1b = _conv(channels_out, channels_out)
        self.bn1b = _norm(norm, channels_out)
        self.conv2b = _conv(channels_out, channels_out)
        self.outbnb = _norm(norm, channels_out)
        self._same_size = stride == 1

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [N, C, H, W] to maps [N, C', H/stride, W/stride]."""
        shortcut = maps if self._same_size else self.downsample(maps)
        first = self.conv2a(F.relu(self.bn1a(self.conv1a(maps)))) + shortcut
        second = self.conv2b(F.relu(self.bn1b(self.conv1b(F.relu(self.outbna(first)))))) + first
        return F.relu(self.outbnb(second))


def _conv(channels_in: int, channels_out: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False)


def _norm(name: NormName, channels: int) -> nn.Module:
    if name == "group":
        return nn.GroupNorm(1, channels, eps=1e-8)
    return nn.BatchNorm2d(channels, momentum=0.01, eps=1e-3)
