"""Check of `tsebench doctor metrics`: every metric against its references, on this machine.

Values are computed as in a run: in padded batches of different lengths on the device, and in the process pool. The
references are in `doctor/reference_values.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import groupby

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..bench.metrics.protocol import Facts, Metric
from ..bench.metrics.registry import MetricContext, known_infos, load_metric
from ..bench.scoring.edges import Scorable
from ..bench.scoring.plan import MetricPlan
from ..bench.scoring.pool import FilePool
from ..bench.scoring.scorer import Scorer
from ..core.progress import ProgressFactory, on_console, quiet
from ..core.provenance import resolve_device
from ..datasets.corpora.synthetic_speech import SyntheticSpeech
from .reference_values import REFERENCES, Reference
from .signals import CLASSES, Case, built_in_cases

_BROKEN = (ArithmeticError, AttributeError, ImportError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of a metric with one reference.

    Attributes:
        reference: the package, or "closed form".
        cases: signals for which at least one of both has a value.
        difference: the largest one; infinite where one of both has no value, NaN without cases.
        tolerance: in the unit of the metric.
        remark: the case that is outside, or why nothing was compared.
    """

    metric: str
    reference: str
    unit: str
    cases: int = 0
    difference: float = math.nan
    tolerance: float = math.nan
    remark: str = ""
    checked: bool = True

    @property
    def passed(self) -> bool:
        """Within the tolerance, or not checked at all."""
        return not self.checked or self.difference <= self.tolerance


def check_metrics(device: str, *, jobs: int = 2, progress: ProgressFactory = quiet) -> list[Agreement]:
    """Compare every registered metric with each of its references.

    Raises:
        ConfigError: the device is unknown.
        TsebenchError: there is no speech synthesiser, or a worker process does not start.
    """
    chosen, cases = resolve_device(device), built_in_cases()
    names = [info.name for info in known_infos() if not info.options]
    context = MetricContext(device=chosen, grammar=SyntheticSpeech().grammar())
    found: list[Agreement] = []
    with FilePool(jobs) as pool, ThreadPoolExecutor(1) as threads, progress("metrics", len(names)) as advance:
        for name in names:
            found += _compared(load_metric(name, context=context), cases, chosen, pool, threads)
            advance(1)
    return found


def report_metrics(device: str, console: Console) -> bool:
    """Print how every metric agrees with its references; whether nothing is outside its tolerance."""
    agreements = check_metrics(device, progress=on_console(console))
    console.print(agreement_table(agreements))
    return all(found.passed for found in agreements)


def agreement_table(agreements: Sequence[Agreement]) -> Table:
    """One line for each metric and reference."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("metric", "reference"):
        table.add_column(heading, no_wrap=True)
    for heading in ("cases", "largest\ndifference", "allowed"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for found in agreements:
        unit = "" if ".." in found.unit else f" {found.unit}"
        allowed = f"{found.tolerance:.0e}{unit}" if found.tolerance else "equal"
        numbers = [str(found.cases), f"{found.difference:.1e}{unit}", allowed]
        verdict = Text("ok", "green") if found.passed else Text(f"PROBLEM: {found.remark}", "red")
        if not found.checked:
            numbers, verdict = [""] * 3, Text(f"not checked: {found.remark}", "yellow")
        table.add_row(found.metric, found.reference, *numbers, verdict)
    return table


def _compared(
    metric: Metric, cases: Sequence[Case], device: str, pool: FilePool, threads: ThreadPoolExecutor
) -> list[Agreement]:
    """One metric and all its references, which are computed while the pool is at work."""
    name, unit = metric.info.name, metric.info.unit
    references = REFERENCES.get(name, ())
    if not references:
        return [Agreement(metric=name, reference="", unit=unit, checked=False, remark="no reference is known")]
    cases = [case for case in cases if any(r.suits(case) for r in references)]
    # References start before the pool has work, so that both go on at once.
    expected = [threads.submit(_expected, r, cases) if _installed(r.package) else None for r in references]
    try:
        ours = _values(metric, cases, device, pool)
    except _BROKEN as error:
        ours = {case.name: f"{type(error).__name__}: {error}" for case in cases}
    return [_agreement(metric, reference, ours, theirs) for reference, theirs in zip(references, expected, strict=True)]


def _values(metric: Metric, cases: Sequence[Case], device: str, pool: FilePool) -> dict[str, float | str]:
    """Value, or why there is none, by case; all cases of one rate are one batch."""
    plan = MetricPlan(metrics=(metric,), improvements=(), reference_values=(), infos=(metric.info,))
    absent = metric.info.scope == "absent"
    pending = []
    for rate, same in groupby(cases, key=lambda case: case.sample_rate_hz):
        scorer = Scorer(plan, sample_rate_hz=rate, device=device, pool=pool)
        pending.append(scorer.submit([_scorable(case, absent=absent) for case in same]))
    scores = [score for batch in pending for score in batch.result() if score.metric == metric.info.name]
    return {s.trial_id: s.value if s.status == "ok" else f"{s.status}: {s.reason}" for s in scores}


def _scorable(case: Case, *, absent: bool) -> Scorable:
    return Scorable(
        trial_id=case.name,
        estimate=torch.from_numpy(case.estimate),
        reference=None if absent else torch.from_numpy(case.reference),
        mixture=torch.from_numpy(case.mixture),
        facts=Facts(
            interferers=torch.from_numpy(case.interferer)[None],
            transcript=case.transcript,
            active_classes=case.active_classes,
            classes=CLASSES,
            class_probabilities=torch.tensor(case.class_probabilities, dtype=torch.float64),
        ),
    )


def _installed(package: str | None) -> bool:
    return package is None or find_spec(package) is not None


def _expected(reference: Reference, cases: Sequence[Case]) -> dict[str, float]:
    return {case.name: reference.value(case) for case in cases}


def _agreement(
    metric: Metric, reference: Reference, ours: Mapping[str, float | str], theirs: Future[dict[str, float]] | None
) -> Agreement:
    blank = Agreement(
        metric=metric.info.name, reference=_label(reference), unit=metric.info.unit, tolerance=reference.tolerance
    )
    if theirs is None:
        return replace(blank, checked=False, remark=f"pip install {reference.distribution or reference.package}")
    try:
        return _judged(blank, ours, theirs.result(), metric.info.floor_db)
    except _BROKEN as error:
        return replace(blank, checked=False, remark=f"{reference.package} breaks: {type(error).__name__}: {error}")


def _label(reference: Reference) -> str:
    if reference.package is None:
        return "closed form"
    distribution = reference.distribution or reference.package
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return distribution


def _judged(
    blank: Agreement, ours: Mapping[str, float | str], theirs: Mapping[str, float], floor_db: float | None
) -> Agreement:
    floor = -math.inf if floor_db is None else floor_db
    worst, name, cases = -math.inf, "", 0
    for case, value in ours.items():
        # max(NaN, x) is NaN: a reference without a value stays without one.
        expected = max(theirs[case], floor)
        if isinstance(value, str) and math.isnan(expected):
            continue
        cases += 1
        difference = math.inf if isinstance(value, str) or math.isnan(expected) else abs(value - expected)
        if difference > worst:
            shown = value if isinstance(value, str) else f"{value:.6g}"
            worst, name = difference, f"{case}: {shown}, not {expected:.6g}"
    if not cases:
        return replace(blank, checked=False, remark="no case has a value")
    return replace(blank, cases=cases, difference=worst, remark=name)
