"""Metrics that are ratios of energies, computed in float64 for a whole batch on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ...core import ratios
from ...core.arrays import Array, float64
from .protocol import MetricInfo, Signals
from .registry import METRICS
from .shared.batches import in_chunks

REVISION = "tsebench:1"
"""Last part of the signatures of SNR and attenuation; raised whenever a value changes."""

SCALED_REVISION = "tsebench:2"
"""The same of SI-SDR and SD-SDR; the first one cut all values at the floor, not only those of silence."""

FLOOR_DB = -30.0
"""Default value of a silent estimate of a present target."""


class Snr:
    """`snr`: 10 log10(‖s‖² / ‖s − ŝ‖²) of the target s and the estimate ŝ.

    It depends on the level of the estimate: a perfect one at half the target's level has 6 dB. A silent estimate has 0
    dB by the formula, a worse one less, and perfection 156.5 dB.
    """

    takes_arrays = True

    def __init__(self) -> None:
        self.info = MetricInfo(
            name="snr",
            unit="dB",
            higher_is_better=True,
            description="signal-to-noise ratio; depends on the level of the estimate",
            label="SNR",
            order=10,
            rank_order=5,
            improvement_rank_order=1,
            improvement="snri",
            needs_phase=True,
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`snr|f64|tsebench:1`."""
        return f"snr|f64|{REVISION}"

    def compute(self, signals: Signals) -> Array:
        """SNR [B] in dB, float64."""
        return in_chunks(self._values, signals, cpu_samples=None)

    def _values(self, signals: Signals) -> Array:
        return ratios.snr_db(estimate=float64(signals.estimate), reference=float64(signals.reference))


class _ScaledSdr:
    """Common part of SI-SDR and SD-SDR.

    s is the target, ŝ the estimate and αs, with α = ⟨ŝ, s⟩ / ‖s‖², the part of the estimate that is target. Values lie
    between ±156.5 dB; only a silent estimate has `floor_db`. Source: Le Roux et al., "SDR: half-baked or well done?",
    ICASSP 2019.

    Args:
        zero_mean: remove the mean of both signals first. So do asteroid and the SI-SNR of torchmetrics (its SI-SDR
            only on request); ESPnet and VERSA keep the mean.
        floor_db: value of a silent estimate; any other one keeps its value, however low.
    """

    takes_arrays = True
    _name: ClassVar[str]
    _description: ClassVar[str]
    _orders: ClassVar[tuple[int | None, int | None, int | None]] = (None, None, None)
    _ratio: ClassVar[Callable[..., Array]]

    def __init__(self, *, zero_mean: bool = True, floor_db: float = FLOOR_DB) -> None:
        self.zero_mean = zero_mean
        self.info = MetricInfo(
            name=self._name,
            unit="dB",
            higher_is_better=True,
            description=self._description,
            label=self._name.upper().replace("_", "-"),
            order=self._orders[0],
            rank_order=self._orders[1],
            improvement_rank_order=self._orders[2],
            improvement=f"{self._name}i",
            silent_db=floor_db,
            needs_phase=True,
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`si_sdr|zero_mean:true|f64|silent:-30|tsebench:2`."""
        mean = str(self.zero_mean).lower()
        return f"{self._name}|zero_mean:{mean}|f64|silent:{self.info.silent_db:g}|{SCALED_REVISION}"

    def compute(self, signals: Signals) -> Array:
        """Values [B] in dB, float64."""
        return in_chunks(self._values, signals, cpu_samples=None)

    def _values(self, signals: Signals) -> Array:
        return self._ratio(
            estimate=float64(signals.estimate),
            reference=float64(signals.reference),
            zero_mean=self.zero_mean,
            lengths=_lengths(signals),
        )


def _lengths(signals: Signals) -> Array | None:
    """None where nothing is padded, so that means need no mask."""
    padded = bool((signals.lengths < signals.estimate.shape[-1]).any())
    return signals.lengths if padded else None


class SiSdr(_ScaledSdr):
    """`si_sdr`: scale-invariant SDR, 10 log10(‖αs‖² / ‖αs − ŝ‖²); the level of the estimate does not matter."""

    _name = "si_sdr"
    _description = "scale-invariant signal-to-distortion ratio"
    _orders = (20, 4, 2)
    _ratio = staticmethod(ratios.si_sdr_db)


class SdSdr(_ScaledSdr):
    """`sd_sdr`: scale-dependent SDR, 10 log10(‖αs‖² / ‖s − ŝ‖²), never above SI-SDR."""

    _name = "sd_sdr"
    _description = "scale-dependent signal-to-distortion ratio"
    _ratio = staticmethod(ratios.sd_sdr_db)


class Attenuation:
    """`attenuation`: level of the output against the mixture, −10 log10(‖x‖² / ‖ŝ‖²), where the target is absent.

    The right answer is silence: 0 dB is the mixture x itself, −120 dB (`floor_db`) a silent output ŝ or one that is as
    good as silent.

    Args:
        floor_db: value of a silent output, and of anything below it.
    """

    takes_arrays = True

    def __init__(self, *, floor_db: float = -120.0) -> None:
        self.info = MetricInfo(
            name="attenuation",
            unit="dB",
            higher_is_better=False,
            description="level of the output against the mixture where the target is absent",
            label="Attenuation",
            order=80,
            rank_order=3,
            scope="absent",
            floor_db=floor_db,
            needs_reference_energy=False,
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`attenuation|f64|floor:-120|tsebench:1`."""
        return f"attenuation|f64|floor:{self.info.floor_db:g}|{REVISION}"

    def compute(self, signals: Signals) -> Array:
        """Attenuation [B] in dB, float64; down is better."""
        return in_chunks(self._values, signals, cpu_samples=None)

    def _values(self, signals: Signals) -> Array:
        return ratios.attenuation_db(mixture=float64(signals.mixture), estimate=float64(signals.estimate))


METRICS.register("snr")(Snr)
METRICS.register("si_sdr")(SiSdr)
METRICS.register("sd_sdr")(SdSdr)
METRICS.register("attenuation")(Attenuation)
