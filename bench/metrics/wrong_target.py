"""Share of trials in which a system extracts another source than the target."""

from __future__ import annotations

from ...core import ratios
from ...core.arrays import Array, ended, float64, namespace
from ..outcome import Outcome, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.one_by_one import OneByOne

TIE_DB = 1e-6
"""An interferer that is closer by at most this much counts as equally close: a copy of the target."""

_CLEAR_DB = 1e-3  # far above what products may err by


class WrongTarget(OneByOne):
    """`wrong_target_rate`: share of trials whose estimate is closer to an interferer (SI-SDR).

    A trial has 100 % or 0 %; the mean over a set is the share. Every source of the mixture that is not part of the
    target is an interferer, background included; in a folder of files it is what is left of the mixture without the
    reference. Silent ones do not count, and a silent estimate is not a wrong target.
    """

    takes_arrays = True

    def __init__(self) -> None:
        self.info = MetricInfo(
            name="wrong_target_rate",
            unit="%",
            higher_is_better=False,
            order=120,
            description="trials whose estimate is closer to an interferer than to the target",
            needs=("interferers",),
            needs_phase=True,
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`wrong_target_rate|si_sdr|zero_mean:true|f64|tsebench:1`."""
        return "wrong_target_rate|si_sdr|zero_mean:true|f64|tsebench:1"

    def _outcome(self, answer: Answered) -> Outcome:
        interferers = answer.facts.interferers
        if interferers is None:
            return undefined("no_interferers")
        xp, length = namespace(answer.estimate), len(answer.estimate)
        device = answer.estimate.device
        others, reference = (xp.asarray(s, device=device) for s in (interferers[:, :length], answer.reference))
        sure = _clearly_closer(answer.estimate, reference, others)
        if sure is not None:
            return Outcome(value=100.0 * sure, status="ok")
        others = float64(ended(others, length))
        others = others[xp.amax(others, axis=-1) > xp.amin(others, axis=-1)]
        if not len(others):
            return undefined("no_interferers")
        if float(answer.estimate.max() - answer.estimate.min()) == 0.0:
            return Outcome(value=0.0, status="ok", reason="")
        references = xp.concatenate([float64(reference)[None], others])
        estimates = xp.broadcast_to(float64(answer.estimate), references.shape)
        closeness = ratios.si_sdr_db(estimate=estimates, reference=references, zero_mean=True)
        wrong = bool((closeness[1:] > closeness[0] + TIE_DB).any())
        return Outcome(value=100.0 * wrong, status="ok")


def _clearly_closer(estimate: Array, reference: Array, others: Array) -> bool | None:
    """Whether another source is closer, from products alone, a tenth of the work; None where that may be inexact.

    The SI-SDR grows with the squared cosine c² of the centred signals: it is 10 log10(c² / (1 − c²)).
    """
    length = len(estimate)
    if not len(others) or others.shape[-1] != length:
        return None
    xp = namespace(estimate)
    signals = float64(xp.concatenate([estimate[None], reference[None], others]))
    means, products = xp.mean(signals, axis=-1), xp.linalg.vecdot(signals[:, None], signals[None])
    energies = xp.diagonal(products)
    centred = products - length * means[:, None] * means
    left = xp.diagonal(centred)
    if not bool((left > 1e-6 * energies).all()):  # silent, or hardly more than an offset
        return None
    cosines = xp.square(centred[0, 1:]) / (left[0] * left[1:])
    if not bool((cosines < 1.0 - 1e-6).all()) or not bool((cosines > 1e-12).all()):
        return None
    closeness_db = 10.0 * xp.log10(cosines / (1.0 - cosines))
    ahead_db = float(closeness_db[1:].max() - closeness_db[0])
    return ahead_db > 0.0 if abs(ahead_db) > _CLEAR_DB else None


METRICS.register("wrong_target_rate")(WrongTarget)
