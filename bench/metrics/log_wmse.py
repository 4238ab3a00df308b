"""logWMSE: logarithm of the frequency-weighted error, which silent targets have, too.

Source: the packages log-wmse-audio-quality 0.2 and torch-log-wmse 1.1 (Apache-2.0), whose impulse response is the
weighting: how sensitive hearing is to each frequency.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from functools import lru_cache, partial
from math import gcd, log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ..outcome import Outcome, Submit, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.model_files import ChosenModel, PackagedModel
from .shared.samples import samples_of

RATE_HZ = 44100
"""Rate of the impulse response."""

SCALE = -4.0
EPS = 1e-8
"""Error of a perfect answer, whose score is −4 ln 1e-8 = 73.68."""

PACKAGED = PackagedModel(
    distribution="torch-log-wmse",
    path="torch_log_wmse/filter_ir.f32",
    install="pip install --no-deps torch-log-wmse==1.1.0",
)

_NAME = "log_wmse"
_LONGEST_TAPS = 1 << 16

Array = NDArray[np.float64]


class LogWmse:
    """`log_wmse`: −4 ln(w(ŝ − s) / w(x) + 1e-8), of the energies w of signals after a filter like hearing's.

    s is the target, ŝ the estimate and x the mixture. 0 is the mixture where the target is silent, 18.4 an error of
    a tenth of the mixture, 73.68 perfection, of a silent target, too: it judges trials with and without a target on one
    scale. The level of the recording does not matter. Undefined where the mixture is silent. The filter is at 44.1 kHz;
    at another rate its response at the frequencies of the signals is taken.

    Args:
        filter: impulse response at 44.1 kHz as raw little-endian float32, such as `filter_ir.f32` of the package
            torch-log-wmse; null: the one of the installed package, see `pip install --no-deps torch-log-wmse==1.1.0`
            (of which nothing else is needed).
    """

    def __init__(self, *, filter: Path | None = None) -> None:  # noqa: A002 - the name that users write
        self.info = MetricInfo(
            name=_NAME,
            unit="score",
            higher_is_better=True,
            description="logarithm of the frequency-weighted error, defined for silent targets",
            label="logWMSE",
            order=36,
            scope="any",
            needs_phase=True,
            needs_reference_energy=False,
            needs=("mixture",),
            options=() if PACKAGED.file else ("filter",),
            install=PACKAGED.install,
        )
        self._chosen = ChosenModel(filter, PACKAGED, read_filter, where=f"metric {_NAME!r}")

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`log_wmse|filter:sha256:bc9950e4f6be|eps:1e-08|f64|tsebench:1`."""
        digest = hashlib.sha256(self._chosen.model.astype("<f4").tobytes()).hexdigest()[:12]
        return f"{_NAME}|filter:sha256:{digest}|eps:{EPS:g}|f64|tsebench:1"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """The score of each estimate."""
        return [self._judged(answer, sample_rate_hz, submit) for answer in answers]

    def _judged(self, answer: Answered, sample_rate_hz: int, submit: Submit) -> Outcome | Future[Outcome]:
        estimate, reference, mixture = (
            samples_of(signal) for signal in (answer.estimate, answer.reference, answer.mixture)
        )
        if not mixture.any():
            return undefined("silent_mixture")
        error = estimate.astype(np.float64) - reference
        return submit(partial(log_wmse, error, mixture, sample_rate_hz=sample_rate_hz, response=self._chosen.model))


def log_wmse(error: Array, mixture: NDArray[np.float32], *, sample_rate_hz: int, response: Array) -> float:
    """Score of an error ŝ − s [T] in a mixture [T] that is not silent, weighted by an impulse response at 44.1 kHz."""
    energy = partial(weighted_energy, sample_rate_hz=sample_rate_hz, response=response)
    # The floor of torch-log-wmse: 1e-16 in the mean square of the mixture.
    return SCALE * log(energy(error) / max(energy(mixture), 1e-16 * len(error)) + EPS)


def weighted_energy(signal: NDArray[np.floating], *, sample_rate_hz: int, response: Array) -> float:
    """Energy of a signal [T] after the filter, its ringing included (Parseval)."""
    size = _transform_size(len(signal), sample_rate_hz, len(response))
    spectrum = np.abs(np.fft.rfft(signal.astype(np.float64), size)) ** 2
    return float(spectrum @ _weights(size, sample_rate_hz, response.tobytes()))


def read_filter(path: Path) -> Array:
    """Impulse response of a file of raw float32.

    Raises:
        ConfigError: there is no such file, or it holds something else.
    """
    try:
        taps = np.frombuffer(path.read_bytes()[: 4 * _LONGEST_TAPS], dtype="<f4").astype(np.float64)
    except (OSError, ValueError) as error:
        where = f"metric {_NAME!r}: filter = {str(path)!r}"
        raise ConfigError(f"{where} cannot be read: {error}; give filter_ir.f32") from None
    if len(taps) < 2 or not np.isfinite(taps).all() or not taps.any():
        raise ConfigError(
            f"metric {_NAME!r}: filter = {str(path)!r} holds no impulse response of raw float32; give filter_ir.f32 of "
            "the package torch-log-wmse"
        )
    return taps


def _transform_size(samples: int, sample_rate_hz: int, taps: int) -> int:
    """Points of the transform: room for the ringing, and so many that the filter has bins at the same frequencies."""
    step = 2 * sample_rate_hz // gcd(sample_rate_hz, RATE_HZ)
    return -(-(samples + -(-taps * sample_rate_hz // RATE_HZ)) // step) * step


@lru_cache(maxsize=16)
def _weights(size: int, sample_rate_hz: int, response: bytes) -> Array:
    """|H|² of the bins of a transform of real signals, doubled where a bin stands for two, over its size."""
    taps = np.frombuffer(response, dtype=np.float64)
    squared = np.abs(np.fft.rfft(taps, size * RATE_HZ // sample_rate_hz)) ** 2
    weights = np.zeros(size // 2 + 1)
    common = min(len(weights), len(squared))
    weights[:common] = squared[:common]
    weights[1:-1] *= 2.0
    found: Array = weights / size
    return found


METRICS.register(_NAME)(LogWmse)
