"""Share of trials in which a system extracts another source than the target."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...core import ratios
from ..outcome import Outcome, Submit, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS

TIE_DB = 1e-6
"""An interferer that is closer by at most this much counts as equally close: a copy of the target."""


class WrongTarget:
    """`wrong_target_rate`: share of trials whose estimate is closer to an interferer (SI-SDR).

    A trial has 100 % or 0 %; the mean over a set is the share. Every source of the mixture that is not part of the
    target is an interferer, background included; in a folder of files it is what is left of the mixture without the
    reference. Silent ones do not count, and a silent estimate is not a wrong target.
    """

    def __init__(self) -> None:
        self.info = MetricInfo(
            name="wrong_target_rate",
            unit="%",
            higher_is_better=False,
            order=120,
            description="trials whose estimate is closer to an interferer than to the target",
            needs=("interferers",),
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`wrong_target_rate|si_sdr|zero_mean:true|f64|tsebench:1`."""
        return "wrong_target_rate|si_sdr|zero_mean:true|f64|tsebench:1"

    @torch.no_grad()
    def judge(
        self,
        answers: Sequence[Answered],
        *,
        sample_rate_hz: int,  # noqa: ARG002
        submit: Submit,  # noqa: ARG002
    ) -> Sequence[Outcome]:
        """100 or 0 for each answer."""
        return [self._outcome(answer) for answer in answers]

    def _outcome(self, answer: Answered) -> Outcome:
        interferers = answer.facts.interferers
        if interferers is None:
            return undefined("no_interferers")
        length = len(answer.estimate)
        others = interferers[:, :length].to(answer.estimate.device, torch.float64)
        others = torch.nn.functional.pad(others, (0, length - others.shape[-1]))
        others = others[others.amax(dim=-1) > others.amin(dim=-1)]
        if not len(others):
            return undefined("no_interferers")
        if float(answer.estimate.amax() - answer.estimate.amin()) == 0.0:
            return Outcome(value=0.0, status="ok", reason="")
        references = torch.cat([answer.reference.to(others.device, torch.float64)[None], others])
        estimates = answer.estimate.double().expand_as(references)
        closeness = ratios.si_sdr_db(estimate=estimates, reference=references, zero_mean=True)
        wrong = bool((closeness[1:] > closeness[0] + TIE_DB).any())
        return Outcome(value=100.0 * wrong, status="ok")


METRICS.register("wrong_target_rate")(WrongTarget)
