"""Degradation `noise`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ...core.errors import ConfigError
from ..builders.shared.options import Level
from ..protocols.corpus import Samples
from ..protocols.degradation import DEGRADATIONS, Rendering, To
from ..signals.mixing import snr_gain
from ..types import Clip, Trial
from .shared.recorded import drawn_recordings
from .shared.signals import SignalDegradation

if TYPE_CHECKING:
    from ..dataset import Dataset


@DEGRADATIONS.register("noise")
class AddedNoise(SignalDegradation):
    """Additional noise, with the same samples at every level but for their gain.

    Args:
        level: power ratio of the signal to the noise, each the mean over the whole signal, pauses included; of a
            mixture that is the ratio of all that it holds to the noise.
        spectrum: "speech" is stationary noise with the spectrum of the signal itself (its phases are drawn), "white"
            has the same power at all frequencies, and "recorded" takes recordings.
        recordings: name of a corpus of noise, for `spectrum: recorded`; each signal gets one, from a random place on,
            repeated as often as it takes.
    """

    title = "signal-to-noise ratio"
    examples = (20, 0)
    unit = "dB"

    def __init__(
        self,
        *,
        level: Level,
        spectrum: Literal["speech", "white", "recorded"] = "speech",
        recordings: str | None = None,
        to: To = "mixture",
    ) -> None:
        super().__init__(to)
        if (spectrum == "recorded") != (recordings is not None):
            raise ConfigError(f"spectrum = {spectrum!r} goes with `recordings` only if it is 'recorded'; correct one")
        self._snr_db, self._spectrum, self._recordings = level, spectrum, recordings

    def clips(self, trial: Trial, of: Dataset, seed: int) -> tuple[Clip, ...]:
        """A recording of noise for each signal."""
        if self._recordings is None:
            return ()
        count = 1 if self.to == "mixture" else len(trial.clue.enrollments)
        return drawn_recordings(self._recordings, of, seed=seed, count=count)

    def degrade(self, samples: Samples, sample_rate_hz: int, of: Rendering, place: int) -> Samples:
        """The signal [T] with noise; silence stays."""
        del sample_rate_hz
        noise = self._noise(samples, of, place)
        if not (samples.any() and noise.any()):
            return samples
        noisy: Samples = samples + np.float32(snr_gain(signal=samples, noise=noise, snr_db=self._snr_db)) * noise
        return noisy

    def _noise(self, samples: Samples, of: Rendering, place: int) -> Samples:
        """Noise [T] of any level."""
        rng = of.generator("noise", place)
        length = len(samples)
        if self._spectrum == "recorded":
            clip = of.clips[min(place, len(of.clips) - 1)]
            start = int(rng.integers(len(clip)))
            recorded: Samples = np.take(clip, np.arange(start, start + length), mode="wrap")
            return recorded
        if self._spectrum == "white":
            return rng.standard_normal(length, dtype=np.float32)
        spectrum = np.abs(np.fft.rfft(samples)) * np.exp(2j * np.pi * rng.random(length // 2 + 1))
        return np.fft.irfft(spectrum, length).astype(np.float32)
