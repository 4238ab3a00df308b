"""Level of the output against the mixture, for all trials, and false extractions where the target is absent.

Delcroix et al., "Listen only to me! How well can target speech extraction handle false alarms?", Interspeech 2022,
detect an absent target by the energy of the output; `bench.statistics.detection` has the curves.
"""

from __future__ import annotations

from ...core import ratios
from ...core.arrays import Array, float64
from .protocol import MetricInfo, Signals
from .registry import METRICS
from .shared.batches import in_chunks


class OutputLevel:
    """`output_level`: 10 log10(‖ŝ‖² / ‖x‖²), level of the output ŝ against the mixture x, target present or not.

    It says nothing on quality. Over trials with and without a target it is the score of a detector: a system that
    knows who is absent is loud for the first and silent for the second. Where the target is absent, it is the value of
    `attenuation`.

    Args:
        floor_db: value of a silent output, and of anything below it.
    """

    takes_arrays = True

    def __init__(self, *, floor_db: float = -120.0) -> None:
        self.info = MetricInfo(
            name="output_level",
            unit="dB",
            description="level of the output against the mixture, whether the target is present or not",
            label="Output level",
            order=82,
            scope="any",
            floor_db=floor_db,
            needs_reference_energy=False,
            needs_reference=False,
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`output_level|f64|floor:-120|tsebench:1`."""
        return f"output_level|f64|floor:{self.info.floor_db:g}|tsebench:1"

    def compute(self, signals: Signals) -> Array:
        """Level [B] in dB, float64."""
        return in_chunks(_level_db, signals, cpu_samples=None)


class FalseExtractionRate:
    """`false_extraction_rate`: share of trials without a target in which the system gives something.

    A trial has 100 % if the output is louder than `level_db` against the mixture, else 0 %; the mean over a set is the
    share. A voice that is extracted from a mixture of two at equal levels stands at −3 dB, so the default counts whole
    voices and lets their remains pass; reports draw the share over all levels.

    Args:
        level_db: level of the output against the mixture above which something is extracted.
    """

    takes_arrays = True

    def __init__(self, *, level_db: float = -10.0) -> None:
        self._level_db = level_db
        self.info = MetricInfo(
            name="false_extraction_rate",
            unit="%",
            higher_is_better=False,
            description=f"trials without a target whose output is above {level_db:g} dB of the mixture",
            label="False extractions",
            order=81,
            scope="absent",
            needs_reference_energy=False,
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`false_extraction_rate|level:-10|f64|tsebench:1`."""
        return f"false_extraction_rate|level:{self._level_db:g}|f64|tsebench:1"

    def compute(self, signals: Signals) -> Array:
        """100 or 0 [B], float64."""
        above = in_chunks(_level_db, signals, cpu_samples=None) > self._level_db
        return 100.0 * float64(above)


def _level_db(signals: Signals) -> Array:
    return ratios.attenuation_db(mixture=float64(signals.mixture), estimate=float64(signals.estimate))


METRICS.register("output_level")(OutputLevel)
METRICS.register("false_extraction_rate")(FalseExtractionRate)
