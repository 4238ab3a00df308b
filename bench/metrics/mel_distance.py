"""Distance of log-mel spectra: magnitudes alone, so that it also judges a generated phase."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ...core.mel import slaney_filters
from .protocol import MetricInfo, Signals
from .registry import METRICS
from .shared.batches import in_chunks

REVISION = "tsebench:1"
MELS = 64
WINDOW_S, HOP_S = 0.032, 0.008

_CPU_SAMPLES = 1 << 19


class _MelDistance:
    """Common part of the distances over all places and over active ones.

    Power in 64 bands of equal area on Slaney's mel scale, from 0 Hz to half the rate, in Hann windows of 32 ms centred
    on every 8 ms, in dB. Levels of both signals are raised to `range_db` below the reference's highest one.

    Args:
        range_db: dynamic range that counts.
    """

    _name: ClassVar[str]
    _description: ClassVar[str]
    _active: ClassVar[bool]

    def __init__(self, *, range_db: float = 60.0) -> None:
        self._range_db = range_db
        self.info = MetricInfo(name=self._name, unit="dB", higher_is_better=False, description=self._description)

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`mel_distance|l1|mels:64|window:32ms|hop:8ms|range:60|f64|tsebench:1`."""
        return f"{self._name}|l1|mels:{MELS}|window:32ms|hop:8ms|range:{self._range_db:g}|f64|{REVISION}"

    def compute(self, signals: Signals) -> Tensor:
        """Distance [B] in dB, float64."""
        values: Tensor = in_chunks(self._values, signals, cpu_samples=_CPU_SAMPLES)
        return values

    def _values(self, signals: Signals) -> Tensor:
        hop = max(1, round(HOP_S * signals.sample_rate_hz))
        reference, estimate = (
            mel_power(signal, sample_rate_hz=signals.sample_rate_hz) for signal in (signals.reference, signals.estimate)
        )
        frames = torch.arange(reference.shape[-1], device=reference.device)
        counted = (frames * hop < signals.lengths[:, None].to(frames.device))[:, None].expand_as(reference)
        highest = torch.where(counted, reference, 0.0).amax(dim=(1, 2), keepdim=True)
        floor = highest * 10.0 ** (-self._range_db / 10.0)
        if self._active:
            counted = counted & (reference > floor)
        distance = 10.0 * (torch.maximum(reference, floor) / torch.maximum(estimate, floor)).log10().abs()
        values: Tensor = torch.where(counted, distance, 0.0).sum(dim=(1, 2)) / counted.sum(dim=(1, 2))
        return values


class MelDistance(_MelDistance):
    """`mel_distance`: mean of |difference| in dB between the log-mel spectra of estimate and target, over all places.

    A place is a band of a frame. Where both are quieter than the range, the distance is 0: a target with pauses has
    many such places, and small values.
    """

    _name = "mel_distance"
    _description = "distance of log-mel spectra over all places"
    _active = False


class ActiveMelDistance(_MelDistance):
    """`mel_distance_active`: the same over the places where the target is within the range."""

    _name = "mel_distance_active"
    _description = "distance of log-mel spectra over the places where the target is active"
    _active = True


def mel_power(signal: Tensor, *, sample_rate_hz: int) -> Tensor:
    """Powers [B, 64, K] float64 of signals [B, T], with zeros beyond the ends."""
    length = max(2, round(WINDOW_S * sample_rate_hz))
    spectrum = torch.stft(
        signal.double(),
        length,
        max(1, round(HOP_S * sample_rate_hz)),
        window=torch.hann_window(length, dtype=torch.float64, device=signal.device),
        pad_mode="constant",
        return_complex=True,
    )
    power = spectrum.real.square() + spectrum.imag.square()
    filters = slaney_filters(MELS, n_fft=length, sample_rate_hz=sample_rate_hz)
    return torch.from_numpy(filters).to(power.device) @ power


METRICS.register("mel_distance")(MelDistance)
METRICS.register("mel_distance_active")(ActiveMelDistance)
