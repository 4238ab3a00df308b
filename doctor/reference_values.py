"""Reference values of the metrics that share no code with them: packages, and closed forms in float64 NumPy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..bench.asr.protocol import open_recogniser
from ..bench.metrics.shared.pesq_utterances import too_many_utterances
from ..core.mel import slaney_filters
from ..datasets.corpora.synthetic_speech import SyntheticSpeech
from .signals import CLASSES, Case

_Signal = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A second implementation of a metric.

    Attributes:
        value: the value of a case; NaN where there is none.
        tolerance: largest difference that is allowed, in the unit of the metric.
        package: module that must be there, or None for a closed form.
        distribution: what to install for it, if it has another name.
        suits: which cases are looked at; a recogniser takes its time.
    """

    value: Callable[[Case], float]
    tolerance: float
    package: str | None = None
    distribution: str | None = None
    suits: Callable[[Case], bool] = lambda _: True


def _snr_db(case: Case) -> float:
    """10 log10(‖s‖² / ‖s − ŝ‖²)."""
    estimate, reference = _pair(case)
    return _ratio_db(reference, reference - estimate)


def _scaled_db(case: Case, *, error_to_scaled: bool) -> float:
    """SI-SDR or SD-SDR, α = ⟨ŝ, s⟩ / ‖s‖² (Le Roux et al., 2019).

    10 log10(‖αs‖² / ‖αs − ŝ‖²) with the error to the scaled reference, else 10 log10(‖αs‖² / ‖s − ŝ‖²).
    """
    estimate, reference = (signal - signal.mean() for signal in _pair(case))
    target = reference * (estimate @ reference) / (reference @ reference)
    return _ratio_db(target, (target if error_to_scaled else reference) - estimate)


_si_sdr_db = partial(_scaled_db, error_to_scaled=True)


