"""Stages of SoX's effect `rate -h`, by their filters: how it goes from one sample rate to another.

Measured on soxbindings 1.2.3 with sines and impulses, from 8 to 192 kHz. The ratio decides on the stages:

1. half-band filters, each of which halves the rate, as long as it falls by 4 or more;
2. the low-pass at the lower Nyquist frequency, which changes the rate by a small ratio L/M at once, or doubles it;
3. an interpolator for all other ratios, which comes before the low-pass where a rate falls by 1.5 to 2;
4. a filter that makes four samples of one where the rate rises by more than 4.

All are windowed sincs (Kaiser). Their stop-bands share an attenuation: the more stages, the more each must have. Each
stage gives samples from time 0 on. What its filter would ring before that is lost to the next stage, which sees zeros
there instead: so the first samples differ from those of one filter that does all at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0

Signal = NDArray[np.float64]
Matrix = NDArray[np.float64]

PASS = 0.91362
"""End of the pass-band; 1 is the lower Nyquist frequency, where the stop-band begins."""
_CUTOFF = (1.0 + PASS) / 2.0
_BETA, _BETA_PER_DB = 13.040, 0.1115
_WIDTH, _WIDTH_PER_DB = 192.95, 1.626
_DB = 20.0 * math.log10(2.0)

# Taps 3, 5, 7, ... from the middle of the half-band filter; 2, 4, 6, ... are zero.
_HALF_BAND = (-0.0873463, 0.0368159, -0.0151868, 0.0054523, -0.0015683, 0.0003209, -0.000027)
_HALF_BAND_LONGER = (-0.0892221, 0.0391368, -0.0172494, 0.0068627, -0.0023004, 0.0006107, -0.0001153, 0.0000157)
_LONGER_ABOVE_DB = 10.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Stages for one ratio.

    Attributes:
        halvings: half-band filters.
        low_pass: ratio of input to output of the low-pass.
        interpolator: the same of the interpolator, or None.
        last_first: the interpolator comes before the low-pass.
        rise: outputs of the last filter to one of its input; 1 without it.
        rises: the rate rises.
    """

    halvings: int
    low_pass: Fraction
    interpolator: Fraction | None
    last_first: bool
    rise: int
    rises: bool

    @property
    def extra_db(self) -> float:
        """Attenuation above that of a single stage."""
        others = self.halvings + 1 + (self.rise > 1)
        return 20.0 * math.log10(others) + (_DB if self.interpolator else 0.0)


def stages_of(from_hz: int, to_hz: int) -> Stages:
    """The stages that SoX chooses."""
    ratio = Fraction(from_hz, to_hz)
    halvings = 0
    while ratio >= 4:
        ratio, halvings = ratio / 2, halvings + 1
    rise = 1
    if ratio < Fraction(1, 4) and ratio != Fraction(1, 5):
        rise = 4
        while ratio * rise * 8 <= 1:
            rise *= 2
        ratio *= rise
    whole = _is_small(ratio)
    last_first = not whole and Fraction(3, 2) < ratio < 2
    before = ratio if whole else Fraction(2) if last_first else Fraction(1, 2) if ratio < 2 else Fraction(1)
    return Stages(
        halvings=halvings,
        low_pass=before,
        interpolator=None if whole else ratio / before,
        last_first=last_first,
        rise=rise,
        rises=from_hz < to_hz,
    )


def _is_small(ratio: Fraction) -> bool:
    """Whether one filter changes the rate by this ratio at once."""
    up, down = ratio.denominator, ratio.numerator
    return max(up, down) < 5 or up * down < 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinc:
    """A sinc in a Kaiser window, over times in input samples.

    Attributes:
        cutoff: of the Nyquist frequency of `density` input samples to one.
        beta: of the window.
        half: half of the window's width, in input samples.
        density: input samples to one of the rate that `cutoff` is relative to.
    """

    cutoff: float
    beta: float
    half: float
    density: float = 1.0

    @property
    def reach(self) -> int:
        """Input samples on either side of the middle."""
        return math.floor(self.half)

    def __call__(self, times: Signal) -> Signal:
        """Taps at some times; at whole ones they add up to about 1."""
        inside = np.sqrt(np.maximum(0.0, 1.0 - np.square(times / self.half)))
        window = np.where(np.abs(times) <= self.half, i0(self.beta * inside) / i0(self.beta), 0.0)
        rate = self.cutoff / self.density
        taps: Signal = rate * np.sinc(rate * times) * window
        return taps

    def gain(self, frequencies: Signal) -> Signal:
        """Response at frequencies in cycles per input sample, 1 at 0."""
        fine = 8 if self.density == 1.0 else 1
        times = np.arange(-self.reach * fine, self.reach * fine + 1) / fine
        taps = self(times)
        gain: Signal = np.cos(2.0 * np.pi * np.outer(frequencies, times)) @ (taps / taps.sum())
        return gain


# By the ratio of input to output, below which each holds.
_FALLING = (
    (2.5, Sinc(cutoff=0.9109, beta=13.251, half=7.767)),
    (3.3, Sinc(cutoff=0.91, beta=14.63, half=7.13)),
    (math.inf, Sinc(cutoff=0.9091, beta=13.587, half=5.885)),
)


