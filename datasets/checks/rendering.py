"""Checks of rendered audio: every mixture renders, with the right lengths and with sane levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...core.errors import AudioError, CorpusError, DatasetError
from ...core.progress import ProgressFactory
from ..dataset import Dataset
from ..protocols.renderer import Rendered, in_mixture
from ..renderers.recorded import RECORDED
from ..renderers.scaper import CLIPPED, ISOLATED_CLIPPED
from ..signals.audio import resampled_length
from ..signals.mixing import SILENT_DB, power_db
from ..types import Clip, Mixture, Query, Source, Truth
from .finding import Finding, judged, spread

# Full scale of 16 bits: a sample there may have been higher.
_FULL_SCALE = 32767 / 32768
_SUM_TOLERANCE = 1e-5
# Renderers of protocols whose mixtures end with the shortest or with the longest utterance.
_CUT = frozenset({CLIPPED, ISOLATED_CLIPPED})  # renderers that cut signals at full scale
_MIN_OR_MAX = frozenset({"librimix", "wsj0_mix"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Defects and measurements of one rendered mixture.

    Attributes:
        modes: those of "min" and "max" that the length fits; None without such a rule.
        clipped: samples of the mixture at full scale, of a set with 16 bits.
        enrollments_s: durations.
    """

    broken: tuple[str, ...] = ()
    lengths: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    modes: frozenset[str] | None = None
    peak: float = 0.0
    clipped: int = 0
    enrollments_s: tuple[float, ...] = ()


def check_rendering(dataset: Dataset, *, jobs: int, sample: int | None, progress: ProgressFactory) -> list[Finding]:
    """Render mixtures with all of their trials: findings "rendering", "lengths" and "levels"."""
    trials: dict[str, list[int]] = {mixture_id: [] for mixture_id in dataset.mixtures}
    for index, trial in enumerate(dataset.trials):
        trials[trial.mixture_id].append(index)
    chosen = spread(list(trials.items()), sample)
    looks: dict[str, _Look] = {}
    with (
        ThreadPoolExecutor(max_workers=max(1, jobs)) as pool,
        progress(f"render {dataset.card.name}", len(chosen)) as advance,
    ):
        found = pool.map(lambda item: _look(dataset, *item), chosen)
        for (mixture_id, _), look in zip(chosen, found, strict=True):
            looks[mixture_id] = look
            advance(1)
    every, judge = list(looks.values()), partial(judged, looked_at=len(looks), of=len(trials))
    silent = [problem for look in every for problem in look.silent]
    return [
        judge("rendering", problems=[problem for look in every for problem in look.broken]),
        judge("lengths", problems=list(_lengths(looks)), measured=_enrollment_durations(every)),
        judge("levels", problems=silent, remarks=list(_loud(looks)), measured=_peaks(every)),
    ]


def _look(dataset: Dataset, mixture_id: str, indices: Sequence[int]) -> _Look:
    mixture = dataset.mixtures[mixture_id]
    try:
        items = [dataset[index] for index in indices]
        rendered = dataset.signals(mixture_id)
        modes = _modes(mixture, dataset)
        lengths = [*_wrong_lengths(mixture, rendered)]
        for index, (query, _) in zip(indices, items, strict=True):
            lengths += _wrong_enrollments(dataset, index, query)
    except (AudioError, CorpusError, DatasetError) as error:
        return _Look(broken=(f"mixture {mixture_id!r}: {error}",))
    samples = rendered.mixture
    if not np.isfinite(samples).all() or not np.isfinite(rendered.sources).all():
        return _Look(broken=(f"mixture {mixture_id!r} holds NaN or inf",))
    return _Look(
        broken=tuple(_wrong_sum(mixture, rendered)),
        lengths=tuple(lengths),
        silent=tuple(_silent(mixture, samples, items)),
        modes=modes,
        peak=float(np.abs(samples).max(initial=0.0)),
        clipped=_clipped(samples) if mixture.quantise == "int16" else 0,
        enrollments_s=tuple(
            len(enrollment) / query.sample_rate_hz for query, _ in items for enrollment in query.clues.enrollments
        ),
    )


def _wrong_sum(mixture: Mixture, rendered: Rendered) -> Iterator[str]:
    """A mixture is the sum of its sources, up to the rounding to 16 bits."""
    if mixture.renderer == RECORDED:
        return
    audible = rendered.sources[in_mixture(mixture)]
    if mixture.renderer in _CUT and (_clipped(rendered.mixture) or _clipped(audible)):
        return
    if mixture.quantise == "int16" or mixture.renderer == "written":
        if _clipped(rendered.mixture):
            return
        tolerance = (len(audible) + 1) / 2**15
    else:
        tolerance = _SUM_TOLERANCE * max(1.0, float(np.abs(rendered.sources).max(initial=0.0)))
    error = float(np.abs(rendered.mixture - audible.sum(axis=0)).max(initial=0.0))
    if error > tolerance:
        yield f"mixture {mixture.id!r} differs from the sum of its sources by {error:.2g}"


