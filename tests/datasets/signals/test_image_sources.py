"""Impulse responses against closed forms: arrival times, 1/r, one reflection at each wall, decay of a room."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tsebench.datasets.microphones import Microphones
from tsebench.datasets.signals.image_sources import SPEED_OF_SOUND_M_S, at_microphones, impulse_responses

RATE_HZ = 16000


def test_in_the_open_the_reference_hears_the_recording_and_others_a_delayed_weaker_one() -> None:
    microphones = Microphones(positions_m=((0.0, 0.0, 0.0), (0.3, 0.4, 0.0)))
    source = (3.0, 4.0, 0.0)  # 5 m and 4.5 m away
    responses, centre = impulse_responses(microphones, source, reference=0, sample_rate_hz=RATE_HZ)
    time_s = np.arange(4000) / RATE_HZ
    tone = np.sin(2 * np.pi * 1000.0 * time_s).astype(np.float32)
    first, second = at_microphones(tone, responses, centre)
    assert np.abs(first - tone).max() < 1e-6
    earlier_s = 0.5 / SPEED_OF_SOUND_M_S
    expected = 5.0 / 4.5 * np.sin(2 * np.pi * 1000.0 * (time_s + earlier_s))
    assert np.abs(second - expected)[100:-100].max() < 2e-3


def test_kernels_keep_delays_up_to_09_of_nyquist() -> None:
    microphones = Microphones(positions_m=((0.0, 0.0, 0.0), (0.0, 0.0103, 0.0)))
    responses, centre = impulse_responses(microphones, (0.0, 2.0, 0.0), reference=0, sample_rate_hz=RATE_HZ)
    frequency = 0.9 * RATE_HZ / 2
    phase = np.exp(-2j * np.pi * frequency / RATE_HZ * (np.arange(responses.shape[-1]) - centre))
    found = responses[1] @ phase
    expected = 2.0 / (2.0 - 0.0103) * np.exp(2j * np.pi * frequency * 0.0103 / SPEED_OF_SOUND_M_S)
    assert 20 * math.log10(abs(found - expected)) < -50


def test_first_order_is_the_direct_sound_and_six_mirror_images() -> None:
    size, place, ear, reflection = (5.0, 6.0, 3.0), (1.0, 2.0, 1.2), (3.0, 2.5, 1.5), 0.7
    microphones = Microphones(positions_m=(ear, ear), room_m=size, reflection=reflection, order=1)
    responses, centre = impulse_responses(microphones, place, reference=0, sample_rate_hz=RATE_HZ)
    images = [(place, 1.0)]
    for axis in range(3):
        for wall in (0.0, size[axis]):
            mirrored = list(place)
            mirrored[axis] = 2 * wall - place[axis]
            images.append((tuple(mirrored), reflection))
    direct = math.dist(place, ear)
    for frequency in (200.0, 3000.0):
        omega = 2 * np.pi * frequency
        found = responses[0] @ np.exp(-1j * omega / RATE_HZ * (np.arange(responses.shape[-1]) - centre))
        delays = [(math.dist(image, ear) - direct) / SPEED_OF_SOUND_M_S for image, _ in images]
        gains = [gain * direct / math.dist(image, ear) for image, gain in images]
        expected = sum(g * np.exp(-1j * omega * d) for g, d in zip(gains, delays, strict=True))
        assert found == pytest.approx(expected, abs=2e-3)


def test_a_room_decays_as_its_reverberation_time_says() -> None:
    """From 3 to 13 dB below the beginning takes a sixth of T60; Eyring's formula is short by up to a half."""
    size, rt60_s = (4.0, 5.0, 3.0), 0.25
    volume, surface = 60.0, 2 * (20.0 + 15.0 + 12.0)
    reflection = math.exp(-0.5 * 0.161 * volume / (surface * rt60_s))
    microphones = Microphones(positions_m=((1.8, 2.0, 1.5),), room_m=size, reflection=reflection, order=12)
    responses, centre = impulse_responses(microphones, (2.9, 3.1, 1.4), reference=0, sample_rate_hz=8000)
    left = np.cumsum(responses[0, centre:][::-1] ** 2)[::-1]
    decay_db = 10 * np.log10(left[left > 0] / left[0])
    first, last = (int(np.argmax(decay_db < level)) for level in (-3.0, -13.0))
    assert rt60_s <= 6 * (last - first) / 8000 <= 1.5 * rt60_s
