"""Small lip network for drawn mouths, which sees movement and not the face."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 16
_CONTRAST = 10.0  # movements of drawn lips are small against the range 0..1


class DrawnMouth(nn.Module):
    """Pictures, without their mean over the video, and their differences, to one feature vector for each.

    A network that sees single pictures learns the faces of the training data: subtracting the mean of the video leaves
    the movement. Pictures are scaled to 16×16; two strided 2-D convolutions, then two over time. The mean covers the
    whole video: items of a batch must have one number of pictures.
    """

    def __init__(self, *, channels: int = 24, num_features: int = 48) -> None:
        super().__init__()
        self.num_features = num_features
        self.first = nn.Conv2d(2, channels, kernel_size=5, stride=2, padding=2)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, stride=2, padding=1)
        self.over_time = nn.Conv1d(channels * (SIDE // 4) ** 2, num_features, kernel_size=3, padding=1)
        self.again = nn.Conv1d(num_features, num_features, kernel_size=3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures [B, F, H, W] in 0..1 to features [B, D, F]."""
        batch, frames = pictures.shape[:2]
        small = F.adaptive_avg_pool2d(pictures, SIDE)
        moving = (small - small.mean(dim=1, keepdim=True)) * _CONTRAST
        change = F.pad(moving[:, 1:] - moving[:, :-1], (0, 0, 0, 0, 1, 0))
        maps = torch.stack([moving, change], dim=2).flatten(0, 1)
        maps = F.relu(self.second(F.relu(self.first(maps))))
        features = maps.flatten(1).view(batch, frames, -1).transpose(1, 2)
        hidden = F.relu(self.over_time(features))
        summed: Tensor = hidden + self.again(hidden)
        return summed
