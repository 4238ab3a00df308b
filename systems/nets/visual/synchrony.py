"""Synchrony network of reentry (SLSyn): audio and lips to features that say whether they belong together.

Source: Pan, Tao, Xu and Li, "Selective listening by synchronizing speech with lips", TASLP 2022, section III-B; sizes
are those of its public code (16 kHz, 25 pictures per second: two pools of 4 bring 640 samples to one picture).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..tcn import BlockSizes, Stack
from .drawn_mouth import DrawnMouth
from .resnet import LipResNet
from .temporal import widened_block

_POOL = 4
_AUDIO_BLOCKS, _JOINT_BLOCKS = 4, 2


class SynchronyNet(nn.Module):
    """Features of pictures that know the audio.

    All items of a batch must have one number of samples and of pictures.

    Args:
        num_features: D, also the channels of the audio part.
        hidden: channels inside of its temporal blocks.
        samples_per_picture: at the network's rate; a multiple of 16 that the audio part brings to one frame.
        small: drawn mouths instead of the ResNet.
    """

    def __init__(self, *, num_features: int, hidden: int, samples_per_picture: int, small: bool) -> None:
        super().__init__()
        sizes = BlockSizes(bottleneck=num_features, hidden=hidden, kernel=3)
        self.stride = samples_per_picture // _POOL**2
        self.num_features = num_features
        self.filters = nn.Conv1d(1, num_features, 2 * self.stride, stride=self.stride, padding=self.stride, bias=False)
        self.norm = nn.LayerNorm(num_features)
        self.first = Stack(sizes, num_blocks=_AUDIO_BLOCKS)
        self.second = Stack(sizes, num_blocks=_AUDIO_BLOCKS)
        self.lips: LipResNet | DrawnMouth
        self.lips = DrawnMouth(num_features=num_features) if small else LipResNet(layers=3, norm="group")
        self.join = nn.Conv1d(num_features + self.lips.num_features, num_features, 1)
        self.joint = Stack(sizes, num_blocks=_JOINT_BLOCKS)

    def forward(self, audio: Tensor, pictures: Tensor) -> Tensor:
        """Audio [B, T] and pictures [B, F, H, W] to features [B, D, F]."""
        heard = self._heard(audio, num_pictures=pictures.shape[1])
        features: Tensor = self.joint(self.join(torch.cat([heard, self.lips(pictures)], dim=1)), None)[0]
        return features

    def _heard(self, audio: Tensor, *, num_pictures: int) -> Tensor:
        """Features [B, D, F] of the audio, zeros after its end."""
        features = F.relu(self.filters(audio[:, None]))
        features = self.norm(features.transpose(1, 2)).transpose(1, 2)
        for stack in (self.first, self.second):
            features = stack(features, None)[0]
            features = F.avg_pool1d(F.pad(features, (0, -features.shape[-1] % _POOL)), _POOL)
        return F.pad(features, (0, num_pictures - features.shape[-1]))


class SynchronyHead(nn.Module):
    """Classifier of whether audio and pictures belong together, for the pre-training.

    As in the public code: the mean of each three pictures, a temporal block, the mean of each three, a temporal block,
    the mean over time, linear.
    """

    def __init__(self, num_features: int, *, hidden: int) -> None:
        super().__init__()
        self.first = widened_block(num_features, hidden)
        self.second = widened_block(num_features, hidden)
        self.output = nn.Linear(num_features, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, D, F] to logits [B], positive for "in synchrony"."""
        for block in (self.first, self.second):
            features = block(_means_of_three(features))
        logits: Tensor = self.output(features.mean(dim=-1))
        return logits[:, 0]


def _means_of_three(features: Tensor) -> Tensor:
    """Features [B, D, F] to [B, D, F/3], rounded up; the last ones repeat what is left."""
    return F.avg_pool1d(F.pad(features, (0, -features.shape[-1] % 3), mode="replicate"), 3)
