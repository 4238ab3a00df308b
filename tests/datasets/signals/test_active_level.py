"""Active speech level: closed forms, a second implementation, and the published levels of WSJ0."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.paths import SHARED
from numpy.typing import NDArray
from scipy.optimize import brentq

from tsebench.datasets.builders.shared.wsj0.mixture_lists import read_levels, read_mixtures
from tsebench.datasets.signals.active_level import ActiveLevel, active_level

LISTS = SHARED / "wsj0_mix" / "metadata"
WSJ0 = {"high_pass_hz": 200.0, "thresholds_per_octave": 2}

Signal = NDArray[np.float64]


def _sine(seconds: float, *, level_db: float, rate_hz: int = 8000, hz: float = 437.0) -> Signal:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    amplitude = math.sqrt(2) * 10 ** (level_db / 20)
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * time_s))


def _speech(seconds: float, seed: int, rate_hz: int = 8000) -> Signal:
    """Noise in bursts and pauses of 0.1 to 0.6 s, at levels 12 dB apart."""
    rng = np.random.default_rng(seed)
    parts: list[Signal] = []
    while sum(map(len, parts)) < seconds * rate_hz:
        burst = rng.standard_normal(round(rng.uniform(0.1, 0.6) * rate_hz))
        parts += [burst * 10 ** (rng.uniform(-42, -30) / 20), np.zeros(round(rng.uniform(0.1, 0.6) * rate_hz))]
    return np.concatenate(parts)[: round(seconds * rate_hz)]


def _bisect(high: tuple[float, float], low: tuple[float, float]) -> float:
    for _ in range(80):
        middle = ((high[0] + low[0]) / 2, (high[1] + low[1]) / 2)
        if middle[0] - middle[1] < 15.9:
            high = middle
        else:
            low = middle
    return low[0]


def _plain(samples: Signal, rate_hz: int, *, steps: int = 1) -> tuple[float, float]:
    """P.56 method B as its text has it: one sample after the other, counters, bisection."""
    g, hangover = math.exp(-1 / (0.03 * rate_hz)), math.ceil(0.2 * rate_hz)
    thresholds = [2.0 ** (-k / steps) for k in range(18 * steps, 0, -1)]
    active, silent_for = [0] * len(thresholds), [hangover] * len(thresholds)
    p = q = 0.0
    for x in samples:
        p = g * p + (1 - g) * abs(float(x))
        q = g * q + (1 - g) * p
        for j, c in enumerate(thresholds):
            if q >= c:
                active[j], silent_for[j] = active[j] + 1, 0
            elif silent_for[j] < hangover:
                active[j], silent_for[j] = active[j] + 1, silent_for[j] + 1
    energy = float(np.sum(samples**2))
    points = [(10 * math.log10(energy / a), 20 * math.log10(c)) for a, c in zip(active, thresholds, strict=True) if a]
    for above, below in zip(points[::-1], points[-2::-1], strict=False):
        if above[0] - above[1] < 15.9 <= below[0] - below[1]:
            level_db = _bisect(above, below)
            return 10 ** (level_db / 10), energy / 10 ** (level_db / 10) / len(samples)
    raise AssertionError("no crossing")


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("steps", [1, 2])
def test_it_agrees_with_a_plain_writing_of_the_standard(rate_hz: int, seed: int, steps: int) -> None:
    samples = _speech(3.0, seed, rate_hz)
    found = active_level(samples, rate_hz, thresholds_per_octave=steps)
    power, activity = _plain(samples, rate_hz, steps=steps)
    assert found.power == pytest.approx(power, rel=1e-9)
    assert found.activity == pytest.approx(activity, rel=1e-9)


@pytest.mark.parametrize("level_db", [-6.0, -26.0, -61.3])
@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100])
def test_a_sine_is_active_all_the_time(level_db: float, rate_hz: int) -> None:
    """But for the moment in which the envelope rises: at most 30 ms of 10 s, 0.013 dB."""
    found = active_level(_sine(10.0, level_db=level_db, rate_hz=rate_hz), rate_hz)
    assert found.activity == pytest.approx(1.0, abs=0.003)
    assert found.level_db == pytest.approx(level_db, abs=0.015)


@pytest.mark.parametrize(("on_s", "off_s"), [(1.0, 2.0), (0.5, 1.0), (2.0, 0.6)])
def test_bursts_with_pauses_have_a_closed_form(on_s: float, off_s: float) -> None:
    """The envelope of a burst is E (1 − (1 + u) e^−u), and E (1 + u) e^−u after it, u = t / 30 ms.

    It is above the threshold for the burst, less the rise, plus the decay, plus 200 ms. Thresholds
    at every dB instead of every 6 dB leave little to the interpolation.
    """
    rate_hz, repeats = 8000, 6
    burst = _sine(on_s, level_db=-30.0, hz=1000.0)
    samples = np.concatenate([burst, np.zeros(round(off_s * rate_hz))] * repeats)
    found = active_level(samples, rate_hz, thresholds_per_octave=48)
    mean = 10 ** (-30 / 20) * math.sqrt(2) * 2 / math.pi  # of |sine|

    def level_and_threshold(threshold: float) -> tuple[float, float]:
        share = threshold / mean
        rise = brentq(lambda u: 1 - (1 + u) * math.exp(-u) - share, 0, 50)
        decay = brentq(lambda u: (1 + u) * math.exp(-u) - share, 0, 50)
        active_s = on_s + 0.2 + 0.03 * (decay - rise)
        return 10 * math.log10(10**-3 * on_s / active_s), active_s

    threshold = brentq(lambda c: level_and_threshold(c)[0] - 20 * math.log10(c) - 15.9, mean / 50, mean * 0.9)
    level_db, active_s = level_and_threshold(threshold)
    assert found.level_db == pytest.approx(level_db, abs=0.02)
    assert found.activity == pytest.approx(active_s / (on_s + off_s), rel=0.005)
    coarse = active_level(samples, rate_hz)
    assert coarse.level_db == pytest.approx(level_db, abs=0.1)


def test_gaps_between_words_are_speech_and_long_pauses_are_not() -> None:
    word = _sine(0.3, level_db=-30.0)
    close = active_level(np.concatenate([word, np.zeros(1200)] * 20), 8000)
    assert close.activity == pytest.approx(1.0, abs=0.01)
    far = active_level(np.concatenate([word, np.zeros(12_000)] * 20), 8000)
    assert far.activity == pytest.approx((0.3 + 0.2 + 0.1) / 1.8, abs=0.03)


def test_silence_around_speech_changes_the_activity_only() -> None:
    speech = _speech(20.0, 3)
    alone = active_level(speech, 8000)
    padded = active_level(np.concatenate([np.zeros(160_000), speech, np.zeros(320_000)]), 8000)
    # The decay of the envelope and 200 ms after the end are active too: 2 % of the time, 0.1 dB.
    assert padded.level_db == pytest.approx(alone.level_db, abs=0.1)
    assert padded.activity == pytest.approx(alone.activity / 4, rel=0.02)


def test_level_and_activity_give_the_mean_power() -> None:
    speech = _speech(4.0, 5)
    found = active_level(speech, 8000)
    assert found.power * found.activity == pytest.approx(np.mean(speech**2), rel=1e-12)
    assert found.level_db == pytest.approx(10 * math.log10(found.power))


def test_a_power_of_two_shifts_the_level_and_nothing_else() -> None:
    """Thresholds are powers of two, so the same ones are met."""
    speech = _speech(4.0, 6)
    one, other = active_level(speech, 8000), active_level(speech / 16, 8000)
    assert other.power == pytest.approx(one.power / 256, rel=1e-12)
    assert other.activity == pytest.approx(one.activity, rel=1e-12)
    for gain in (0.3, 0.6, 1.7):
        scaled = active_level(gain * speech, 8000)
        assert scaled.level_db - 20 * math.log10(gain) == pytest.approx(one.level_db, abs=0.1)


def test_silence_clicks_and_nothing() -> None:
    for empty in (np.zeros(0), np.zeros(5000)):
        found = active_level(empty, 8000)
        assert found == ActiveLevel(power=0.0, activity=0.0)
        assert found.level_db == float("-inf")
    click = np.zeros(16_000)
    click[100] = 1.0
    found = active_level(click, 8000)
    assert 0 < found.activity < 0.2
    assert found.power * found.activity == pytest.approx(1 / 16_000)


def test_float32_is_measured_in_double() -> None:
    speech = _speech(2.0, 7).astype(np.float32)
    assert active_level(speech, 8000) == active_level(speech.astype(np.float64), 8000)


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
def test_the_high_pass_takes_out_hum(rate_hz: int) -> None:
    """−0.25 dB at its edge, −50 dB in the stop band, nothing above."""
    for hz, gain_db, within_db in ((200.0, -0.25, 0.01), (1000.0, 0.0, 0.01), (3900.0, 0.0, 0.01)):
        sine = _sine(8.0, level_db=-20.0, rate_hz=rate_hz, hz=hz)
        plain, filtered = (active_level(sine, rate_hz, high_pass_hz=edge).level_db for edge in (None, 200.0))
        assert filtered - plain == pytest.approx(gain_db, abs=within_db)
    # 50 dB hold below 79 Hz; a Hann window keeps the beginning from ringing.
    for hz in (30.0, 50.0, 60.0, 75.7):
        sine = _sine(8.0, level_db=-20.0, rate_hz=rate_hz, hz=hz)
        hum = sine * np.hanning(len(sine))
        left = active_level(hum, rate_hz, high_pass_hz=200.0)
        lost_db = 10 * math.log10(left.power * left.activity / np.mean(hum**2))
        assert lost_db < -49.9
    speech = _speech(4.0, 8, rate_hz)
    humming = speech + _sine(4.0, level_db=-25.0, rate_hz=rate_hz, hz=50.0)[: len(speech)]
    clean_db, humming_db = (active_level(x, rate_hz, high_pass_hz=200.0).level_db for x in (speech, humming))
    assert humming_db == pytest.approx(clean_db, abs=0.3)


@pytest.mark.skipif(not LISTS.is_dir(), reason="the lists of WSJ0-2mix are not here")
class TestPublishedLevels:
    def test_rows_parse_and_cover_the_test_set(self) -> None:
        levels = {part: read_levels(LISTS / "activlev" / f"activlev_{part}.txt") for part in ("si_dt_05", "si_et_05")}
        assert {part: len(known) for part, known in levels.items()} == {"si_dt_05": 1206, "si_et_05": 651}
        every = {**levels["si_dt_05"], **levels["si_et_05"]}
        used = {u for row in read_mixtures(LISTS / "mix_2_spk_tt.txt") for u in row.utterances}
        assert len(used) == 1770
        assert used <= set(every)

    def test_levels_are_those_of_speech(self) -> None:
        """Read speech from a close microphone: -50 to -24 dB, with 2 to 3 dB within a speaker."""
        known = read_levels(LISTS / "activlev" / "activlev_si_et_05.txt")
        decibels = {name: 10 * math.log10(level) for name, level in known.items()}
        assert -50 < min(decibels.values()) < max(decibels.values()) < -24
        for speaker in sorted({name[:3] for name in known}):
            own = [level for name, level in decibels.items() if name.startswith(speaker)]
            assert np.std(own) < 3.0
