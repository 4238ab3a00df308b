"""Every variant of a metric that papers give under one name, side by side, for folders of files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...core.prefetch import ahead
from ...core.progress import ProgressFactory, quiet
from ...core.provenance import resolve_device
from ..metrics.bsseval import Sdr
from ..metrics.energy import SdSdr, SiSdr, Snr
from ..metrics.pesq import Pesq
from ..metrics.protocol import Metric
from ..metrics.registry import MetricContext, load_metric
from ..metrics.stoi import Stoi
from ..scoring.edges import Scorable, check
from ..scoring.plan import MetricChoice, MetricPlan
from ..scoring.pool import FilePool
from ..scoring.scorer import Score, Scorer
from .paired_files import PairedFiles, read_scorable
from .variant import Quantity, Variant, VariantLine, VariantScores
from .word_variants import word_lines

_CHUNK = 32


def variants() -> tuple[Variant, ...]:
    """All variants, the default one of each metric first.

    SI-SDR depends on the angle between the signals alone, so that swapping them changes nothing.
    """
    plain = (
        Variant(name="sdr", label="BSSEval SDR", family="sdr", metric=Sdr()),
        Variant(name="si_sdr", label="SI-SDR", family="sdr", metric=SiSdr()),
        Variant(
            name="si_sdr_mean_kept", label="SI-SDR, mean kept", family="sdr", metric=SiSdr(zero_mean=False)
        ),
        Variant(name="sd_sdr", label="SD-SDR", family="sdr", metric=SdSdr()),
        Variant(
            name="sd_sdr_mean_kept", label="SD-SDR, mean kept", family="sdr", metric=SdSdr(zero_mean=False)
        ),
        Variant(name="snr", label="SNR", family="sdr", metric=Snr()),
        Variant(name="pesq_wb", label="PESQ wide band", family="pesq", metric=Pesq(mode="wb")),
        Variant(name="pesq_nb", label="PESQ narrow band", family="pesq", metric=Pesq(mode="nb")),
        Variant(name="stoi", label="STOI", family="stoi", metric=Stoi()),
        Variant(name="estoi", label="ESTOI", family="stoi", metric=Stoi(extended=True)),
    )
    return tuple(with_swaps for variant in plain for with_swaps in _with_swap(variant))


def word_error_rate(choices: Sequence[MetricChoice], device: str) -> Metric:
    """The word error rate that is asked for, or the default one.

    Raises:
        ConfigError: a setting is unknown or wrong.
    """
    options = next((choice.options for choice in choices if choice.name == "wer"), {})
    return load_metric("wer", options, context=MetricContext(device=resolve_device(device)))


def score_variants(
    files: PairedFiles,
    *,
    system: str,
    device: str,
    wer: Metric | None = None,
    jobs: int = 2,
    progress: ProgressFactory = quiet,
) -> VariantScores:
    """Compute all variants, and their improvements where there are mixtures.

    Args:
        files: what is scored.
        system: its name.
        device: where batched metrics are computed: "auto", "cpu", "cuda", ...
        wer: a word error rate; its variants join the others where there are transcripts.
        jobs: processes for metrics of one file.
        progress: told of every chunk of trials.

    Raises:
        AudioError: a reference or a mixture cannot be read.
        TsebenchError: a worker process does not start.
    """
    chosen = [*variants(), *([_words(wer)] if wer and files.transcripts else [])]
    with FilePool(jobs) as pool:
        work = _Work(files, chosen, resolve_device(device), pool)
        found = work.scores("variants", files.estimates, progress)
        base = work.scores("variants of mixture", files.mixtures, progress) if files.mixtures else {}
    lines: list[VariantLine] = []
    for variant in chosen:
        values = found[variant.name]
        if variant.family == "wer":
            mixture = base.get(variant.name, [])
            lines += word_lines(variant.metric, values, mixture, files.transcripts)
            continue
        lines.append(_line(variant, "value", values))
        if base:
            lines.append(_line(variant, "improvement", _gains(values, base[variant.name])))
    return VariantScores(system=system, lines=tuple(lines))


class _Work:
    """Scores of every variant for files of one kind."""

    def __init__(self, files: PairedFiles, chosen: Sequence[Variant], device: str, pool: FilePool) -> None:
        self._files, self._device, self._pool = files, device, pool
        # As given, and swapped: two batches of the same trials.
        self._sides = [[v for v in chosen if v.swapped == swapped] for swapped in (False, True)]

    def scores(
        self, what: str, folder: Mapping[str, Path], progress: ProgressFactory
    ) -> dict[str, list[Score]]:
        """Scores by name of the variant, in the order of the keys."""
        found: dict[str, list[Score]] = {v.name: [] for side in self._sides for v in side}
        keys = self._files.keys
        chunks = [keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK)]
        with progress(what, len(keys)) as advance:
            for items in ahead(lambda chunk: self._load(chunk, folder), chunks):
                for variant, score in self._chunk(items):
                    found[variant.name].append(score)
                advance(len(items))
        return found

    def _load(self, keys: Sequence[str], folder: Mapping[str, Path]) -> list[Scorable]:
        return [read_scorable(self._files, key, folder.get(key)) for key in keys]

    def _chunk(self, items: Sequence[Scorable]) -> Iterator[tuple[Variant, Score]]:
        rate = self._files.sample_rate_hz
        batches = [items, [_swapped(item, rate) for item in items]]
        pending = [self._scorer(side).submit(batch) for side, batch in zip(self._sides, batches, strict=True)]
        for side, batch in zip(self._sides, pending, strict=True):
            scores = batch.result()  # trials outer, variants inner
            names = {variant.metric.info.name for variant in side}
            whole = [score for score in scores if score.metric in names]  # without their parts
            for start in range(0, len(whole), len(side)):
                yield from zip(side, whole[start : start + len(side)], strict=True)

    def _scorer(self, side: Sequence[Variant]) -> Scorer:
        plan = MetricPlan(
            metrics=tuple(variant.metric for variant in side),
            improvements=(),
            reference_values=(),
            infos=tuple(variant.metric.info for variant in side),
        )
        return Scorer(plan, sample_rate_hz=self._files.sample_rate_hz, device=self._device, pool=self._pool)


def _words(metric: Metric) -> Variant:
    return Variant(name="wer", label="WER", family="wer", metric=metric)


def _with_swap(variant: Variant) -> Iterable[Variant]:
    yield variant
    if variant.metric.info.name != "si_sdr":
        name, label = f"{variant.name}_swapped", f"{variant.label}, swapped"
        yield replace(variant, name=name, label=label, swapped=True)


def _swapped(item: Scorable, sample_rate_hz: int) -> Scorable:
    """Roles exchanged, after the checks that only look at an estimate."""
    checked = check(item, sample_rate_hz)
    return replace(item, estimate=checked.reference, reference=checked.estimate, failure=checked.failure)


def _gains(system: Sequence[Score], mixture: Sequence[Score]) -> list[Score]:
    """System − mixture by trial; without a value where either has none."""
    return [
        replace(ours, value=ours.value - base.value) if base.status == "ok" or ours.status != "ok" else base
        for ours, base in zip(system, mixture, strict=True)
    ]


def _line(variant: Variant, quantity: Quantity, scores: Sequence[Score]) -> VariantLine:
    values = np.array([score.value for score in scores if score.status == "ok"])
    statuses = [score.status for score in scores]
    return VariantLine(
        variant=variant,
        quantity=quantity,
        n=len(values),
        n_failed=statuses.count("failed"),
        n_undefined=statuses.count("undefined"),
        n_floored=sum(1 for score in scores if "floored" in score.reason.split(";")),
        mean=float(values.mean()) if len(values) else math.nan,
        median=float(np.median(values)) if len(values) else math.nan,
        signature=scores[0].signature,
    )
