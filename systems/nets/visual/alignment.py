"""Features of pictures on the frames of an audio encoder, exact to the sample.

Picture f of a video of r pictures per second is shown from f/r to (f + 1)/r seconds and stands for the middle of that
time; a frame of an audio encoder stands for the middle of its window. Features are interpolated linearly between the
middles, and those before the first and after the last middle repeat them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class OnFrames:
    """Interpolation of features of pictures [B, D, F] at the middles of audio frames: [B, D, K].

    Args:
        counts: pictures of each video, at least 1; what follows them is not used.
        middles: [K] in pictures, 0 being the start of the first picture.
    """

    def __init__(self, counts: Sequence[int], middles: Tensor) -> None:
        last = torch.tensor(counts, device=middles.device)[:, None] - 1
        places = torch.minimum((middles[None] - 0.5).clamp_min(0.0), last.to(middles.dtype))
        self._before = torch.minimum(places.floor().long(), (last - 1).clamp_min(0))
        self._after = torch.minimum(self._before + 1, last)
        self._share = (places - self._before)[:, None]

    def __call__(self, features: Tensor) -> Tensor:
        """Features [B, D, F] to [B, D, K]."""
        return torch.lerp(
            self._at(features, self._before), self._at(features, self._after), self._share.to(features.dtype)
        )

    @staticmethod
    def _at(features: Tensor, places: Tensor) -> Tensor:
        return features.gather(2, places[:, None].expand(-1, features.shape[1], -1))


def at_rate(pictures: Tensor, *, fps: float, wanted_fps: float) -> Tensor:
    """A video [F, H, W] of `fps` pictures per second at another rate, [F', H, W], by linear interpolation in time."""
    if fps == wanted_fps:
        return pictures
    frames = max(1, round(len(pictures) * wanted_fps / fps))
    middles = (torch.arange(frames, device=pictures.device, dtype=torch.float64) + 0.5) * (fps / wanted_fps)
    flat = pictures.flatten(1).T[None]
    return OnFrames([len(pictures)], middles)(flat)[0].T.reshape(frames, *pictures.shape[1:])
