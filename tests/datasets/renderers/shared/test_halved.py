"""Halving a rate: SciPy's own samples, to the last bit, whatever the signal is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from tsebench.datasets.renderers.shared import halved as halved_module
from tsebench.datasets.renderers.shared.halved import halved

Signal = NDArray[np.float32]


def _speech_like(length: int) -> Signal:
    """16-bit codes at a gain, with stretches of digital silence, whose products cancel to zero."""
    rng = np.random.default_rng(length)
    codes = np.rint(3000 * rng.standard_normal(length)) * (rng.random(length) < 0.7)
    codes[length // 3 : length // 2] = 0
    return codes.astype(np.float32) * np.float32(2.0**-15) * np.float32(0.7313)


SIGNALS = {
    "noise": np.random.default_rng(0).standard_normal(50_001).astype(np.float32),
    "speech": _speech_like(134_000),
    "one sample": np.float32([0.5]),
    "shorter than the filter": _speech_like(17),
    "one impulse": np.eye(1, 99, 50, dtype=np.float32)[0],
    "tiny": np.float32(1e-38) * np.random.default_rng(1).standard_normal(999).astype(np.float32),
    "silence": np.zeros(100, dtype=np.float32),
}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", SIGNALS)
def test_it_is_what_scipy_makes_to_the_last_bit(name: str, kind: type[np.float32] | type[np.float64]) -> None:
    samples = SIGNALS[name].astype(kind)
    for cut in range(min(3, len(samples))):
        expected = resample_poly(samples[cut:], 8000, 16_000)
        made = halved(samples[cut:])
        assert made.dtype == expected.dtype
        np.testing.assert_array_equal(made, expected)


def test_where_scipy_adds_up_otherwise_it_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if SciPy had another filter: the comparison at the first use tells."""

    def other(samples: Signal, up: int, down: int) -> Signal:
        resampled: Signal = resample_poly(samples, up, down, window=("kaiser", 6.0))
        return resampled

    monkeypatch.setattr(halved_module, "resample_poly", other)
    halved_module._as_scipy.cache_clear()
    try:
        np.testing.assert_array_equal(halved(SIGNALS["noise"]), other(SIGNALS["noise"], 1, 2))
    finally:
        halved_module._as_scipy.cache_clear()
