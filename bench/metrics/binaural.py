"""Metrics of two channels: ratios at both ears, and how well level and time differences between ears are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from ...core import ratios
from ...core.arrays import as_array, float64, namespace
from ..outcome import Outcome, Submit, failed, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.interaural import MOST_ITD_S, Ear, ild_db, itd_s

Ears = Annotated[
    tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]],
    Field(description="channels of the left and the right ear, from 0"),
]

SILENT_DB: Final = -30.0
"""SI-SDR of an ear at which the estimate is silent, as that of `si_sdr`."""

_SILENCE = 1e-30
_Pair = Sequence[Ear]
_Side = Literal["left", "right"]
_LEFT_RIGHT = (0, 1)


class BinauralMetric(ABC):
    """A metric of the two ears of estimate and target.

    Undefined where the target has fewer channels than the ears need (`one_channel`) or the estimate has
    (`estimate_has_one_channel`), and where an ear is silent and the formula needs a sound there.

    Args:
        info: name, unit and direction.
        ears: channels of the left and the right ear.
        settings: further settings of the signature.
    """

    takes_arrays = True

    def __init__(self, info: MetricInfo, *, ears: tuple[int, int], settings: str = "") -> None:
        self.info, self._ears, self._settings = info, ears, settings

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`ild_error|ears:0,1|f64|tsebench:1`."""
        left, right = self._ears
        return f"{self.info.name}|ears:{left},{right}|{self._settings}f64|tsebench:1"

    def judge(
        self,
        answers: Sequence[Answered],
        *,
        sample_rate_hz: int,
        submit: Submit,  # noqa: ARG002
    ) -> Sequence[Outcome]:
        """One value for each answer."""
        return [self._outcome(answer, sample_rate_hz) for answer in answers]

    @abstractmethod
    def _value(self, estimate: _Pair, reference: _Pair, sample_rate_hz: int) -> Outcome:
        """The value of both ears [T] of an answer."""

    def _outcome(self, answer: Answered, sample_rate_hz: int) -> Outcome:
        wanted, given = answer.facts.reference_channels, answer.facts.estimate_channels
        if wanted is None or len(wanted) <= max(self._ears):
            return undefined("one_channel")
        if given is None or len(given) <= max(self._ears):
            return undefined("estimate_has_one_channel")
        if not bool(namespace(given).isfinite(given).all()):
            return failed("non_finite: a channel holds NaN or inf")
        estimate, reference = ([float64(as_array(s[ear])) for ear in self._ears] for s in (given, wanted))
        return self._value(estimate, reference, sample_rate_hz)


class BinauralRatio(BinauralMetric):
    """SNR or SI-SDR in dB at one ear, or the mean of both; formulas and edge cases are those of `snr` and `si_sdr`.

    Args:
        base: the ratio.
        side: an ear; None: the mean of both.
    """

    def __init__(self, *, base: Literal["snr", "si_sdr"], side: _Side | None, ears: tuple[int, int]) -> None:
        self._base = base
        self._chosen = {"left": (0,), "right": (1,)}.get(side or "", _LEFT_RIGHT)
        title = base.upper().replace("_", "-")
        end = f"_{side}" if side else ""
        order = {"snr": 11, "si_sdr": 21}[base]
        info = MetricInfo(
            name=f"binaural_{base}{end}",
            unit="dB",
            higher_is_better=True,
            description=f"{title} at the {side} ear" if side else f"mean {title} of both ears",
            order=order + (1 if side == "left" else 2 if side == "right" else 0),
            improvement=f"binaural_{base}i{end}",
            needs_phase=True,
            needs_reference_energy=False,
            needs=("channels",),
        )
        settings = "" if base == "snr" else f"zero_mean:true|silent:{SILENT_DB:g}|"
        super().__init__(info, ears=ears, settings=settings)

    def _value(self, estimate: _Pair, reference: _Pair, sample_rate_hz: int) -> Outcome:  # noqa: ARG002
        if any(_silent(reference[ear]) for ear in self._chosen):
            return undefined("silent_reference")
        values = [self._of_ear(estimate[ear], reference[ear]) for ear in self._chosen]
        return Outcome(value=sum(values) / len(values), status="ok")

    def _of_ear(self, estimate: Ear, reference: Ear) -> float:
        if self._base == "si_sdr" and _silent(estimate):
            return SILENT_DB
        ratio = ratios.snr_db if self._base == "snr" else ratios.si_sdr_db
        return float(ratio(estimate=estimate, reference=reference))


