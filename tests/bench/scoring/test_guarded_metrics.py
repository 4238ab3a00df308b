"""An exception of a third-party metric fails its own trials, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.paired import pair_folders
from torch import Tensor

from tsebench.bench.folders.file_set import FileAnswers, FileSet
from tsebench.bench.inference.batching import Item
from tsebench.bench.metrics.energy import Snr
from tsebench.bench.metrics.protocol import Answered, Metric, MetricInfo, Signals
from tsebench.bench.outcome import Outcome, Score, Submit
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import MetricPlan
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.core.errors import ConfigError
from tsebench.datasets.signals.audio import write
from tsebench.systems.precomputed import PrecomputedSystem
from tsebench.systems.protocol import QueryBatch

RATE_HZ = 8000
Compute = Callable[[Signals], object]


class Custom:
    """A batched metric of a user."""

    def __init__(self, compute: Compute) -> None:
        self.info = MetricInfo(name="custom", unit="", higher_is_better=True, description="a test")
        self._compute = compute

    def signature(self, sample_rate_hz: int) -> str:
        return f"custom|fs:{sample_rate_hz}"

    def compute(self, signals: Signals) -> Tensor:
        return self._compute(signals)  # type: ignore[return-value]


class CustomJudge:
    """A metric of whole answers of a user; it cannot stand the one called "b"."""

    def __init__(self, gives: Callable[[Sequence[Answered]], list[Outcome]]) -> None:
        self.info = MetricInfo(name="judge", unit="", higher_is_better=True, description="a test")
        self._gives = gives

    def signature(self, sample_rate_hz: int) -> str:
        return f"judge|fs:{sample_rate_hz}"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        return self._gives(answers)


def length(signals: Signals) -> Tensor:
    """The number of samples, where all are longer than 500."""
    if bool((signals.lengths < 500).any()):
        raise ZeroDivisionError("too\n few  samples")
    return signals.lengths.double()


def lengths(answers: Sequence[Answered]) -> list[Outcome]:
    if any(len(answer.estimate) < 500 for answer in answers):
        raise LookupError("no such band")
    return [Outcome(value=float(len(answer.estimate)), status="ok") for answer in answers]


@pytest.fixture
def pool() -> Iterator[FilePool]:
    with FilePool(0) as opened:
        yield opened


def trial(name: str, frames: int) -> Scorable:
    target, other = torch.randn(2, frames, generator=torch.Generator().manual_seed(frames))
    return Scorable(trial_id=name, estimate=target + 0.1 * other, reference=target, mixture=target + other)


TRIALS = [trial("a", 900), trial("b", 400), trial("c", 700)]


def score(pool: FilePool, *metrics: Metric) -> list[list[Score]]:
    plan = MetricPlan(metrics=metrics, improvements=(), reference_values=(), infos=())
    scorer = Scorer(plan, sample_rate_hz=RATE_HZ, device="cpu", pool=pool)
    scores = scorer.submit(TRIALS).result()
    return [[s for s in scores if s.metric == metric.info.name] for metric in metrics]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [(Custom(length), "ZeroDivisionError: too few samples"), (CustomJudge(lengths), "LookupError: no such band")],
    ids=["batch", "answers"],
)
def test_an_error_costs_its_own_trial(pool: FilePool, metric: Metric, reason: str) -> None:
    found, others = score(pool, metric, Snr())
    assert [(s.status, s.reason) for s in found] == [("ok", ""), ("failed", reason), ("ok", "")]
    assert [found[0].value, found[2].value] == [900.0, 700.0]
    assert math.isnan(found[1].value)
    assert [s.status for s in others] == ["ok"] * 3


@pytest.mark.parametrize(
    ("gives", "reason"),
    [
        (lambda signals: signals.lengths.double()[:1], "values of shape [1], not [3]"),
        (lambda signals: signals.lengths.double()[:, None], "values of shape [3, 1], not [3]"),
        (lambda signals: [1.0, 2.0, 3.0], "the metric gave list, not a tensor"),
    ],
    ids=["too few", "a column", "a list"],
)
def test_values_of_another_shape_are_failures(pool: FilePool, gives: Compute, reason: str) -> None:
    (found,) = score(pool, Custom(gives))
    assert [s.status for s in found] == ["failed"] * 3
    assert all(reason in s.reason for s in found)


def test_outcomes_of_another_number_are_failures(pool: FilePool) -> None:
    (found,) = score(pool, CustomJudge(lambda _: [Outcome(value=1.0, status="ok")]))
    assert {(s.status, s.reason) for s in found} == {("failed", "the metric gave 1 outcomes for 3 answers")}


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), ConfigError("repair it")])
def test_what_the_harness_or_the_user_must_see_passes(pool: FilePool, error: Exception) -> None:
    def broken(signals: Signals) -> Tensor:
        raise error

    with pytest.raises(type(error)):
        score(pool, Custom(broken))


def test_an_error_of_the_harness_is_not_hidden(pool: FilePool, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Scorer, signals: Sequence[Tensor]) -> Tensor:
        raise RuntimeError("our own bug")

    monkeypatch.setattr(Scorer, "_stack", broken)
    with pytest.raises(RuntimeError, match="our own bug"):
        score(pool, Snr())


def test_a_file_metric_that_cannot_be_sent_to_a_worker_fails_with_the_reason() -> None:
    with FilePool(1) as workers:
        outcome = workers.submit(lambda: 1.0).result()
    assert outcome.status == "failed"
    assert "pickle" in outcome.reason.lower()


def test_reasons_of_two_machines_are_the_same(tmp_path: Path) -> None:
    reasons = []
    for machine in ("here", "somewhere else"):
        root = tmp_path / machine
        for folder in ("references", "estimates"):
            write(root / folder / "deep" / "u.wav", np.ones(800, np.float32) * 0.1, RATE_HZ)
            write(root / folder / "v.wav", np.ones(800, np.float32) * 0.1, RATE_HZ)
        spoilt = root / "estimates" / "deep" / "u.wav"
        spoilt.write_text("RIFF me")
        files = pair_folders(root / "estimates", root / "references")
        query, truth = FileSet(files)[0]
        item = Item(index=0, query=query, truth=truth)
        (answer,) = FileAnswers(files.estimates, channel=None, identity="").stored([item]).values()
        batch = QueryBatch(
            ids=("u", "missing"),
            mixture=torch.zeros(2, 1, 800),
            lengths=torch.tensor([800, 800]),
            sample_rate_hz=RATE_HZ,
            clues=(),
        )
        system = PrecomputedSystem(folder=root / "estimates", pattern="deep/{id}.wav")
        reasons.append([answer.failure, *system.extract(batch).failures.values()])
    assert reasons[0] == reasons[1]
    assert len(reasons[0]) == 3
    assert all(str(tmp_path) not in str(reason) for reason in reasons[0])
    assert "'deep/u.wav'" in str(reasons[0][0])
    assert "'deep/missing.wav'" in str(reasons[0][2])
