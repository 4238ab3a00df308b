"""Voice activity of a clean signal on the frames of an encoder, and the loss of networks that estimate it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .filterbank import Encoder
from .visual.alignment import OnFrames

_WINDOW_S = 0.03
_RANGE_DB = 40.0
_SILENT_DB = -80.0


def voice_activity(signal: Tensor, middles: Tensor, *, sample_rate_hz: int) -> Tensor:
    """Frames of signals [B, T] in which someone speaks: [B, K] of 0.0 and 1.0.

    A frame is active if the power of the 30 ms around its middle (`middles` [K], in samples) is at most 40 dB below the
    loudest frame's and above −80 dB re full scale.
    """
    half = round(_WINDOW_S * sample_rate_hz / 2)
    summed = F.pad(signal.double().square().cumsum(dim=-1), (1, 0))
    last = signal.shape[-1]
    ends, starts = ((middles.round().long() + shift).clamp(0, last) for shift in (half, -half))
    power = (summed[:, ends] - summed[:, starts]) / (2 * half)
    level_db = 10.0 * torch.log10(power.clamp_min(1e-20))
    loudest_db = level_db.amax(dim=-1, keepdim=True)
    active = (level_db > loudest_db - _RANGE_DB) & (level_db > _SILENT_DB)
    return active.to(signal.dtype)


def activity_over_time(
    logits: Tensor, lengths: Tensor, encoder: Encoder, *, frames: int, samples_per_frame: float
) -> Tensor:
    """Probabilities [B, F] at the middles of `frames` equal frames of time.

    Args:
        logits: [B, K] of the voice activity on the encoder's frames; a logit stands for the middle of its frame.
        lengths: [B] of the signals, in samples; what follows them repeats their last frame.
        samples_per_frame: length of a frame of time.
    """
    middles = (torch.arange(frames, device=logits.device, dtype=torch.float64) + 0.5) * samples_per_frame
    first = encoder.filter_length / 2 - encoder.before
    counts = encoder.frame_counts(lengths.clamp_min(1)).tolist()
    return OnFrames(counts, (middles - first) / encoder.stride + 0.5)(logits.sigmoid()[:, None])[:, 0]


def activity_losses(activity: Sequence[Tensor], clean: Tensor, encoder: Encoder, *, sample_rate_hz: int) -> Tensor:
    """Mean cross-entropy [B] over frames and stacks.

    Args:
        activity: logits [B, K] of the voice activity in `clean` on the encoder's frames, one for each stack.
        clean: speech [B, T] of the speaker.
    """
    middles = encoder.frame_middles(clean.shape[-1], device=clean.device)
    wanted = voice_activity(clean, middles, sample_rate_hz=sample_rate_hz)
    terms = [F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=-1) for logits in activity]
    return torch.stack(terms).mean(dim=0)
