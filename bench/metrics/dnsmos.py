"""DNSMOS: opinion scores of speech without a reference, by the models of the package speechmos, or the user's copy.

P.835 (Reddy, Gopal & Cutler 2022, "DNSMOS P.835") rates speech, background and the whole; P.808 (Reddy, Gopal & Cutler
2021, "DNSMOS") the whole. The models are those of Microsoft's DNS Challenge, and signals are cut as its script
`dnsmos_local.py` does; the package speechmos (MIT) holds these models and does the same.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...core.mel import p808_features
from ...core.onnx import Model, open_model
from ..outcome import TOO_SHORT, FailedValueError, Outcome, Submit, UndefinedValueError, run_model_job
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.model_files import ChosenModel, PackagedModel, of_speechmos
from .shared.samples import rate_signature, samples_of

RATE_HZ = 16000
WINDOW_S = 9.01
WINDOW = 144160
_P808_UNUSED = 160  # samples at the end of a window
_P808_SHAPE = (900, 120)

Windows = Literal["official", "all"]
Array = NDArray[np.float32]
Scoring = Callable[[Model, Iterable[Array]], NDArray[np.float64]]
"""Means over windows [9.01 s] of the value and its parts."""

# From raw scores to opinion scores, highest power first: speech, background, overall.
_FIT = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)
_PERSONALIZED_FIT = (
    (-0.01019296, 0.02751166, 1.19576786, -0.24348726),
    (-0.04976499, 0.44276479, -0.1644611, 0.96883132),
    (-0.00533021, 0.005101, 1.18058466, -0.11236046),
)


def window_starts(length: int, windows: Windows) -> list[int]:
    """Starts of the windows of 9.01 s, in seconds.

    "all" are those that fit, one every second. "official" are those of the script: it counts whole seconds of the
    signal less 9.01, rounded up, and cuts a window off at int((start + 9.01) · 16000), which rounding makes one sample
    too short for starts of 7 to 23 and 119 to 122 s; it silently leaves these windows out.

    Args:
        length: samples at 16 kHz, at least one window.
        windows: which.
    """
    if windows == "all":
        return list(range(1 + (length - WINDOW) // RATE_HZ))
    starts = range(1 + int(length // RATE_HZ - WINDOW_S))
    return [s for s in starts if int((s + WINDOW_S) * RATE_HZ) - s * RATE_HZ >= WINDOW]


def looped(signal: Array) -> Array:
    """A signal [T ≥ 1], doubled until it is as long as a window, as the script does."""
    while len(signal) < WINDOW:
        signal = np.concatenate([signal, signal])
    return signal


class _Windowed:
    """Mean scores of windows of the estimate; `settings` is a part of the signature."""

    def __init__(
        self, info: MetricInfo, chosen: ChosenModel[Model], *, settings: str, windows: Windows, scoring: Scoring
    ) -> None:
        self.info = info
        self._chosen, self._settings = chosen, settings
        self._windows: Windows = windows
        self._scoring = scoring

    def signature(self, sample_rate_hz: int) -> str:
        """`dnsmos|model:...|sha256:...|onnxruntime:...|<settings>|windows:...|fs:16000`."""
        rate = rate_signature(sample_rate_hz, wanted_hz=RATE_HZ)
        settings = f"{self._settings}|windows:{self._windows}"
        return f"{self.info.name}|{self._model.signature()}|{settings}|{rate}"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """Scores of each estimate."""
        job = partial(
            _scored, sample_rate_hz=sample_rate_hz, model=self._model, windows=self._windows, scoring=self._scoring
        )
        signals = (samples_of(answer.estimate) for answer in answers)
        return [run_model_job(partial(job, s), device=self._model.device, submit=submit) for s in signals]

    @property
    def _model(self) -> Model:
        return self._chosen.model


class Dnsmos(_Windowed):
    """`dnsmos`: overall quality by DNSMOS P.835; its parts are those of speech and background.

    Mean opinion scores from 1 (bad) to 5 (excellent), predicted by a network from the estimate alone, at 16 kHz, as
    means over windows of 9.01 s; a shorter estimate is repeated. It does not notice that another speaker was extracted.
    Source: Reddy, Gopal and Cutler, "DNSMOS P.835", ICASSP 2022.

    Args:
        model: `sig_bak_ovr.onnx` of the DNS Challenge, in its folder `DNSMOS` or `pDNSMOS`; null: the one of the
            package speechmos, see `pip install 'tsebench[quality]'`.
        personalized: the model is the one of `pDNSMOS`, which also penalises other talkers.
        polynomial: map the model's raw scores to opinion scores, as the script does.
        windows: windows of 9.01 s that are averaged: "all" that fit, one every second, or the "official" ones, of which
            the script of the DNS Challenge leaves some out by rounding.
        on_cpu: run on the CPU, in worker processes, even if the run has a GPU.
    """

    def __init__(
        self,
        *,
        model: Path | None = None,
        personalized: bool = False,
        polynomial: bool = True,
        windows: Windows = "official",
        on_cpu: bool = False,
        device: str = "cpu",
    ) -> None:
        fit = _PERSONALIZED_FIT if personalized else _FIT
        packaged = of_speechmos(f"{'p' * personalized}dnsmos_models/sig_bak_ovr.onnx")
        info = _info("dnsmos", "overall quality by DNSMOS P.835, without a reference", packaged)
        super().__init__(
            info,
            _chosen(info, model, packaged, (WINDOW,), "cpu" if on_cpu else device),
            settings=f"personalized:{personalized}|polynomial:{polynomial}".lower(),
            windows=windows,
            scoring=partial(_p835, fit=fit if polynomial else None),
        )


class DnsmosP808(_Windowed):
    """`dnsmos_p808`: overall quality by DNSMOS P.808.

    As `dnsmos`, from 1 to 5, without parts. Source: Reddy, Gopal and Cutler, "DNSMOS", ICASSP 2021.

    Args:
        model: `model_v8.onnx` of the DNS Challenge; null: the one of the package speechmos.
        windows: windows that are averaged, "official" or "all", as for `dnsmos`.
        on_cpu: run on the CPU, in worker processes, even if the run has a GPU.
    """

    def __init__(
        self, *, model: Path | None = None, windows: Windows = "official", on_cpu: bool = False, device: str = "cpu"
    ) -> None:
        packaged = of_speechmos("dnsmos_models/model_v8.onnx")
        info = _info("dnsmos_p808", "overall quality by DNSMOS P.808, without a reference", packaged)
        super().__init__(
            info,
            _chosen(info, model, packaged, _P808_SHAPE, "cpu" if on_cpu else device),
            settings="mel:zero_padded",
            windows=windows,
            scoring=_p808,
        )


def _scored(signal: Array, *, sample_rate_hz: int, model: Model, windows: Windows, scoring: Scoring) -> Outcome:
    """Score one signal [T], in any process."""
    from ...datasets.signals.audio import resample  # noqa: PLC0415

    if not len(signal):
        raise UndefinedValueError(f"{TOO_SHORT}: the estimate is empty")
    signal = looped(resample(signal, from_hz=sample_rate_hz, to_hz=RATE_HZ))
    starts = (s * RATE_HZ for s in window_starts(len(signal), windows))
    value, *parts = scoring(model, (signal[start : start + WINDOW] for start in starts)).tolist()
    if not np.isfinite([value, *parts]).all():
        raise FailedValueError("non_finite_value")
    return Outcome(value=value, status="ok", parts=tuple(parts))


def _p835(model: Model, windows: Iterable[Array], fit: Sequence[Sequence[float]] | None) -> NDArray[np.float64]:
    """Overall, speech and background score [3]; the model gives the first one last."""
    scores = model.run(windows).astype(np.float64)
    if fit is not None:
        scores = np.stack([np.polyval(c, scores[:, k]) for k, c in enumerate(fit)], axis=1)
    return np.asarray(scores.mean(axis=0)[[2, 0, 1]])


def _p808(model: Model, windows: Iterable[Array]) -> NDArray[np.float64]:
    """The score [1]."""
    features = (p808_features(window[:-_P808_UNUSED]) for window in windows)
    return np.asarray(model.run(features).astype(np.float64).mean(axis=0))


def _chosen(
    info: MetricInfo, path: Path | None, packaged: PackagedModel, shape: tuple[int, ...], device: str
) -> ChosenModel[Model]:
    """The model of a metric, which is tried on one window of a shape when it is opened."""
    where = f"metric {info.name!r}"
    name = Path(packaged.path).name
    opening = partial(_opened, where=where, wanted=1 + len(info.parts), shape=shape, device=device, name=name)
    return ChosenModel(path, packaged, opening, where=where)


def _opened(path: Path, *, where: str, wanted: int, shape: tuple[int, ...], device: str, name: str) -> Model:
    """A model that gives so many scores.

    Raises:
        ConfigError: it cannot be loaded, or is not the one of the metric.
    """
    hint = f"give {name} of the DNS Challenge"
    model = open_model(path, where=where, device=device)
    found = model.width(*shape, where=where, hint=hint)
    if found != wanted:
        raise ConfigError(f"{where}: model {str(path)!r} gives {found} scores, not {wanted}; {hint}")
    return model


def _info(name: str, description: str, packaged: PackagedModel) -> MetricInfo:
    whole = MetricInfo(
        name=name,
        unit="MOS",
        higher_is_better=True,
        description=description,
        label="DNSMOS" if name == "dnsmos" else "",
        needs_reference=False,
        needs_reference_energy=False,
        reference_value=f"{name}_reference",
        options=packaged.required,
        install=packaged.install,
    )
    if name != "dnsmos":
        return whole
    texts = {"dnsmos_sig": "quality of the speech by DNSMOS P.835", "dnsmos_bak": "quality of what is not speech"}
    part = replace(whole, label="", part_of=name, options=(), install="")
    parts = [
        replace(part, name=key, description=text, reference_value=f"{key}_reference") for key, text in texts.items()
    ]
    return replace(whole, parts=tuple(parts))


METRICS.register("dnsmos")(Dnsmos)
METRICS.register("dnsmos_p808")(DnsmosP808)
