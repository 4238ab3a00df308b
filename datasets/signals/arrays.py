"""Signals as Python code gives them: arrays, tensors and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...core.errors import AudioError, ConfigError
from ..microphones import MOST_CHANNELS
from .audio import Samples, read, resample

Signal = ArrayLike | str | Path
"""An array or tensor [T] or [C, T] with full scale ±1, or the path of an audio file."""


def samples_of(
    signal: Any, what: str, sample_rate_hz: int | None = None, *, at_hz: int | None = None, finite: bool = True
) -> tuple[Samples, int]:
    """Float32 samples [C, T] of an array, tensor or file, and their sample rate.

    Args:
        what: name of the argument, for messages.
        sample_rate_hz: rate of an array; a file has its own, and this is what it must be if it is given.
        at_hz: rate that the samples are resampled to.
        finite: refuse NaN and infinities.

    Raises:
        ConfigError: an array is no real signal in full scale ±1, or has no sample rate.
        AudioError: a file cannot be read, or has another rate.
    """
    if isinstance(signal, str | Path):
        samples, rate = read(Path(signal).expanduser(), finite=finite)
        if sample_rate_hz not in {None, rate}:
            raise AudioError(
                f"{what}: {str(signal)!r} is at {rate} Hz, not at sample_rate_hz = {sample_rate_hz}; leave it out"
            )
    else:
        samples, rate = _array(signal, what, finite=finite), _rate(sample_rate_hz, what)
    return (
        (samples, rate)
        if at_hz in {None, rate}
        else (resample(samples, from_hz=rate, to_hz=at_hz or rate), at_hz or rate)
    )


def _array(signal: Any, what: str, *, finite: bool) -> Samples:
    """An array or tensor as [C, T], a copy."""
    detached = signal.detach().cpu() if hasattr(signal, "detach") else signal
    try:
        found = np.asarray(detached)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what} is no array: {error}; give samples [T] or [C, T], or the path of a file") from None
    if found.dtype.kind == "O":
        raise ConfigError(f"{what} of type {type(signal).__name__} is no array; give samples [T] or [C, T], or a file")
    if found.dtype.kind != "f":
        why = "divide integers by their full scale (32768 for int16)" if found.dtype.kind in "iu" else "convert it"
        raise ConfigError(f"{what} is of type {found.dtype}, not float with full scale ±1; {why}")
    shape = list(found.shape)
    if found.ndim not in {1, 2} or not found.size:
        raise ConfigError(f"{what} has shape {shape}; give samples [T] or [C, T] (C channels, T samples)")
    if found.ndim == 2 and found.shape[0] > MOST_CHANNELS:
        turn = "transpose it" if found.shape[1] <= MOST_CHANNELS else "give one signal at a time"
        raise ConfigError(f"{what} has shape {shape}, which is {shape[0]} channels; give [T] or [C, T]: {turn}")
    if finite and not np.isfinite(found).all():
        raise ConfigError(f"{what} holds NaN or infinite samples; give finite ones")
    return np.array(found, dtype=np.float32, ndmin=2)


def _rate(sample_rate_hz: object, what: str) -> int:
    if sample_rate_hz is None:
        raise ConfigError(f"{what} is an array: add sample_rate_hz=, for example sample_rate_hz=16000")
    if isinstance(sample_rate_hz, bool) or not isinstance(sample_rate_hz, int | np.integer) or sample_rate_hz < 1:
        raise ConfigError(f"sample_rate_hz = {sample_rate_hz!r} is no rate in Hz; give a whole number such as 16000")
    return int(sample_rate_hz)
