"""The steered beamformer on plane waves with known directions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tsebench.core.errors import ConfigError
from tsebench.core.ratios import snr_db
from tsebench.core.validation import call_with
from tsebench.datasets.batches import collate
from tsebench.datasets.types import Clues, Direction, Query
from tsebench.systems.protocol import Extraction, System
from tsebench.systems.registry import SYSTEMS, load_system

RATE_HZ = 8000
POSITIONS = [[-0.06, 0.0, 0.0], [0.0, 0.03, 0.0], [0.06, 0.0, 0.02], [0.0, -0.05, 0.0]]
T = torch.Tensor


def system(**options: Any) -> System:
    found = load_system("steered_mvdr", positions_m=POSITIONS, **options)
    assert isinstance(found, System)
    return found


def wave(azimuth_deg: float, elevation_deg: float = 0.0, *, seed: int = 0) -> T:
    """Noise below 3 kHz from far away at all microphones [C, T], by its exact spectrum."""
    length = RATE_HZ
    spectrum = torch.fft.rfft(torch.randn(length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    frequencies = torch.fft.rfftfreq(length, 1 / RATE_HZ, dtype=torch.float64)
    spectrum[frequencies > 3000] = 0
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    # Left is −x, ahead is y; a microphone nearer to the source hears it earlier.
    towards = (-math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation), math.sin(elevation))
    early_s = [sum(a * b for a, b in zip(place, towards, strict=True)) / 343.0 for place in POSITIONS]
    return torch.stack([torch.fft.irfft(spectrum * torch.exp(2j * math.pi * frequencies * s), length) for s in early_s])


def middle_snr_db(estimate: T, reference: T) -> float:
    """SNR without the ends, where a wave is cut off."""
    cut = slice(RATE_HZ // 8, -RATE_HZ // 8)
    return float(snr_db(estimate=estimate.double()[cut], reference=reference[cut]))


def answer(mixture: T, direction: Direction | None, *, reference: int = 0, **options: Any) -> Extraction:
    clues = Clues(direction=direction)
    query = Query(id="q", mixture=mixture.float(), sample_rate_hz=RATE_HZ, clues=clues, reference_channel=reference)
    return system(**options).extract(collate([query]))


@pytest.mark.parametrize("interference", ["diffuse", "mixture"])
@pytest.mark.parametrize(("azimuth", "elevation", "reference"), [(50.0, 0.0, 0), (-120.0, 35.0, 2)])
def test_a_wave_from_the_direction_passes_unchanged(
    interference: str, azimuth: float, elevation: float, reference: int
) -> None:
    target = wave(azimuth, elevation)
    there = Direction(azimuth_deg=azimuth, elevation_deg=elevation)
    passed = answer(target, there, reference=reference, interference=interference).estimate[0]
    assert middle_snr_db(passed, target[reference]) > 50.0
    mirrored = Direction(azimuth_deg=-azimuth, elevation_deg=elevation)
    other = answer(target, mirrored, reference=reference, interference=interference).estimate[0]
    assert middle_snr_db(other, target[reference]) < 10.0


@pytest.mark.parametrize("interference", ["diffuse", "mixture"])
def test_other_directions_are_suppressed(interference: str) -> None:
    # Delay and sum reaches 8 dB here.
    target, other = wave(40.0, seed=0), wave(-60.0, seed=1)
    estimate = answer(target + other, Direction(azimuth_deg=40.0), interference=interference, loading=1e-3).estimate[0]
    assert abs(middle_snr_db((target + other)[0], target[0])) < 0.5
    assert middle_snr_db(estimate, target[0]) > 12.0


def test_much_loading_is_delay_and_sum() -> None:
    target = wave(40.0)
    own = torch.randn(4, RATE_HZ, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    estimate = answer(target + own, Direction(azimuth_deg=40.0), interference="diffuse", loading=1e6).estimate[0]
    gain_db = middle_snr_db(estimate, target[0]) - middle_snr_db((target + own)[0], target[0])
    assert gain_db == pytest.approx(10 * math.log10(4), abs=0.3)


def test_a_query_without_direction_fails_alone_and_silence_stays_silent() -> None:
    assert "no direction" in answer(wave(0.0), None).failures["q"]
    assert not answer(torch.zeros(4, 800), Direction(azimuth_deg=0.0)).estimate[0].any()


def test_arrays_that_cannot_be_steered_are_refused() -> None:
    make = SYSTEMS.get("steered_mvdr")
    with pytest.raises(ConfigError, match="two microphones at one place"):
        call_with(make, {"positions_m": [[0, 0, 0], [0, 0, 0]]}, where="s")
    with pytest.raises(ConfigError, match="positions_m"):
        call_with(make, {"positions_m": [[0, 0, 0]]}, where="s")
