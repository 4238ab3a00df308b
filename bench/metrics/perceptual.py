"""PESQ, STOI and ESTOI, one file at a time, by the packages that everybody uses.

Worker processes import this module, so that it must stay cheap: the packages are imported where
they are used.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from .protocol import METRICS, FailedValueError, MetricInfo, UndefinedValueError

WIDE_BAND_HZ = 16000
NARROW_BAND_HZ = 8000
STOI_HZ = 10000
STOI_FRAME = 256


class Pesq:
    """`pesq`: MOS-LQO of ITU-T P.862.2 (wide band) at 16 kHz, of P.862.1 (narrow band) at 8 kHz.

    Any other rate is resampled to 16 kHz, and the signature says so.
    """

    def __init__(self) -> None:
        self.info = MetricInfo(
            name="pesq",
            unit="MOS-LQO",
            higher_is_better=True,
            description="perceptual evaluation of speech quality",
            improvement="pesqi",
        )

    def signature(self, sample_rate_hz: int) -> str:
        """For example `pesq|wb|pesq:0.0.4|fs:16000`, or `...|fs:44100>16000|soxr:VHQ`."""
        mode, rate = _pesq_mode(sample_rate_hz)
        head = f"pesq|{mode}|pesq:{version('pesq')}|fs:"
        if rate == sample_rate_hz:
            return f"{head}{rate}"
        return f"{head}{sample_rate_hz}>{rate}|soxr:VHQ"

    def compute(
        self,
        *,
        estimate: NDArray[np.float32],
        reference: NDArray[np.float32],
        sample_rate_hz: int,
    ) -> float:
        """MOS-LQO, from about 1 to 4.64 (wide band) or 4.55 (narrow band).

        Raises:
            FailedValueError: no utterance is found, the estimate is silent, the signals are
                shorter than a quarter of a second, or the package gives no number.
        """
        from pesq import BufferTooShortError, NoUtterancesError, PesqError, pesq  # noqa: PLC0415

        if not estimate.any():  # the package aligns levels, and divides by the one of the estimate
            raise FailedValueError("pesq_silent_estimate")
        mode, rate = _pesq_mode(sample_rate_hz)
        estimate, reference = (
            _resampled(signal, from_hz=sample_rate_hz, to_hz=rate)
            for signal in (estimate, reference)
        )
        try:
            value = float(pesq(rate, reference, estimate, mode))
        except NoUtterancesError:
            raise FailedValueError("pesq_no_utterance") from None
        except BufferTooShortError:
            raise FailedValueError("pesq_too_short") from None
        except (PesqError, ValueError, MemoryError) as error:
            raise FailedValueError(f"pesq_error: {error}") from None
        if not np.isfinite(value):
            raise FailedValueError("pesq_no_number")
        return value


class Stoi:
    """`stoi` (Taal et al., 2011) or `estoi` (Jensen and Taal, 2016).

    Args:
        extended: ESTOI instead of STOI.
    """

    def __init__(self, *, extended: bool = False) -> None:
        self.extended = extended
        name = "estoi" if extended else "stoi"
        self.info = MetricInfo(
            name=name,
            unit="0..1",
            higher_is_better=True,
            description=f"{'extended ' * extended}short-time objective intelligibility",
            improvement=f"{name}i",
        )

    def signature(self, sample_rate_hz: int) -> str:
        """For example `stoi|pystoi:0.4.1|fs:16000`."""
        return f"{self.info.name}|pystoi:{version('pystoi')}|fs:{sample_rate_hz}"

    def compute(
        self,
        *,
        estimate: NDArray[np.float32],
        reference: NDArray[np.float32],
        sample_rate_hz: int,
    ) -> float:
        """Intelligibility, about 0 to 1; 0 for a silent estimate.

        Raises:
            UndefinedValueError: the reference has fewer than 30 frames of 25.6 ms, half
                overlapping, within 40 dB of the loudest one.
        """
        from pystoi import stoi  # noqa: PLC0415

        if reference.size * STOI_HZ <= STOI_FRAME * sample_rate_hz:  # pystoi wants one frame
            raise UndefinedValueError("too_short")
        with warnings.catch_warnings(), _pinned_noise():
            warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
            try:
                return float(
                    stoi(
                        reference.astype(np.float64),
                        estimate.astype(np.float64),
                        sample_rate_hz,
                        extended=self.extended,
                    )
                )
            except RuntimeWarning:
                raise UndefinedValueError("too_short") from None


def _pesq_mode(sample_rate_hz: int) -> tuple[str, int]:
    """Mode of the package, and the rate that it works at."""
    if sample_rate_hz == NARROW_BAND_HZ:
        return "nb", NARROW_BAND_HZ
    return "wb", WIDE_BAND_HZ


def _resampled(signal: NDArray[np.float32], *, from_hz: int, to_hz: int) -> NDArray[np.float32]:
    if from_hz == to_hz:
        return signal
    from ...datasets.audio import resample  # noqa: PLC0415

    return resample(signal, from_hz=from_hz, to_hz=to_hz)


@contextmanager
def _pinned_noise() -> Iterator[None]:
    """Fix the noise of 1e-16 that pystoi's ESTOI adds from NumPy's global generator.

    It decides the value of a silent estimate, which would change from run to run.
    """
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)


METRICS.register("pesq")(Pesq())
METRICS.register("stoi")(Stoi())
METRICS.register("estoi")(Stoi(extended=True))
