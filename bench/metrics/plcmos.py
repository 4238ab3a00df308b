"""PLCMOS: opinion scores of speech with gaps and concealed packets, without a reference.

Source: Diener, Purin, Sootla, Saabas, Aichner & Cutler, "PLCMOS", Interspeech 2023; model v2 and features as in the
package speechmos (MIT).

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.onnx import Model, open_model
from ..outcome import TOO_SHORT, FailedValueError, Outcome, Submit, UndefinedValueError, run_model_job
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.model_files import ChosenModel, of_speechmos
from .shared.samples import rate_signature, samples_of

RATE_HZ = 16000
RATERS = 15
"""Raters drawn for each signal, whose scores are averaged, as in the package."""

_NAME = "plcmos"
_INPUTS = ("degraded_audio", "rater_embed")
_RATER_SIZE = 64
_FRAME, _HOP = 512, 256
_FLOOR_DB = -120.0  # of a bin without energy, below the lowest other one
_SILENT_DB = -80.0  # of every bin of a silent signal
_DB = 10.0 / np.log(10.0)

Array = NDArray[np.float32]


class Plcmos:
    """`plcmos`: quality of speech by PLCMOS v2, without a reference.

    Mean opinion scores from 1 (bad) to 5 (excellent), predicted by a network from the estimate alone, at 16 kHz. The
    network was trained on gaps of lost packets and what fills them: it notices what is cut out of speech or made up,
    and hardly another talker. It also takes a rater, a vector of normal numbers; here 15 raters are the same for all
    signals, where the package draws new ones for each.

    Args:
        model: `plcmos_v2.onnx`; null: the one of the package speechmos, see `pip install 'tsebench[quality]'`.
        seed: of the raters, as NumPy's `RandomState` takes it.
        on_cpu: run on the CPU, in worker processes, even if the run has a GPU.
    """

    def __init__(self, *, model: Path | None = None, seed: int = 0, on_cpu: bool = False, device: str = "cpu") -> None:
        packaged = of_speechmos("plcmos_models/plcmos_v2.onnx")
        self._seed = seed
        self.info = MetricInfo(
            name=_NAME,
            unit="MOS",
            higher_is_better=True,
            description="quality of speech by PLCMOS v2, without a reference",
            label="PLCMOS",
            needs_reference=False,
            needs_reference_energy=False,
            reference_value=f"{_NAME}_reference",
            options=packaged.required,
            install=packaged.install,
        )
        where = f"metric {_NAME!r}"
        opening = partial(open_model, where=where, device="cpu" if on_cpu else device, inputs=_INPUTS)
        self._chosen = ChosenModel(model, packaged, opening, where=where)

    def signature(self, sample_rate_hz: int) -> str:
        """`plcmos|model:...|sha256:...|onnxruntime:...|raters:15|seed:0|fs:16000`."""
        rate = rate_signature(sample_rate_hz, wanted_hz=RATE_HZ)
        return f"{_NAME}|{self._chosen.model.signature()}|raters:{RATERS}|seed:{self._seed}|{rate}|tsebench:1"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """The score of each estimate."""
        model = self._chosen.model
        job = partial(_scored, sample_rate_hz=sample_rate_hz, model=model, seed=self._seed)
        signals = (samples_of(answer.estimate) for answer in answers)
        return [run_model_job(partial(job, signal), device=model.device, submit=submit) for signal in signals]


def _scored(signal: Array, *, sample_rate_hz: int, model: Model, seed: int) -> float:
    """The score of one signal [T], in any process."""
    from ...datasets.signals.audio import resample  # noqa: PLC0415

    if not len(signal):
        raise UndefinedValueError(f"{TOO_SHORT}: the estimate is empty")
    features = plc_features(resample(signal, from_hz=sample_rate_hz, to_hz=RATE_HZ))[None, None]
    audio, rater = _INPUTS
    scores = [model.call({audio: features, rater: each[None]})[0].item() for each in _raters(seed)]
    value = float(np.mean(scores))
    if not np.isfinite(value):
        raise FailedValueError("non_finite_value")
    return value


def plc_features(signal: Array) -> Array:
    """Spectrum of a signal [T] at 16 kHz as the model takes it: natural logarithm of the power over 20.

    Frames of 512 samples every 256, the first of which begins 256 samples before the signal; zeros beyond both ends;
    periodic Hamming window. Bins without energy lie 120 dB below the lowest other one, or at −80 dB in silence.

    Returns:
        [1 + ⌈T / 256⌉, 257].
    """
    count = 1 + -(-len(signal) // _HOP)
    padded = np.zeros((count - 1) * _HOP + _FRAME, dtype=np.float64)
    padded[_HOP : _HOP + len(signal)] = signal
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    amplitude = np.abs(np.fft.rfft(frames * np.hamming(_FRAME + 1)[:-1]))
    power = np.square(amplitude)
    sounding = power > 0.0
    floor = np.log(power[sounding].min()) + _FLOOR_DB / _DB if sounding.any() else _SILENT_DB / _DB
    levels = np.full_like(power, floor)
    np.log(power, out=levels, where=sounding)
    return np.asarray(levels / 20.0, dtype=np.float32)


@lru_cache(maxsize=4)
def _raters(seed: int) -> Array:
    """[15, 64] vectors of raters."""
    return np.asarray(np.random.RandomState(seed).normal(size=(RATERS, _RATER_SIZE)), dtype=np.float32)


METRICS.register(_NAME)(Plcmos)
