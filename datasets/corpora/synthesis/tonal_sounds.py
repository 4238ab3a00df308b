"""Recipes of the pitched classes: animals' calls, instruments, alarms."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import sound_parts as parts
from .sound_parts import RATE_HZ, Signal

# Partials of a church bell relative to its prime, from hum to upper octave.
_BELL_RATIOS = (0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.1)
_MAJOR_STEPS = (0, 2, 4, 5, 7, 9, 11, 12)


def bell(rng: Generator, length: int) -> Signal:
    """Strokes of a bell: inharmonic partials with long, pitch-dependent decays."""
    prime_hz, t60_s = parts.log_uniform(rng, 320.0, 850.0), parts.log_uniform(rng, 1.2, 4.0)
    onsets = parts.beats(rng, length, parts.log_uniform(rng, 0.7, 2.2), 0.03)
    strokes = parts.impulses(length, onsets, rng.uniform(0.6, 1.0, len(onsets)))
    total = np.zeros(length)
    for ratio in _BELL_RATIOS:
        gain = rng.uniform(0.3, 1.0) / (1.0 + 0.3 * ratio)
        frequency_hz = prime_hz * ratio * rng.uniform(0.99, 1.01)
        total += gain * parts.ring(strokes, frequency_hz, t60_s / ratio**0.7)
    return total


def bird_chirp(rng: Generator, length: int) -> Signal:
    """Phrases of fast sweeps between 1.7 and 3.7 kHz, of two alternating syllables."""
    onsets = parts.groups(rng, length, rng.uniform(4.5, 9.0), (3, 9), (0.05, 0.35))
    kinds = [(rng.uniform(1700.0, 3700.0), rng.uniform(1700.0, 3700.0), rng.uniform(0.05, 0.14)) for _ in range(2)]
    bend, tremor_hz = rng.uniform(-500.0, 500.0), rng.uniform(20.0, 50.0)

    def syllable(number: int) -> Signal:
        first_hz, last_hz, duration_s = kinds[number % 2]
        count = parts.seconds(duration_s * rng.uniform(0.85, 1.15))
        x = np.linspace(0.0, 1.0, count)
        curve_hz = first_hz + (last_hz - first_hz) * x + bend * np.sin(np.pi * x)
        curve_hz += 60.0 * np.sin(2.0 * np.pi * tremor_hz * x * duration_s)
        curve_hz = curve_hz.clip(1400.0, 3750.0)
        voice = parts.tone(curve_hz, count) + 0.1 * parts.tone(2.0 * curve_hz, count)
        return rng.uniform(0.6, 1.0) * parts.hump(count, 0.3, 0.5) * voice

    return parts.place(length, onsets, syllable)


def crow(rng: Generator, length: int) -> Signal:
    """Harsh caws: rough harmonics around 1 to 1.7 kHz, a third of a second each."""
    pitch_hz, duration_s = parts.log_uniform(rng, 320.0, 560.0), rng.uniform(0.25, 0.5)
    onsets = parts.beats(rng, length, rng.uniform(0.75, 0.95) / duration_s * 0.75, 0.05)
    throat = [
        (rng.uniform(900.0, 1450.0), 260.0, 1.0),
        (rng.uniform(1500.0, 2100.0), 320.0, rng.uniform(0.5, 0.9)),
        (rng.uniform(2500.0, 3200.0), 500.0, 0.25),
    ]
    rough_hz = rng.uniform(55.0, 95.0)

    def caw(_: int) -> Signal:
        count = parts.seconds(duration_s * rng.uniform(0.85, 1.15))
        x = np.linspace(0.0, 1.0, count)
        f0_hz = pitch_hz * (0.85 + 0.25 * np.sin(np.pi * x**0.7))
        f0_hz *= 1.0 + 0.03 * parts.wander(rng, count, 120.0).clip(-3.0, 3.0)
        rough = 1.0 + 0.6 * parts.tone(rough_hz * rng.uniform(0.9, 1.1), count)
        voice = parts.harmonics(f0_hz, count, 1.0 / np.arange(1, 16) ** 0.4) * rough
        voice += rng.uniform(0.2, 0.6) * rng.standard_normal(count)
        return rng.uniform(0.7, 1.0) * parts.hump(count, 0.15, 0.3) * voice

    return parts.formants(parts.place(length, onsets, caw), throat)


def dog_bark(rng: Generator, length: int) -> Signal:
    """Barks: a hard start, a pitch that jumps up and falls, a throat at 400 to 1000 Hz."""
    pitch_hz, duration_s = parts.log_uniform(rng, 150.0, 400.0), rng.uniform(0.13, 0.22)
    onsets = parts.groups(rng, length, rng.uniform(2.6, 4.2), (1, 4), (0.0, 0.25))
    throat = [
        (pitch_hz * rng.uniform(1.0, 1.4), 150.0, 0.5),
        (rng.uniform(420.0, 950.0), 180.0, 1.0),
        (rng.uniform(1000.0, 1600.0), 250.0, rng.uniform(0.2, 0.6)),
    ]

    def bark(_: int) -> Signal:
        count = parts.seconds(duration_s * rng.uniform(0.85, 1.2))
        x = np.linspace(0.0, 1.0, count)
        f0_hz = pitch_hz * (0.8 + 0.6 * np.sin(np.pi * x**0.6)) * rng.uniform(0.93, 1.07)
        voice = parts.harmonics(f0_hz, count, 1.0 / np.arange(1, 21) ** 0.7)
        voice += rng.uniform(0.3, 0.7) * rng.standard_normal(count) * parts.decay(count, duration_s)
        return rng.uniform(0.6, 1.0) * parts.hump(count, 0.08, 0.6) * voice

    return parts.formants(parts.place(length, onsets, bark), throat)


def flute(rng: Generator, length: int) -> Signal:
    """A slow melody: few harmonics, vibrato, and breath around the note."""
    tonic_hz, tempo_hz = parts.log_uniform(rng, 520.0, 880.0), rng.uniform(1.2, 3.5)
    vibrato = 1.0 + rng.uniform(0.002, 0.012) * parts.tone(rng.uniform(4.5, 6.5), length)
    strengths = [1.0, rng.uniform(0.1, 0.5), rng.uniform(0.03, 0.2), 0.03]
    onsets = parts.beats(rng, length, tempo_hz, 0.04)
    ends = [*onsets[1:], length]

    def note(number: int) -> Signal:
        count = max(parts.seconds(0.08), int(ends[number] - onsets[number]))
        f0_hz = tonic_hz * 2.0 ** (rng.choice(_MAJOR_STEPS) / 12.0)
        bend = vibrato[onsets[number] : onsets[number] + count]
        bend = np.pad(bend, (0, count - len(bend)), mode="edge")
        voice = parts.harmonics(f0_hz * bend, count, strengths)
        breath = parts.noise(rng, count, parts.band(0.8 * f0_hz, 1.6 * f0_hz))
        return parts.hump(count, 0.12, 0.15) * (voice + rng.uniform(0.02, 0.1) * breath)

    return parts.place(length, onsets, note)


def phone_ring(rng: Generator, length: int) -> Signal:
    """An electronic ringer: two tones in quick turns, in bursts with short pauses."""
    low_hz, ratio = parts.log_uniform(rng, 700.0, 1300.0), rng.uniform(1.18, 1.35)
    turns = parts.tone(rng.uniform(9.0, 22.0), length, rng.uniform(0.0, 1.0))
    f0_hz = np.where(turns > 0.0, low_hz, low_hz * ratio)
    odd = np.array([1.0, 0.0, rng.uniform(0.1, 0.35), 0.0, rng.uniform(0.02, 0.1)])
    ringer = parts.harmonics(f0_hz, length, odd)
    burst = parts.seconds(rng.uniform(0.5, 1.2))
    onsets = parts.beats(rng, length, RATE_HZ / (burst * rng.uniform(1.25, 1.6)), 0.0)
    gate = parts.place(length, onsets, lambda _: parts.hump(burst, 0.02, 0.04))
    return ringer * gate


def siren(rng: Generator, length: int) -> Signal:
    """A wail: the pitch sweeps up and down, slowly (wail) or fast (yelp)."""
    low_hz = parts.log_uniform(rng, 380.0, 600.0)
    octaves = rng.uniform(0.7, 1.3)
    sweep = parts.tone(parts.log_uniform(rng, 0.25, 2.5), length, rng.uniform(0.0, 1.0))
    # Sharpening the sine towards a triangle keeps the ends of the sweep from dwelling.
    shape = 0.5 + np.arcsin(rng.uniform(0.6, 0.999) * sweep) / np.pi
    slope = rng.uniform(1.0, 2.0)
    return parts.harmonics(low_hz * 2.0 ** (octaves * shape), length, 1.0 / np.arange(1, 7) ** slope)


def baby_cry(rng: Generator, length: int) -> Signal:
    """Long wails of a baby: arched pitch, full harmonics, an open mouth."""
    pitch_hz, duration_s = parts.log_uniform(rng, 340.0, 520.0), rng.uniform(0.6, 1.2)
    onsets = parts.beats(rng, length, 1.0 / (duration_s * rng.uniform(1.1, 1.4)), 0.03)
    mouth = [
        (rng.uniform(900.0, 1250.0), 250.0, 1.0),
        (rng.uniform(1900.0, 2400.0), 350.0, 0.5),
        (rng.uniform(3000.0, 3500.0), 400.0, 0.4),
    ]

    def cry(_: int) -> Signal:
        count = parts.seconds(duration_s * rng.uniform(0.8, 1.1))
        x = np.linspace(0.0, 1.0, count)
        f0_hz = pitch_hz * (0.8 + 0.35 * np.sin(np.pi * x**0.6))
        f0_hz *= 1.0 + 0.015 * parts.tone(rng.uniform(5.0, 8.0), count)
        voice = parts.harmonics(f0_hz, count, 1.0 / np.arange(1, 16) ** 0.8)
        return rng.uniform(0.7, 1.0) * parts.hump(count, 0.12, 0.3) * voice

    return parts.formants(parts.place(length, onsets, cry), mouth)


def bubbles(rng: Generator, length: int) -> Signal:
    """Bubbles in water: scattered, quickly damped blips whose pitch rises."""
    onsets = parts.scatter(rng, length, rng.uniform(9.0, 25.0))
    centre_hz = parts.log_uniform(rng, 400.0, 1000.0)

    def blip(_: int) -> Signal:
        t60_s = parts.log_uniform(rng, 0.05, 0.15)
        count = parts.seconds(t60_s)
        rise = 1.0 + rng.uniform(0.2, 0.9) * np.linspace(0.0, 1.0, count)
        pitch_hz = centre_hz * 2.0 ** rng.normal(0.0, 0.45)
        return rng.uniform(0.3, 1.0) * parts.decay(count, t60_s) * parts.tone(pitch_hz * rise, count)

    return parts.place(length, onsets, blip)


def cricket(rng: Generator, length: int) -> Signal:
    """A cricket: short pulses of one high pitch, in chirps of three to six."""
    pitch_hz, pulse_hz = rng.uniform(2500.0, 3600.0), rng.uniform(22.0, 38.0)
    onsets = parts.groups(rng, length, pulse_hz, (3, 6), (0.1, 0.3))
    count = parts.seconds(0.75 / pulse_hz)

    def pulse(_: int) -> Signal:
        start = float(rng.uniform(0.0, 1.0))
        return rng.uniform(0.8, 1.0) * parts.hump(count, 0.4, 0.5) * parts.tone(pitch_hz, count, start)

    return parts.place(length, onsets, pulse)