class IldError(BinauralMetric):
    """`ild_error`: |ILD(ŝ) − ILD(s)| in dB, with ILD = 10 log10(‖left‖² / ‖right‖²) over the whole signal.

    Undefined (`silent_ear`) where an ear of estimate or target is silent. Source: C. Han, Y. Luo and N. Mesgarani,
    "Real-time binaural speech separation with preserved spatial cues", ICASSP 2020.
    """

    def _value(self, estimate: _Pair, reference: _Pair, sample_rate_hz: int) -> Outcome:  # noqa: ARG002
        if any(map(_silent, (*estimate, *reference))):
            return undefined("silent_ear")
        return Outcome(value=abs(ild_db(*estimate) - ild_db(*reference)), status="ok")


class ItdError(BinauralMetric):
    """`itd_error`: |ITD(ŝ) − ITD(s)| in µs, with ITD the maximum of the cross-correlation of both ears within ±1 ms.

    The maximum is found between samples (`shared/interaural.py`). A cross-correlation of a tone repeats with its
    period; this metric is for sounds of several frequencies. Undefined (`silent_ear`) where an ear of estimate or
    target is silent. Source as `ild_error`.
    """

    def _value(self, estimate: _Pair, reference: _Pair, sample_rate_hz: int) -> Outcome:
        if any(map(_silent, (*estimate, *reference))):
            return undefined("silent_ear")
        found, wanted = (itd_s(*ears, sample_rate_hz=sample_rate_hz) for ears in (estimate, reference))
        return Outcome(value=1e6 * abs(found - wanted), status="ok")


def _silent(ear: Ear) -> bool:
    """Whether a signal carries no sound, as `bench.scoring.edges.is_silent`."""
    return not ear.size or float(ear.max() - ear.min()) <= _SILENCE


@METRICS.register("binaural_snr")
def binaural_snr(*, ears: Ears = _LEFT_RIGHT) -> BinauralRatio:
    """SNR in dB, mean of both ears: of binaural systems, whose estimates have two channels."""
    return BinauralRatio(base="snr", side=None, ears=ears)


@METRICS.register("binaural_snr_left")
def binaural_snr_left(*, ears: Ears = _LEFT_RIGHT) -> BinauralRatio:
    """SNR in dB at the left ear."""
    return BinauralRatio(base="snr", side="left", ears=ears)


@METRICS.register("binaural_snr_right")
def binaural_snr_right(*, ears: Ears = _LEFT_RIGHT) -> BinauralRatio:
    """SNR in dB at the right ear."""
    return BinauralRatio(base="snr", side="right", ears=ears)


@METRICS.register("binaural_si_sdr")
def binaural_si_sdr(*, ears: Ears = _LEFT_RIGHT) -> BinauralRatio:
    """SI-SDR in dB, mean of both ears; each ear is scaled by itself, so level differences between ears do not count."""
    return BinauralRatio(base="si_sdr", side=None, ears=ears)


@METRICS.register("binaural_si_sdr_left")
def binaural_si_sdr_left(*, ears: Ears = _LEFT_RIGHT) -> BinauralRatio:
    """SI-SDR in dB at the left ear."""
    return BinauralRatio(base="si_sdr", side="left", ears=ears)


@METRICS.register("binaural_si_sdr_right")
def binaural_si_sdr_right(*, ears: Ears = _LEFT_RIGHT) -> BinauralRatio:
    """SI-SDR in dB at the right ear."""
    return BinauralRatio(base="si_sdr", side="right", ears=ears)


@METRICS.register("ild_error")
def ild_error(*, ears: Ears = _LEFT_RIGHT) -> IldError:
    """Error of the level difference between the ears in dB, see `IldError`."""
    info = MetricInfo(
        name="ild_error",
        unit="dB",
        higher_is_better=False,
        description="error of the level difference between the ears",
        label="ILD error",
        order=140,
        needs_reference_energy=False,
        needs=("channels",),
    )
    return IldError(info, ears=ears)


@METRICS.register("itd_error")
def itd_error(*, ears: Ears = _LEFT_RIGHT) -> ItdError:
    """Error of the time difference between the ears in µs, see `ItdError`."""
    info = MetricInfo(
        name="itd_error",
        unit="µs",
        higher_is_better=False,
        description="error of the time difference between the ears",
        label="ITD error",
        order=141,
        needs_reference_energy=False,
        needs=("channels",),
    )
    return ItdError(info, ears=ears, settings=f"most:{1e3 * MOST_ITD_S:g}ms|")
