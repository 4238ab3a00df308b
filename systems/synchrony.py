"""Pre-training of reentry's synchrony network: do speech and lips belong together? (Pan, Tao, Xu and Li, TASLP 2022).

A stage of a training and no system of its own: reentry and `av_onoff` start from its checkpoint with
`start_from: {checkpoint: ..., prefix: visual.}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import ConfigError
from .nets.filterbank import rms
from .nets.visual.front_end import FrontEndConfig, front_end
from .nets.visual.synchrony import SynchronyHead
from .shared.audio_visual import check_config_rate, clues_with_video, videos_of
from .trainable import TASKS, ExtractionLoss, LossFacts, TrainBatch

NAME = "synchrony"

Pictures = Annotated[int, Field(ge=1, le=1000)]
Share = Annotated[float, Field(ge=0, le=1)]


class SynchronyConfig(FrontEndConfig):
    """Hyper-parameters; the defaults are those of reentry's public code.

    Attributes:
        least_shift: fewest pictures by which a video that is out of synchrony is early or late.
        most_shift: most pictures; half of a shorter clip at most.
        clean: share of the items in which the target speaks alone.
        foreign: share of the videos out of synchrony that are of another item of the batch, instead of shifted.
    """

    front_end: Literal["slsyn", "drawn_slsyn"] = "slsyn"
    least_shift: Pictures = 6
    most_shift: Pictures = 25
    clean: Share = 0.25
    foreign: Share = 0.0


class SynchronyClassifier(nn.Module):
    """Synchrony network and a classifier; names of weights below `front_end.` are those of a visual encoder."""

    def __init__(self, config: SynchronyConfig) -> None:
        super().__init__()
        self.config = config
        self.front_end = front_end(config)
        self.head = SynchronyHead(int(self.front_end.num_features), hidden=config.visual_hidden)

    def forward(self, audio: Tensor, pictures: Tensor) -> Tensor:
        """Audio [B, T] and pictures [B, F, H, W] to logits [B], positive for "in synchrony"."""
        logits: Tensor = self.head(self.front_end(audio, pictures))
        return logits


class SynchronyTask:
    """Learn whether a video belongs to the speech in a mixture; half of the items are in synchrony on average."""

    net_config = SynchronyConfig
    own_loss = LossFacts(name="synchrony")

    def build(self, config: SynchronyConfig, *, classes: tuple[str, ...]) -> SynchronyClassifier:
        """Network with fresh weights; sound classes are not used."""
        del classes
        return SynchronyClassifier(config)

    def loss(self, net: SynchronyClassifier, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Binary cross-entropies [B] in nats; ln 2 is that of a guess."""
        del criterion
        audio, pictures, labels = drawn_pairs(batch, net.config)
        audio = audio / rms(audio, audio.new_full((len(audio),), audio.shape[1]))  # as a network of lips gives it
        return F.binary_cross_entropy_with_logits(net(audio, pictures), labels, reduction="none")


def drawn_pairs(batch: TrainBatch, config: SynchronyConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Audio [B, T], pictures [B, F, H, W] and labels [B] (1.0: in synchrony), drawn by torch's global generator.

    All items are cut to one length: that of the shortest video, less the shift, which the batch has in common. So a
    length says nothing about the label.

    Raises:
        ConfigError: the data has another rate than the network, or a video of one picture.
    """
    queries = batch.queries
    check_config_rate(config, queries)
    videos = videos_of([clues_with_video(q, c) for q, c in zip(queries.ids, queries.clues, strict=True)], config)
    shift, count = _shift(min(videos.counts), config)
    audio, pictures, labels = [], [], []
    for row in range(len(videos)):
        together, foreign, early, alone = _draws(config)
        heard = batch.target[row] if alone else batch.mixture[row]
        shown = videos.pictures[(row + 1) % len(videos) if foreign and not together else row]
        # Whichever of both begins later in the item, what is in synchrony begins there, too.
        first = shift if early else 0
        seen_from = first if together or foreign else shift - first
        pictures.append(shown[seen_from : seen_from + count])
        audio.append(_stretch(heard, first, count, config.samples_per_picture))
        labels.append(float(together))
    return torch.stack(audio), torch.stack(pictures), _like(labels, batch.target)


def _shift(shortest: int, config: SynchronyConfig) -> tuple[int, int]:
    """The shift of a batch, and the pictures of each item."""
    if shortest < 2:
        raise ConfigError(
            "the training data has a video of one picture, which cannot be shifted; set a longer duration_s"
        )
    low, high = sorted((config.least_shift, config.most_shift))
    shift = min(low + int(torch.randint(high - low + 1, ())), shortest // 2)
    return shift, shortest - shift


def _draws(config: SynchronyConfig) -> tuple[bool, bool, bool, bool]:
    """Whether an item is in synchrony, has another item's video if not, begins at the shift, and is clean."""
    together, early = (bool(torch.randint(2, ()) == 1) for _ in range(2))
    foreign, alone = (bool(torch.rand(()) < share) for share in (config.foreign, config.clean))
    return together, foreign, early, alone


def _stretch(signal: Tensor, picture: int, count: int, samples_per_picture: int) -> Tensor:
    """The samples [T] of `count` pictures from number `picture` on, with zeros after the end of the signal."""
    cut = signal[picture * samples_per_picture : (picture + count) * samples_per_picture]
    return F.pad(cut, (0, count * samples_per_picture - len(cut)))


def _like(values: Sequence[float], signal: Tensor) -> Tensor:
    return torch.tensor(values, dtype=signal.dtype, device=signal.device)


TASKS.register(NAME)(SynchronyTask())
