"""STOI and ESTOI, batched in float64, with the values of pystoi 0.4.1."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.arrays import Array, empty, ended, namespace, on_cpu, stretches
from ..outcome import TOO_SHORT
from .protocol import MetricInfo, Signals
from .registry import METRICS
from .shared.batches import in_chunks
from .shared.octave import resampled, resampled_length
from .shared.third_octaves import EPS, RATE_HZ, envelopes, loud_frames

REVISION = "pystoi:0.4.1|tsebench:2"
SEGMENT = 30
"""Frames of a segment: 0.384 s."""
CLIP = 1.0 + 10.0 ** (15.0 / 20.0)
"""A band is clipped where its SDR would be under −15 dB."""
CPU_SAMPLES = 1 << 18
"""Samples of a part; see `chunks`."""
CPU_VALUES, DEVICE_VALUES = 1 << 17, 1 << 24
"""Values in each step from envelopes to segments that are compared; see `chunks`."""


class Stoi:
    """`stoi` (Taal et al., 2011) or `estoi` (Jensen and Taal, 2016).

    Args:
        extended: ESTOI instead of STOI.
    """

    takes_arrays = True

    def __init__(self, *, extended: bool = False) -> None:
        self.extended = extended
        name = "estoi" if extended else "stoi"
        self.info = MetricInfo(
            name=name,
            unit="0..1",
            higher_is_better=True,
            description=f"{'extended ' * extended}short-time objective intelligibility",
            label=name.upper(),
            order=60 if extended else 50,
            improvement=f"{name}i",
            undefined_reason=TOO_SHORT,
        )

    def signature(self, sample_rate_hz: int) -> str:
        """For example `stoi|torch|f64|fs:8000>10000|pystoi:0.4.1|tsebench:2`."""
        rate = str(RATE_HZ) if sample_rate_hz == RATE_HZ else f"{sample_rate_hz}>{RATE_HZ}"
        return f"{self.info.name}|torch|f64|fs:{rate}|{REVISION}"

    def compute(self, signals: Signals) -> Array:
        """Intelligibility [B], about 0 to 1, float64; 0 for a silent estimate.

        NaN where the reference has fewer than 31 frames of 25.6 ms, half overlapping, within 40 dB of the loudest one.
        """
        return in_chunks(self._values, signals, cpu_samples=CPU_SAMPLES)

    def _values(self, signals: Signals) -> Array:
        return stoi(
            estimate=signals.estimate,
            reference=signals.reference,
            lengths=signals.lengths,
            sample_rate_hz=signals.sample_rate_hz,
            extended=self.extended,
        )


def stoi(*, estimate: Array, reference: Array, lengths: Array, sample_rate_hz: int, extended: bool = False) -> Array:
    """Mean correlation of the band envelopes of two signals, over segments of 0.384 s.

    Args:
        estimate: ŝ [B, T].
        reference: s [B, T].
        lengths: [B] true lengths; both signals are zero past them.
        sample_rate_hz: the signals are resampled from it to 10 kHz.
        extended: ESTOI instead of STOI.

    Returns:
        [B] float64, NaN where there is no segment. STOI differs from pystoi's by rounding, about 1e-12. To ESTOI pystoi
        adds noise of 1e-16 before each normalisation, which changes the value by less than 1e-9. Where the envelopes of
        an estimate are constant for a whole segment (digital silence), it correlates this noise alone, and its value is
        different every time; here such an envelope has the correlation 0, the mean of what pystoi draws.

    Source: Taal et al., "An algorithm for intelligibility prediction of time-frequency weighted
        noisy speech", 2011, equations 1 to 6; Jensen and Taal, "An algorithm for predicting the
        intelligibility of speech masked by modulated noise maskers", 2016, equations 2 to 8.
    """
    xp = namespace(estimate)
    if not len(lengths):
        return xp.zeros(0, dtype=xp.float64, device=estimate.device)
    longest = int(lengths.max())
    both = [reference[..., :longest], estimate[..., :longest]]
    pair = resampled(both, from_hz=sample_rate_hz, to_hz=RATE_HZ)
    lengths = resampled_length(lengths, from_hz=sample_rate_hz, to_hz=RATE_HZ)
    loud = loud_frames(pair[0], lengths)
    # N frames of a trial have N − 1 transforms, of which pystoi takes no more than these.
    segments = loud.counts - 1 - (SEGMENT - 1)
    total = xp.zeros(len(lengths), dtype=xp.float64, device=estimate.device)
    if bool((segments > 0).any()):
        measure = _extended_intelligibility if extended else _intelligibility
        scores = measure(*envelopes(pair, loud))
        trial, order = loud.trial[: len(scores)], loud.order[: len(scores)]
        inside = order < segments[trial]
        total = xp.bincount(trial[inside], weights=scores[inside], minlength=len(lengths))
    return xp.where(segments > 0, total / xp.where(segments > 0, segments, 1), xp.nan)


def _intelligibility(reference: Array, estimate: Array) -> Array:
    """STOI of all segments of envelopes [15, N]: [N − 29] (equations 2 to 6)."""
    xp = namespace(reference)
    bands, frames = reference.shape
    # One band after the other, so that what follows has one dimension. The segments that would reach into the next band
    # are left out at the end.
    reference, estimate = (ended(signal.reshape(-1), bands * frames + SEGMENT - 1) for signal in (reference, estimate))
    x, y_norm = _Run.of(reference), xp.sqrt(_running_sum(xp.square(estimate)))
    clipped = _clipped(reference, estimate, x.norm / (y_norm + EPS))
    covariance = clipped.crossed - x.total * clipped.total / SEGMENT
    deviation = clipped.squares - xp.square(clipped.total) / SEGMENT
    deviation = xp.sqrt(xp.clip(deviation, 0.0, None))
    correlation = covariance / ((deviation + EPS) * (xp.sqrt(x.squares) + EPS))
    return xp.mean(correlation.reshape(bands, frames), axis=0)[: frames - SEGMENT + 1]


@dataclass(frozen=True, slots=True)
class _Run:
    """Moments of `size` values in a row, from each place on: Σ x [N] and Σ (x − x̄)² [N].

    Runs that follow each other are joined as by Chan, Golub and LeVeque ("Algorithms for computing the sample
    variance", 1983, equation 1.5): nothing is subtracted from a sum of squares.
    """

    size: int
    total: Array
    squares: Array

    @classmethod
    def of(cls, values: Array) -> _Run:
        """All segments of values [N]: N − 29 places; 30 = 2 + 4 + 8 + 16."""
        places = len(values) - SEGMENT + 1
        run = cls(1, values, namespace(values).zeros_like(values))
        whole: _Run | None = None
        while whole is None or whole.size < SEGMENT:
            rest = len(run.total) - run.size
            run = run._at(0, rest)._joined(run._at(run.size, rest))
            part = run._at(whole.size if whole else 0, places)
            whole = whole._joined(part) if whole else part
        return whole

    @property
    def norm(self) -> Array:
        """Root of Σ x²."""
        xp = namespace(self.total)
        return xp.sqrt(self.squares + xp.square(self.total) / self.size)

    def _at(self, start: int, places: int) -> _Run:
        part = slice(start, start + places)
        return _Run(self.size, self.total[part], self.squares[part])

    def _joined(self, other: _Run) -> _Run:
        size = self.size + other.size
        apart = other.total - (other.size / self.size) * self.total
        weight = self.size / (other.size * size)
        apart *= apart
        apart *= weight
        apart += self.squares
        apart += other.squares
        return _Run(size, self.total + other.total, apart)


def _running_sum(values: Array) -> Array:
    """Sum of each segment of values [N]: [N − 29]; added as `_Run` adds."""
    places = len(values) - SEGMENT + 1
    size, covered = 1, 0
    run, total = values, namespace(values).zeros_like(values[:places])
    while covered < SEGMENT:
        rest = len(run) - size
        run = run[:rest] + run[size : size + rest]
        size *= 2
        total += run[covered : covered + places]
        covered += size
    return total


@dataclass(frozen=True, slots=True)
class _Clipped:
    """Σ z, Σ z² and Σ z x over each segment [M], with z = y − y[0] of the clipped estimate y."""

    total: Array
    squares: Array
    crossed: Array


def _clipped(reference: Array, estimate: Array, scale: Array) -> _Clipped:
    """Sums over the segments of the estimate, scaled by α [M] and clipped against the reference.

    The first value of a segment is subtracted before anything is squared, so that an envelope that hardly changes keeps
    its digits.
    """
    xp = namespace(scale)
    sums = _Clipped(*empty(scale, 3, len(scale)))
    ceiling = reference * CLIP
    size = max(1, min(len(scale), _values(scale) // SEGMENT))
    space = empty(scale, 2, SEGMENT, size)
    for start in range(0, len(scale), size):
        part = slice(start, min(start + size, len(scale)))
        reach, count = slice(start, part.stop + SEGMENT - 1), part.stop - start
        x, y, top = (stretches(values[reach], SEGMENT) for values in (reference, estimate, ceiling))
        z, product = space[..., :count]
        xp.minimum(xp.multiply(y, scale[part], out=z), top, out=z)
        z -= xp.asarray(z[0], copy=True)
        xp.sum(z, axis=0, out=sums.total[part])
        xp.sum(xp.multiply(z, x, out=product), axis=0, out=sums.crossed[part])
        xp.sum(xp.multiply(z, z, out=product), axis=0, out=sums.squares[part])
    return sums


def _extended_intelligibility(reference: Array, estimate: Array) -> Array:
    """ESTOI of all segments of envelopes [15, N]: [N − 29]; rows are normalised, then columns."""
    xp = namespace(reference)
    bands, frames = reference.shape
    size = max(1, _values(reference) // (bands * SEGMENT))
    parts = []
    for start in range(0, frames - SEGMENT + 1, size):
        normal = []
        for signal in (reference, estimate):
            rows = _centred(stretches(signal[:, start : start + size + SEGMENT - 1], SEGMENT), -2)
            rows *= 1.0 / (_norm(rows, -2) + EPS)
            columns = _centred(rows, 0)
            normal.append((columns, _norm(columns, 0) + EPS))
        (one, its_norm), (other, other_norm) = normal
        one *= other
        parts.append(xp.mean(xp.sum(one, axis=0) / (its_norm * other_norm)[0], axis=0))
    return xp.concatenate(parts)


def _values(array: Array) -> int:
    return CPU_VALUES if on_cpu(array) else DEVICE_VALUES


def _centred(values: Array, axis: int) -> Array:
    return values - namespace(values).mean(values, axis=axis, keepdims=True)


def _norm(values: Array, axis: int) -> Array:
    xp = namespace(values)
    return xp.sqrt(xp.sum(xp.square(values), axis=axis, keepdims=True))


@METRICS.register("stoi")
def _stoi() -> Stoi:
    """`stoi`: short-time objective intelligibility (Taal et al., 2011), with the values of pystoi.

    Mean correlation of the band envelopes of estimate and target over segments of 0.384 s, at 10 kHz: 1 is the target
    itself, about 0 is unintelligible, and negative values are possible. A silent estimate has 0. Undefined
    (`too_short`) where the target has less than 0.4 s of speech.
    """
    return Stoi()


@METRICS.register("estoi")
def _estoi() -> Stoi:
    """`estoi`: extended STOI (Jensen and Taal, 2016), with the values of pystoi.

    As `stoi`, but segments are normalised over time and over bands, so that maskers that come and go are judged better.
    1 is the target itself, about 0 is unintelligible. A silent estimate has 0. Undefined (`too_short`) where the target
    has less than 0.4 s of speech.
    """
    return Stoi(extended=True)
