"""Sounds of a listening test: systems, mixture, hidden reference and anchor of one trial, at one level."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import signal

from ...core.errors import ConfigError
from ...datasets.signals.audio import resample, write
from ..trial_audio import RunAudio
from ..trial_signals import Samples
from .designs import ANCHOR, ANCHOR_HZ, REFERENCE

MIXTURE = "mixture"
_PEAK = 0.9
_STOP_DB, _STOP_HZ = 60.0, 4000.0


def trial_stimuli(audio: RunAudio, dataset: str, trial_id: str, systems: list[str]) -> tuple[dict[str, Samples], int]:
    """Samples [T] of every condition of a trial, and their rate in Hz.

    All have the level (RMS) of the reference, or of the mixture where there is none: a factor on an estimate says
    nothing on its quality (ITU-R BS.1534 wants equal loudness). One factor for all keeps them below full scale.

    Raises:
        ConfigError: the audio of the trial, or an estimate, is not at hand.
    """
    given, why = audio.signals(dataset, trial_id)
    if given is None:
        raise ConfigError(f"trial {trial_id!r} of {dataset!r} cannot be heard: {why}")
    rate_hz, found = given.sample_rate_hz, {MIXTURE: given.mixture}
    if given.target is not None:
        found |= {REFERENCE: given.target, ANCHOR: low_passed(given.target, rate_hz)}
    for title in systems:
        estimate = audio.estimate(dataset, title, trial_id)
        if estimate.samples is None:
            raise ConfigError(f"trial {trial_id!r} of {dataset!r}: {title!r} cannot be heard: {estimate.reason}")
        found[title] = resample(estimate.samples, from_hz=estimate.sample_rate_hz, to_hz=rate_hz)
    return _levelled(found, of=REFERENCE if given.target is not None else MIXTURE), rate_hz


def low_passed(samples: Samples, rate_hz: int) -> Samples:
    """The 3.5 kHz anchor of ITU-R BS.1534: linear phase, 60 dB down from 4 kHz on."""
    if rate_hz / 2 <= ANCHOR_HZ:
        return samples.copy()
    top = min(_STOP_HZ, 0.999 * rate_hz / 2)
    taps, beta = signal.kaiserord(_STOP_DB, (top - ANCHOR_HZ) / (0.5 * rate_hz))
    window = signal.firwin(taps | 1, 0.5 * (ANCHOR_HZ + top), window=("kaiser", beta), fs=rate_hz)
    return np.asarray(signal.fftconvolve(samples, window, mode="same"), np.float32)


def _levelled(found: Mapping[str, Samples], *, of: str) -> dict[str, Samples]:
    wanted = _rms(found[of])
    levelled = {name: samples * np.float32(wanted / max(_rms(samples), 1e-9)) for name, samples in found.items()}
    silent = {name for name, samples in found.items() if _rms(samples) < 1e-6 * max(wanted, 1e-9)}
    levelled = {name: found[name] if name in silent else samples for name, samples in levelled.items()}
    peak = max(float(np.abs(samples).max(initial=0.0)) for samples in levelled.values())
    gain = np.float32(min(1.0, _PEAK / peak) if peak else 1.0)
    return {name: samples * gain for name, samples in levelled.items()}


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def as_text(samples: Samples, rate_hz: int) -> str:
    """A 16-bit wav file in base64."""
    with tempfile.TemporaryDirectory(prefix="tsebench-sound-") as folder:
        path = Path(folder) / "sound.wav"
        write(path, samples, rate_hz, subtype="PCM_16")
        return base64.b64encode(path.read_bytes()).decode()