def low_pass(stages: Stages, *, from_hz: int, to_hz: int) -> Sinc:
    """The low-pass, over times in samples of the rate `from_hz`; half-band filters are a part of it."""
    extra_db = stages.extra_db
    density = max(1.0, from_hz / to_hz)
    # Samples at the rate of its taps to one of the lower rate.
    own_hz = Fraction(from_hz * stages.low_pass.denominator, 2**stages.halvings)
    last = float(own_hz / min(from_hz, to_hz) / ((stages.interpolator or 1) if stages.last_first else 1))
    each = 8 if stages.low_pass.denominator == 4 and stages.low_pass < 1 else 4
    taps = each * math.ceil((last * (_WIDTH + _WIDTH_PER_DB * extra_db) - 1) / each) + 1
    half = taps / last / 2 * density
    return Sinc(cutoff=_CUTOFF, beta=_BETA + _BETA_PER_DB * extra_db, half=half, density=density)


def interpolator(stages: Stages) -> Sinc | None:
    """The interpolator, over times in its input samples."""
    if stages.interpolator is None:
        return None
    if stages.rises:
        phases = stages.interpolator.denominator
        return Sinc(cutoff=0.9113, beta=14.07, half=8.0 - 0.25 / phases)
    if stages.last_first:
        return Sinc(cutoff=1.0302, beta=13.925, half=7.464)
    return next(sinc for below, sinc in _FALLING if stages.interpolator < below)


def last_rise(stages: Stages, *, from_hz: int, to_hz: int) -> Sinc | None:
    """The filter that makes `rise` samples of one, over times in its input samples."""
    if stages.rise == 1:
        return None
    passed = PASS * from_hz / to_hz * stages.rise
    # As many taps as its transition band needs, in the proportion of the low-pass.
    width = (_WIDTH + _WIDTH_PER_DB * stages.extra_db) * (1.0 - PASS) / (1.0 - passed)
    each = 2 * stages.rise
    taps = each * math.ceil(width * stages.rise / each) + 1
    beta = _BETA + _BETA_PER_DB * stages.extra_db
    return Sinc(cutoff=(1.0 + passed) / 2.0, beta=beta, half=taps / stages.rise / 2)


def later_filters(stages: Stages, *, from_hz: int, to_hz: int) -> Iterator[tuple[Sinc, float]]:
    """The filters besides half-bands and low-pass, each with the rate of its input as a multiple of `from_hz`."""
    between, rise = interpolator(stages), last_rise(stages, from_hz=from_hz, to_hz=to_hz)
    if between is not None:
        yield between, 1.0 if stages.last_first else 0.5**stages.halvings / float(stages.low_pass)
    if rise is not None:
        yield rise, to_hz / from_hz / stages.rise


def loss_of_start(from_hz: int, to_hz: int) -> Matrix:
    """Loss of the first outputs [O, I], as a matrix over the first inputs; [0, 0] with a single stage."""
    chain = _chain(from_hz, to_hz)
    if len(chain) == 1:
        return np.zeros((0, 0))
    # Outputs that the last zeros reach, through all stages but the first.
    reached, step = 0.0, 1.0
    for stage in chain[:0:-1]:
        step *= stage.step
        reached = reached + stage.reach / step
    spans, low, high = [], 0, math.ceil(reached)
    for stage in reversed(chain):
        first, last = math.floor(low * stage.step) - stage.reach, math.ceil(high * stage.step) + stage.reach
        spans.append((low, high, first, last))
        low, high = first, last
    whole = lossy = np.eye(spans[0][1] + 1)
    for stage, span in zip(reversed(chain), spans, strict=True):
        outputs, inputs = np.arange(span[0], span[1] + 1.0), np.arange(span[2], span[3] + 1.0)
        taps = stage.kernel(outputs[:, None] * stage.step - inputs)
        whole, lossy = whole @ taps, lossy @ taps
        lossy[:, inputs < 0] = 0.0
    loss: Matrix = (whole - lossy)[:, inputs >= 0]
    return loss


@dataclass(frozen=True, slots=True)
class _Stage:
    """A filter with the number of its inputs to one output, and its reach in inputs."""

    kernel: Callable[[Signal], Signal]
    step: float
    reach: int


def _chain(from_hz: int, to_hz: int) -> Sequence[_Stage]:
    stages = stages_of(from_hz, to_hz)
    filtered = low_pass(stages, from_hz=from_hz, to_hz=to_hz)
    halved = replace(filtered, half=filtered.half / 2**stages.halvings, density=filtered.density / 2**stages.halvings)
    chain = [_half_band(stages.extra_db)] * stages.halvings
    between = interpolator(stages)
    if between is not None and stages.interpolator is not None:
        step = float(stages.interpolator)
        if stages.last_first:
            halved = replace(halved, half=halved.half / step, density=halved.density / step)
        chain.append(_Stage(between, step, math.ceil(between.half)))
    place = len(chain) - (between is not None and not stages.last_first)
    chain.insert(place, _Stage(halved, float(stages.low_pass), halved.reach + 1))
    rise = last_rise(stages, from_hz=from_hz, to_hz=to_hz)
    if rise is not None:
        chain.append(_Stage(rise, 1.0 / stages.rise, rise.reach + 1))
    return chain


def _half_band(extra_db: float) -> _Stage:
    """A half-band filter, whose kernel takes whole times."""
    sides = _HALF_BAND_LONGER if extra_db > _LONGER_ABOVE_DB else _HALF_BAND
    reach = 2 * len(sides) + 1
    taps = np.zeros(reach + 2)  # of times 0, 1, ...; the last one is of all later times
    taps[0] = 0.5
    taps[1:-1:2] = (0.25 - sum(sides), *sides)  # all add up to 1

    def kernel(times: Signal) -> Signal:
        found: Signal = taps[np.minimum(np.abs(np.rint(times)).astype(int), reach + 1)]
        return found

    return _Stage(kernel, 2.0, reach)
