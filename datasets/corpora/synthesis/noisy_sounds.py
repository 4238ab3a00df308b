"""Recipes of the struck, rubbed and rushing classes, and of the background."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import sound_parts as parts
from .sound_parts import RATE_HZ, Signal


def engine(rng: Generator, length: int) -> Signal:
    """A running motor: uneven firing at 25 to 70 Hz that revs up and down, below 500 Hz."""
    idle_hz, cylinders = parts.log_uniform(rng, 25.0, 60.0), int(rng.integers(2, 5))
    revs = idle_hz * 2.0 ** (rng.uniform(0.05, 0.4) * parts.wander(rng, length, rng.uniform(0.4, 1.2)))
    revs = revs.clip(20.0, 110.0)
    # One turn of the crank fires every cylinder; unequal cylinders give the subharmonics.
    count = 12 * cylinders
    order = np.arange(1, count + 1) / cylinders
    strengths = rng.uniform(0.0, 0.35, count) / order.clip(1.0)
    strengths[cylinders - 1 :: cylinders] = 1.0 / order[cylinders - 1 :: cylinders] ** 0.6
    motor = parts.harmonics(revs / cylinders, length, strengths)
    puffs = 0.5 + 0.5 * np.sin(2.0 * np.pi * parts.phase(revs, length))
    motor += rng.uniform(0.2, 0.6) * puffs * parts.noise(rng, length, parts.band(60.0, 450.0))
    peaks = [(rng.uniform(70.0, 160.0), 60.0, 1.0), (rng.uniform(200.0, 420.0), 120.0, 0.6)]
    return 0.15 * motor + parts.formants(motor, peaks)


def footsteps(rng: Generator, length: int) -> Signal:
    """Steps: a dull heel at 60 to 140 Hz, then a scuff of the toe."""
    onsets = parts.beats(rng, length, rng.uniform(1.6, 2.8), 0.03)
    heel_hz, heel_s = rng.uniform(60.0, 140.0), rng.uniform(0.1, 0.22)
    gap = parts.seconds(rng.uniform(0.08, 0.14))
    floor = parts.band(rng.uniform(250.0, 500.0), rng.uniform(900.0, 1600.0))
    scuff_gain = rng.uniform(0.1, 0.35)
    heels = parts.impulses(length, onsets, rng.uniform(0.7, 1.0, len(onsets)))
    thuds = parts.ring(heels, heel_hz, heel_s) + 0.5 * parts.ring(heels, 1.9 * heel_hz, 0.5 * heel_s)

    def scuff(_: int) -> Signal:
        count = parts.seconds(rng.uniform(0.08, 0.16))
        return scuff_gain * rng.uniform(0.6, 1.0) * parts.hump(count, 0.3, 0.6) * parts.noise(rng, count, floor)

    return thuds + parts.place(length, onsets[onsets + gap < length] + gap, scuff)


def glass_break(rng: Generator, length: int) -> Signal:
    """Breaking glass: a crack, then a shower of shards that ring above 1.5 kHz."""
    breaks = parts.beats(rng, length, rng.uniform(0.8, 1.4), 0.1)
    spread_s, shards = rng.uniform(0.2, 0.4), int(rng.integers(30, 70))
    delays = (rng.exponential(spread_s, (len(breaks), shards)) * RATE_HZ).astype(np.int64)
    hits = (breaks[:, None] + delays).ravel()
    force = np.exp(-delays.ravel() / (RATE_HZ * 1.5 * spread_s)) * rng.uniform(0.2, 1.0, hits.size)
    inside = hits < length
    hits, force = hits[inside], force[inside]
    total = np.zeros(length)
    for _ in range(12):
        train = parts.impulses(length, hits, force * rng.exponential(1.0, len(hits)) ** 2)
        pitch_hz = 1500.0 + 3600.0 * float(rng.beta(1.0, 1.6))
        total += parts.ring(train, pitch_hz, parts.log_uniform(rng, 0.08, 0.4))
    cracks = parts.seconds(0.05)
    glass = parts.band(1200.0, 4500.0)

    def crack(_: int) -> Signal:
        return parts.decay(cracks, 0.05) * parts.noise(rng, cracks, glass)

    return total + rng.uniform(0.5, 1.5) * parts.place(length, breaks, crack)


def knock(rng: Generator, length: int) -> Signal:
    """Knuckles on a door: groups of short woody blows at 180 to 700 Hz."""
    onsets = parts.groups(rng, length, rng.uniform(3.8, 6.5), (3, 6), (0.05, 0.25))
    blows = parts.impulses(length, onsets, rng.uniform(0.6, 1.0, len(onsets)))
    wood_hz = parts.log_uniform(rng, 200.0, 420.0)
    total = np.zeros(length)
    for ratio in (1.0, rng.uniform(1.4, 1.7), rng.uniform(2.1, 2.7), rng.uniform(3.2, 4.0)):
        t60_s = rng.uniform(0.12, 0.22) / ratio**0.4
        total += parts.ring(blows, wood_hz * ratio, t60_s) / ratio
    return total


def rain(rng: Generator, length: int) -> Signal:
    """Steady rain: a hiss above 1.2 kHz with the patter of many drops."""
    hiss = parts.noise(rng, length, parts.band(rng.uniform(1200.0, 2000.0), rng.uniform(3200.0, 5500.0)))
    hiss *= 1.0 + rng.uniform(0.02, 0.1) * parts.wander(rng, length, 1.0).clip(-2.0, 2.0)
    drops = np.zeros(length)
    for _ in range(5):
        onsets = parts.scatter(rng, length, rng.uniform(10.0, 60.0))
        train = parts.impulses(length, onsets, rng.exponential(1.0, len(onsets)))
        drops += parts.ring(train, rng.uniform(1500.0, 3600.0), rng.uniform(0.01, 0.03))
    return hiss + rng.uniform(0.5, 1.5) * drops


def sawing(rng: Generator, length: int) -> Signal:
    """A hand saw: strokes to and fro, with the buzz of the teeth that speeds up and slows down."""
    rate_hz, teeth_hz = rng.uniform(0.9, 2.0), rng.uniform(70.0, 140.0)
    # A cycle is one stroke to and one fro; |sin| is the speed of the blade.
    cycle = parts.tone(rate_hz, length, rng.uniform(0.0, 1.0))
    speed, forth = np.abs(cycle), cycle > 0.0
    buzz = parts.harmonics(teeth_hz * (0.35 + 0.65 * speed), length, np.ones(24))
    rasp = (0.6 + 0.07 * buzz) * rng.standard_normal(length)
    pitch_hz = parts.log_uniform(rng, 600.0, 1200.0)
    push = parts.formants(rasp * forth, [(pitch_hz, 220.0, 1.0), (2.1 * pitch_hz, 350.0, 0.4)])
    ratio = rng.uniform(1.2, 1.5)
    pull = parts.formants(rasp * ~forth, [(ratio * pitch_hz, 260.0, 1.0), (2.9 * pitch_hz, 350.0, 0.3)])
    return speed**1.2 * (push + rng.uniform(0.5, 0.9) * pull)


def snare_drum(rng: Generator, length: int) -> Signal:
    """A drum with wires: a body near 200 Hz under a burst of broad noise, in a rhythm."""
    onsets = parts.beats(rng, length, rng.uniform(3.0, 6.5), 0.015)
    accents = np.where(np.arange(len(onsets)) % int(rng.integers(2, 5)) == 0, 1.0, 0.55)
    force = accents * rng.uniform(0.8, 1.0, len(onsets))
    strokes = parts.impulses(length, onsets, force)
    body_hz, t60_s = rng.uniform(170.0, 250.0), rng.uniform(0.12, 0.25)
    body = parts.ring(strokes, body_hz, t60_s) + 0.6 * parts.ring(strokes, 1.6 * body_hz, 0.7 * t60_s)
    wires_s = rng.uniform(0.12, 0.3)
    tail = parts.place(length, onsets, lambda n: force[n] * parts.decay(parts.seconds(wires_s), wires_s))
    wires = parts.noise(rng, length, parts.band(rng.uniform(400.0, 900.0), rng.uniform(3500.0, 6000.0), 1))
    return body + rng.uniform(0.25, 0.5) * tail * wires


def ticking(rng: Generator, length: int) -> Signal:
    """A clock: an even beat of tick and tock, two sharp clicks near 2 to 3.5 kHz."""
    onsets = parts.beats(rng, length, rng.uniform(3.5, 6.5), 0.004)
    case_hz = parts.log_uniform(rng, 2000.0, 3000.0)
    total = np.zeros(length)
    for side in (0, 1):
        beat = onsets[side::2]
        clicks = parts.impulses(length, beat, rng.uniform(0.9, 1.0, len(beat)))
        for _ in range(3):
            pitch_hz = case_hz * rng.uniform(0.85, 1.2)
            t60_s = parts.log_uniform(rng, 0.09, 0.2)
            total += rng.uniform(0.5, 1.0) * parts.ring(clicks, pitch_hz, t60_s)
    return total


def wind(rng: Generator, length: int) -> Signal:
    """Gusts of wind: a low rush whose colour moves between 150 and 900 Hz."""
    gust = parts.wander(rng, length, rng.uniform(0.5, 1.5)).clip(-2.0, 2.0)
    centre_hz = parts.log_uniform(rng, 220.0, 400.0)
    total = 0.4 * parts.noise(rng, length, parts.band(50.0, 250.0))
    for step in range(-1, 3):
        place_hz = centre_hz * 2.0 ** (0.5 * step)
        level = np.exp(-0.5 * (gust - step + 0.5) ** 2)
        total += level * parts.noise(rng, length, parts.band(0.8 * place_hz, 1.2 * place_hz, 3))
    return np.asarray(10.0 ** (rng.uniform(0.15, 0.3) * gust) * total)


def helicopter(rng: Generator, length: int) -> Signal:
    """A rotor: thumps of low noise, nine to seventeen a second."""
    blades_hz = rng.uniform(9.0, 17.0) * (1.0 + 0.03 * parts.wander(rng, length, 0.5).clip(-2.0, 2.0))
    chop = np.exp(rng.uniform(2.0, 4.0) * (parts.tone(blades_hz, length) - 1.0))
    wash = parts.noise(rng, length, parts.band(120.0, rng.uniform(600.0, 1100.0)))
    thump = parts.harmonics(blades_hz, length, np.ones(14) * np.hanning(16)[1:-1])
    whine = parts.tone(rng.uniform(900.0, 1500.0), length)
    return (chop + 0.1) * wash + 0.15 * thump + rng.uniform(0.02, 0.08) * whine


def background(rng: Generator, length: int) -> Signal:
    """Room tone: noise of one colour with broad bumps, a slow swell, and perhaps mains hum."""
    slope = rng.uniform(0.1, 1.0)
    bumps = [(parts.log_uniform(rng, 100.0, 4000.0), rng.uniform(-0.5, 1.0)) for _ in range(4)]

    def gain(frequency_hz: Signal) -> Signal:
        octave = np.log2(np.maximum(frequency_hz, 20.0) / 200.0)
        curve = -slope * octave
        for centre_hz, height in bumps:
            curve += height * np.exp(-0.5 * (octave - np.log2(centre_hz / 200.0)) ** 2)
        return np.asarray(2.0**curve * parts.band(40.0, 7000.0)(frequency_hz))

    room = parts.noise(rng, length, gain)
    room *= 1.0 + 0.08 * parts.wander(rng, length, 0.5).clip(-2.0, 2.0)
    if rng.uniform() < 0.5:
        mains_hz = float(rng.choice([50.0, 60.0]))
        strengths = rng.uniform(0.0, 1.0, 8) / np.arange(1, 9)
        room += rng.uniform(0.1, 0.5) * parts.harmonics(2.0 * mains_hz, length, strengths)
    return room
