"""Every variant of a metric that papers give under one name, side by side, for folders of files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ...core.progress import Advance, ProgressFactory, quiet
from ..metrics.bsseval import Sdr
from ..metrics.energy import SdSdr, SiSdr, Snr
from ..metrics.pesq import Pesq
from ..metrics.protocol import Metric
from ..metrics.registry import MetricContext, load_metric
from ..metrics.shared.error_rates import ErrorRate
from ..metrics.stoi import Stoi
from ..outcome import Score
from ..run.evaluation import Evaluation
from ..scoring.plan import MetricPlan, MetricSpec
from ..scoring.pool import FilePool
from .channels import Folder
from .file_set import FileSet
from .paired_files import PairedFiles
from .variant import Quantity, Variant, VariantLine, VariantScores
from .word_variants import RATES, same_recogniser, word_lines


def variants() -> tuple[Variant, ...]:
    """All variants, the default one of each metric first.

    SI-SDR depends on the angle between the signals alone, so that swapping them changes nothing.
    """
    plain = (
        Variant(name="sdr", label="BSSEval SDR", family="sdr", metric=Sdr()),
        Variant(name="si_sdr", label="SI-SDR", family="sdr", metric=SiSdr()),
        Variant(name="si_sdr_mean_kept", label="SI-SDR, mean kept", family="sdr", metric=SiSdr(zero_mean=False)),
        Variant(name="sd_sdr", label="SD-SDR", family="sdr", metric=SdSdr()),
        Variant(name="sd_sdr_mean_kept", label="SD-SDR, mean kept", family="sdr", metric=SdSdr(zero_mean=False)),
        Variant(name="snr", label="SNR", family="sdr", metric=Snr()),
        Variant(name="pesq_wb", label="PESQ wide band", family="pesq", metric=Pesq(mode="wb")),
        Variant(name="pesq_nb", label="PESQ narrow band", family="pesq", metric=Pesq(mode="nb")),
        Variant(name="stoi", label="STOI", family="stoi", metric=Stoi()),
        Variant(name="estoi", label="ESTOI", family="stoi", metric=Stoi(extended=True)),
    )
    return tuple(with_swaps for variant in plain for with_swaps in _with_swap(variant))


def word_error_rate(choices: Sequence[MetricSpec], device: str) -> Metric:
    """The word error rate among the metrics of the command, else one of the recogniser of another rate, or the default.

    Raises:
        ConfigError: a setting is unknown or wrong.
    """
    context = MetricContext(device=device)
    named = {choice.name: choice.options for choice in choices if choice.name in RATES}
    name, options = next(((name, named[name]) for name in RATES if name in named), ("wer", {}))
    metric = load_metric(name, options, context=context)
    if name == "wer" or not isinstance(metric, ErrorRate):
        return metric
    return load_metric("wer", {**options, "language": metric.language}, context=context)


def score_variants(
    files: PairedFiles,
    *,
    system: str,
    device: str,
    wer: Metric | None = None,
    known: Iterable[Score] = (),
    known_of_mixture: Iterable[Score] = (),
    jobs: int = 2,
    progress: ProgressFactory = quiet,
) -> VariantScores:
    """Compute all variants, and their improvements where there are mixtures.

    Args:
        device: where batched metrics are computed: "cpu", "cuda", ...
        wer: a word error rate; its variants join the others where there are transcripts.
        known: scores of the estimates that are there already: variants of their signatures are not computed again, and
            texts of their recogniser are counted again.
        known_of_mixture: the same of the mixtures.
        jobs: processes for metrics of one file.

    Raises:
        TsebenchError: a worker process does not start.
    """
    chosen = list(variants())
    if wer and files.transcripts:
        chosen.append(Variant(name="wer", label="WER", family="wer", metric=wer))
    found = _reused(chosen, files, known)
    base = _reused(chosen, files, known_of_mixture)
    trials = FileSet(files)
    folders: list[tuple[Folder, str, dict[str, list[Score]]]] = [("estimates", "", found)]
    folders += [("mixtures", " of mixture", base)] if files.mixtures else []
    with FilePool(jobs) as pool:
        for what in ("variants", "swapped variants"):
            side = [variant for variant in chosen if variant.swapped == (what != "variants")]
            for folder, of, scores in folders:
                lacking = [variant for variant in side if variant.name not in scores]
                if lacking:
                    evaluation = _evaluation(lacking, trials, device, pool)
                    with progress(f"{what}{of}", len(files.keys)) as advance:
                        scores.update(_scores(lacking, evaluation, trials, folder, advance))
    lines: list[VariantLine] = []
    for variant in chosen:
        values = found[variant.name]
        if variant.family == "wer":
            lines += word_lines(variant.metric, values, base.get(variant.name, []), files.transcripts)
            continue
        lines.append(_line(variant, "value", values))
        if base:
            lines.append(_line(variant, "improvement", _gains(values, base[variant.name])))
    end = files.signature_end
    return VariantScores(system=system, lines=tuple(replace(line, signature=line.signature + end) for line in lines))


def _reused(chosen: Sequence[Variant], files: PairedFiles, known: Iterable[Score]) -> dict[str, list[Score]]:
    """Known scores by name of the variant, in the order of the keys, where all trials have one of its signature."""
    by_signature: dict[str, dict[str, Score]] = {}
    for score in known:
        own = score.signature.removesuffix(files.signature_end)
        by_signature.setdefault(own, {})[score.trial_id] = replace(score, signature=own)
    found: dict[str, list[Score]] = {}
    for variant in chosen:
        metric, rate = variant.metric, files.sample_rate_hz
        same = same_recogniser(metric, by_signature, rate) if isinstance(metric, ErrorRate) else metric.signature(rate)
        scores = {} if variant.swapped else by_signature.get(same, {})
        if scores and all(key in scores for key in files.keys):
            found[variant.name] = [scores[key] for key in files.keys]
    return found


def _evaluation(side: Sequence[Variant], trials: FileSet, device: str, pool: FilePool) -> Evaluation:
    """The evaluation of variants that have the same roles; `score` itself plans fewer metrics."""
    metrics = tuple(variant.metric for variant in side)
    plan = MetricPlan(metrics=metrics, improvements=(), reference_values=(), infos=tuple(m.info for m in metrics))
    # Variants share names and signatures with metrics of runs, so that their scores stay out of the cache.
    return Evaluation(trials, plan, device=device, pool=pool, cache=None, swap_roles=side[0].swapped)


def _scores(
    side: Sequence[Variant], evaluation: Evaluation, trials: FileSet, folder: Folder, advance: Advance
) -> dict[str, list[Score]]:
    """Scores of the files in a folder by name of the variant, in the order of the keys."""
    source = trials.answers(folder)
    names = {variant.metric.info.name for variant in side}
    found: dict[str, list[Score]] = {variant.name: [] for variant in side}
    for part in evaluation.run(source, range(len(evaluation.chunks))):
        whole = [score for score in part.scores if score.metric in names]  # without their parts
        for place, score in enumerate(whole):  # trials outer, variants inner
            found[side[place % len(side)].name].append(score)
        advance(len(part.trials))
    return found


def _with_swap(variant: Variant) -> Iterable[Variant]:
    yield variant
    if variant.metric.info.name != "si_sdr":
        yield replace(variant, name=f"{variant.name}_swapped", label=f"{variant.label}, swapped", swapped=True)


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