def _wrong_lengths(mixture: Mixture, rendered: Rendered) -> Iterator[str]:
    expected = (len(mixture.sources), mixture.num_samples)
    if rendered.sources.shape != expected or rendered.mixture.shape != expected[1:]:
        yield (
            f"mixture {mixture.id!r} has {rendered.mixture.shape[-1]} samples, and sources "
            f"{list(rendered.sources.shape)}; its recipe says {list(expected)}"
        )
    for source, audible in zip(mixture.sources, in_mixture(mixture), strict=True):
        if audible and source.onset >= mixture.num_samples:
            yield (
                f"source {source.id!r} of mixture {mixture.id!r} begins at sample {source.onset}, "
                f"after the end ({mixture.num_samples})"
            )


def _wrong_enrollments(dataset: Dataset, index: int, query: Query) -> Iterator[str]:
    trial = dataset.trials[index]
    for clip, enrollment in zip(trial.clue.enrollments, query.clues.enrollments, strict=True):
        if isinstance(clip, Clip):
            expected = _length(clip, query.sample_rate_hz, dataset)
        else:
            mixture = dataset.mixtures[clip.mixture_id]
            source = next(source for source in mixture.sources if source.id == clip.source_id)
            # An auxiliary signal may have a length of its own.
            expected = len(enrollment) if source.role == "auxiliary" else mixture.num_samples
        if len(enrollment) != expected or not expected:
            yield (f"an enrollment of trial {trial.id!r} has {len(enrollment)} samples, not {expected}")


def _length(clip: Clip, sample_rate_hz: int, dataset: Dataset) -> int:
    """Samples of a clip at the rate of the set."""
    _, rate = dataset.corpora[clip.corpus].read(clip.path, clip.start, 1)
    return resampled_length(clip.frames, from_hz=rate, to_hz=sample_rate_hz)


def _modes(mixture: Mixture, dataset: Dataset) -> frozenset[str] | None:
    """Whether the mixture ends with the shortest utterance ("min") or the longest ("max")."""
    if mixture.renderer not in _MIN_OR_MAX:
        return None
    ends = [
        source.onset + _length(source.clip, mixture.sample_rate_hz, dataset)
        for source in mixture.sources
        if _limits_length(source, mixture)
    ]
    found = {"min": min(ends), "max": max(ends)}
    return frozenset(mode for mode, end in found.items() if end == mixture.num_samples)


def _limits_length(source: Source, mixture: Mixture) -> bool:
    # LibriMix cuts s1 to the length of s2 also where it leaves s2 out.
    silent = source.role == "auxiliary" and mixture.renderer != "librimix"
    return source.role != "background" and not silent


def _lengths(looks: dict[str, _Look]) -> Iterator[str]:
    for look in looks.values():
        yield from look.lengths
    ruled = {name: look.modes for name, look in looks.items() if look.modes is not None}
    for name, modes in ruled.items():
        if not modes:
            yield f"mixture {name!r} ends neither with its shortest nor with its longest utterance"
    known = [(name, modes) for name, modes in ruled.items() if len(modes) == 1]
    for name, modes in known:
        if modes != known[0][1]:
            yield (
                f"mixture {name!r} is in mode {next(iter(modes))!r}, but mixture {known[0][0]!r} "
                f"in mode {next(iter(known[0][1]))!r}"
            )


def _silent(mixture: Mixture, samples: NDArray[np.float32], items: Sequence[tuple[Query, Truth]]) -> Iterator[str]:
    if power_db(samples) <= SILENT_DB:
        yield f"mixture {mixture.id!r} is silent ({power_db(samples):.0f} dB)"
    for query, truth in items:
        if truth.target is not None and power_db(truth.target.numpy()) <= SILENT_DB:
            yield f"the target of trial {query.id!r} is silent"
        if any(power_db(enrolled.numpy()) <= SILENT_DB for enrolled in query.clues.enrollments):
            yield f"trial {query.id!r} has a silent enrollment"


def _clipped(samples: NDArray[np.float32]) -> int:
    return int(np.count_nonzero(np.abs(samples) >= _FULL_SCALE))


def _loud(looks: dict[str, _Look]) -> Iterator[str]:
    clipped = {name: look.clipped for name, look in looks.items() if look.clipped}
    if clipped:
        yield (
            f"mixtures of 16 bits that reach full scale and may be clipped: {len(clipped)} (the "
            f"first is {next(iter(clipped))!r}), {sum(clipped.values())} samples in all"
        )
    above = [name for name, look in looks.items() if look.peak > 1.0]
    if above:
        yield f"mixtures that exceed full scale: {len(above)} (the first is {above[0]!r})"


def _peaks(looks: Sequence[_Look]) -> str:
    peaks = [look.peak for look in looks if not look.broken]
    return f"peaks {min(peaks):.3f} to {max(peaks):.3f}" if peaks else ""


def _enrollment_durations(looks: Sequence[_Look]) -> str:
    seconds = [length for look in looks for length in look.enrollments_s]
    if not seconds:
        return ""
    low, middle, high = np.quantile(seconds, [0.0, 0.5, 1.0])
    return f"enrollments {low:.2f} to {high:.2f} s, median {middle:.2f} s"
