"""PESQ, one file at a time, by the package that everybody uses.

Worker processes import this module, so that it must stay cheap: the package is imported where it is used.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...core.packages import installed_version
from ..outcome import SILENT_ESTIMATE, FailedValueError
from .protocol import MetricInfo
from .registry import METRICS
from .shared.pesq_utterances import MAX_UTTERANCES, too_many_utterances
from .shared.samples import rate_signature

WIDE_BAND_HZ = 16000
NARROW_BAND_HZ = 8000


class Pesq:
    """`pesq`: MOS-LQO of ITU-T P.862.2 (wide band) at 16 kHz, of P.862.1 (narrow band) at 8 kHz.

    From about 1 (bad) to 4.64 (wide band) or 4.55 (narrow band), which the target itself has; the two are not
    comparable. Any other rate is resampled to 16 kHz, and the signature says so. A silent estimate, no utterance, more
    than 50 utterances and less than 0.25 s are failures with a reason, never a number. Values are those of the package
    pesq.

    Args:
        mode: "wb" or "nb" at every rate. Wide band is always at 16 kHz; narrow band takes 8 and 16 kHz as they are, and
            any other rate is resampled to 8 kHz.
    """

    def __init__(self, *, mode: Literal["wb", "nb"] | None = None) -> None:
        self.mode = mode
        self.info = MetricInfo(
            name="pesq",
            unit="MOS-LQO",
            higher_is_better=True,
            description="perceptual evaluation of speech quality",
            label="PESQ",
            order=40,
            improvement="pesqi",
        )

    def signature(self, sample_rate_hz: int) -> str:
        """For example `pesq|wb|pesq:0.0.4|utterances:50|fs:16000`, or `...|fs:44100>16000|soxr:VHQ`."""
        mode, rate = _pesq_mode(sample_rate_hz, self.mode)
        head = f"pesq|{mode}|pesq:{installed_version('pesq')}|utterances:{MAX_UTTERANCES}"
        return f"{head}|{rate_signature(sample_rate_hz, wanted_hz=rate)}"

    def compute_file(
        self, *, estimate: NDArray[np.float32], reference: NDArray[np.float32], sample_rate_hz: int
    ) -> float:
        """MOS-LQO, from about 1 to 4.64 (wide band) or 4.55 (narrow band).

        Raises:
            FailedValueError: no utterance is found, or more than the package holds, the estimate is silent, the signals
                are shorter than a quarter of a second, or the package gives no number.
        """
        from pesq import BufferTooShortError, NoUtterancesError, PesqError, pesq  # noqa: PLC0415

        if not estimate.any():  # the package aligns levels, and divides by the one of the estimate
            raise FailedValueError(f"pesq_{SILENT_ESTIMATE}")
        mode, rate = _pesq_mode(sample_rate_hz, self.mode)
        estimate, reference = (
            _resampled(signal, from_hz=sample_rate_hz, to_hz=rate) for signal in (estimate, reference)
        )
        too_many = too_many_utterances(
            estimate=estimate, reference=reference, sample_rate_hz=rate, wide_band=mode == "wb"
        )
        if too_many:
            raise FailedValueError(f"pesq_too_many_utterances: {too_many}")
        try:
            value = float(pesq(rate, reference, estimate, mode))
        except NoUtterancesError:
            raise FailedValueError("pesq_no_utterance") from None
        except BufferTooShortError:
            samples = min(len(estimate), len(reference))
            raise FailedValueError(f"pesq_too_short: {samples} samples at {rate} Hz, {rate // 4} are needed") from None
        except (PesqError, ValueError, MemoryError) as error:
            raise FailedValueError(f"pesq_error: {error}") from None
        if not np.isfinite(value):
            raise FailedValueError("pesq_no_number")
        return value


def _pesq_mode(sample_rate_hz: int, mode: Literal["wb", "nb"] | None) -> tuple[str, int]:
    """Mode of the package, and the rate that it works at."""
    chosen = mode or ("nb" if sample_rate_hz == NARROW_BAND_HZ else "wb")
    if chosen == "wb":
        return "wb", WIDE_BAND_HZ
    known = sample_rate_hz in {NARROW_BAND_HZ, WIDE_BAND_HZ}
    return "nb", sample_rate_hz if known else NARROW_BAND_HZ


def _resampled(signal: NDArray[np.float32], *, from_hz: int, to_hz: int) -> NDArray[np.float32]:
    if from_hz == to_hz:
        return signal
    from ...datasets.signals.audio import resample  # noqa: PLC0415

    return resample(signal, from_hz=from_hz, to_hz=to_hz)


METRICS.register("pesq")(Pesq)