def _mel_distance_db(case: Case, *, active: bool) -> float:
    """Mean of |difference| in dB between mel powers of estimate and reference, frame by frame."""
    length, hop = round(0.032 * case.sample_rate_hz), round(0.008 * case.sample_rate_hz)
    window = np.hanning(length + 1)[:-1]
    filters = slaney_filters(64, n_fft=length, sample_rate_hz=case.sample_rate_hz)
    starts = range(0, len(case.reference), hop)
    estimate, reference = (
        np.array([filters @ np.abs(np.fft.rfft(padded[start : start + length] * window)) ** 2 for start in starts])
        for padded in (np.pad(signal, length // 2) for signal in _pair(case))
    )
    floor = 1e-6 * reference.max()
    distance = np.abs(10.0 * np.log10(np.maximum(estimate, floor) / np.maximum(reference, floor)))
    return float(distance[reference > floor].mean() if active else distance.mean())


def _attenuation_db(case: Case) -> float:
    """−10 log10(‖x‖² / ‖ŝ‖²) (query-refinement paper, eq. 9)."""
    return -_ratio_db(case.mixture.astype(np.float64), case.estimate.astype(np.float64))


def _sdr_by_mir_eval(case: Case) -> float:
    from mir_eval.separation import bss_eval_sources  # noqa: PLC0415

    estimate, reference = _pair(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it announces to drop the module
        found = bss_eval_sources(reference[None], estimate[None], compute_permutation=False)
    return float(found[0][0])


def _si_sdr_by_fast_bss_eval(case: Case) -> float:
    from fast_bss_eval import si_sdr  # noqa: PLC0415

    estimate, reference = _pair(case)
    return float(np.squeeze(si_sdr(reference[None], estimate[None], zero_mean=True)))


def _pesq_by_pesq(case: Case) -> float:
    from pesq import PesqError, pesq  # noqa: PLC0415

    mode = "nb" if case.sample_rate_hz == 8000 else "wb"
    signals = {"reference": case.reference, "estimate": case.estimate}
    if too_many_utterances(**signals, sample_rate_hz=case.sample_rate_hz, wide_band=mode == "wb"):
        return math.nan
    try:
        return float(pesq(case.sample_rate_hz, case.reference, case.estimate, mode))
    except PesqError:
        return math.nan


def _by_pystoi(case: Case, *, extended: bool) -> float:
    from pystoi import stoi  # noqa: PLC0415

    estimate, reference = _pair(case)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            return float(stoi(reference, estimate, case.sample_rate_hz, extended=extended))
        except RuntimeWarning:
            return math.nan


def _wer_by_hand(case: Case) -> float:
    """Levenshtein distance of the words over their number, in percent."""
    spoken, recognised = case.transcript.lower().split(), _recognised(case)
    row = np.arange(len(recognised) + 1)
    for n, word in enumerate(spoken, 1):
        best = np.minimum(row[1:] + 1, row[:-1] + [word != other for other in recognised])
        row = np.minimum.accumulate(np.concatenate([[n], best]) - np.arange(len(recognised) + 1))
        row = row + np.arange(len(recognised) + 1)
    return 100.0 * float(row[-1]) / len(spoken)


def _by_jiwer(case: Case, *, rate: str) -> float:
    import jiwer  # noqa: PLC0415

    return 100.0 * float(getattr(jiwer, rate)(case.transcript.lower(), " ".join(_recognised(case))))


def _recognised(case: Case) -> list[str]:
    """Words that the metric's recogniser finds in the estimate, by a decoder of its own."""
    recogniser = open_recogniser("pocketsphinx", device="cpu", grammar=SyntheticSpeech().grammar())
    (text,) = recogniser.transcribe([case.estimate], case.sample_rate_hz)
    return text.lower().split()


def _wrong_target(case: Case) -> float:
    """100 if SI-SDR to the interferer is higher than to the target."""
    return 100.0 * (_si_sdr_db(replace(case, reference=case.interferer)) > _si_sdr_db(case))


def _by_scikit_learn(case: Case, *, average: str, place: int) -> float:
    from sklearn.metrics import precision_recall_fscore_support  # noqa: PLC0415

    found = np.array([[p >= 0.5 for p in case.class_probabilities]])
    there = np.isin(CLASSES, case.active_classes)[None]
    scores = precision_recall_fscore_support(there, found, average=average, zero_division=np.nan)
    return float(scores[place])


def _is_utterance(case: Case) -> bool:
    return "utterance, 16000" in case.name


def _pair(case: Case) -> tuple[_Signal, _Signal]:
    return case.estimate.astype(np.float64), case.reference.astype(np.float64)


def _ratio_db(signal: _Signal, noise: _Signal) -> float:
    return 10.0 * math.log10(float(signal @ signal) / float(noise @ noise))


REFERENCES: Mapping[str, tuple[Reference, ...]] = {
    "sdr": (Reference(value=_sdr_by_mir_eval, tolerance=1e-4, package="mir_eval"),),
    "si_sdr": (
        Reference(value=_si_sdr_db, tolerance=1e-5),
        Reference(value=_si_sdr_by_fast_bss_eval, tolerance=1e-5, package="fast_bss_eval"),
    ),
    "sd_sdr": (Reference(value=partial(_scaled_db, error_to_scaled=False), tolerance=1e-5),),
    "snr": (Reference(value=_snr_db, tolerance=1e-6),),
    "attenuation": (Reference(value=_attenuation_db, tolerance=1e-6),),
    "output_level": (Reference(value=_attenuation_db, tolerance=1e-6),),
    "mel_distance": (Reference(value=partial(_mel_distance_db, active=False), tolerance=1e-6),),
    "mel_distance_active": (Reference(value=partial(_mel_distance_db, active=True), tolerance=1e-6),),
    "pesq": (Reference(value=_pesq_by_pesq, tolerance=0.0, package="pesq"),),
    "stoi": (Reference(value=partial(_by_pystoi, extended=False), tolerance=1e-6, package="pystoi"),),
    "estoi": (Reference(value=partial(_by_pystoi, extended=True), tolerance=1e-6, package="pystoi"),),
    "wer": (
        Reference(value=_wer_by_hand, tolerance=1e-9, suits=_is_utterance),
        Reference(value=partial(_by_jiwer, rate="wer"), tolerance=1e-9, package="jiwer", suits=_is_utterance),
    ),
    "cer": (Reference(value=partial(_by_jiwer, rate="cer"), tolerance=1e-9, package="jiwer", suits=_is_utterance),),
    "ter": (Reference(value=partial(_by_jiwer, rate="wer"), tolerance=1e-9, package="jiwer", suits=_is_utterance),),
    "wrong_target_rate": (Reference(value=_wrong_target, tolerance=0.0),),
    **{
        f"{average}_{quantity}": (
            Reference(
                value=partial(_by_scikit_learn, average=average, place=place),
                tolerance=1e-12,
                package="sklearn",
                distribution="scikit-learn",
            ),
        )
        for average in ("macro", "micro")
        for place, quantity in enumerate(("precision", "recall", "f1"))
    },
}
