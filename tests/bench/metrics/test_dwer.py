"""`dwer` and `ts_asr_wer`: what a recogniser or the system itself makes of the estimates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, ClassVar

import jiwer
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from tsebench.bench.asr.protocol import RECOGNISERS
from tsebench.bench.asr.recognitions import Recognitions, when_known
from tsebench.bench.metrics.protocol import Facts
from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.outcome import Outcome, Score, failed
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import MetricSpec, plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer

SAID = ("", "one two three four", "one too three", "one two", "one a two b three c four", "five")
"""What the scripted recogniser hears, by the level of a signal."""


class Scripted:
    """Hears the text that the level of a signal stands for, and notes it."""

    heard: ClassVar[list[int]] = []

    def __init__(self, argument: str, *, device: str, grammar: str | None, batch_size: int) -> None:
        self.batched = argument == "batched"

    def signature(self) -> str:
        return f"scripted:{self.batched}"

    def transcribe(self, signals: Sequence[NDArray[np.float32]], sample_rate_hz: int) -> list[str]:
        codes = [round(100.0 * float(signal[1])) for signal in signals]
        Scripted.heard += codes
        return [SAID[code] for code in codes]


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECOGNISERS._entries, "scripted", Scripted)
    monkeypatch.setattr(Scripted, "heard", [])


def signal(code: int) -> torch.Tensor:
    return 0.01 * code * torch.tensor([0.0, 1.0, 0.5, 1.0])


def item(estimate: int, reference: int, facts: Facts | None = None) -> Scorable:
    clean = signal(reference)
    return Scorable(
        trial_id=f"{estimate} of {reference}",
        estimate=signal(estimate),
        reference=clean,
        mixture=clean,
        facts=facts or Facts(),
    )


def scored(items: Sequence[Scorable], *names: str, backend: str = "scripted:batched", plan: Any = None) -> list[Score]:
    made = plan or plan_metrics([MetricSpec(name=name, options={"backend": backend}) for name in names])
    with FilePool(0) as pool:
        return Scorer(made, sample_rate_hz=16000, device="cpu", pool=pool).submit(items).result()


def table(scores: Sequence[Score]) -> pd.DataFrame:
    rows = [(s.trial_id, s.metric, s.value) for s in scores]
    return pd.DataFrame(rows, columns=["trial", "metric", "value"]).pivot(
        index="trial", columns="metric", values="value"
    )


@pytest.mark.parametrize("backend", ["scripted:batched", "scripted:alone"])
def test_jiwer_agrees_on_both_texts(backend: str) -> None:
    pairs = [(estimate, reference) for reference in (1, 2, 4, 5) for estimate in range(1, len(SAID))]
    found = table(scored([item(*pair) for pair in pairs], "dwer", backend=backend))
    for estimate, reference in pairs:
        counts = jiwer.process_words(SAID[reference], SAID[estimate])
        words = len(SAID[reference].split())
        row = found.loc[f"{estimate} of {reference}"]
        assert row["dwer"] == pytest.approx(100.0 * jiwer.wer(SAID[reference], SAID[estimate]))
        assert row["dwer_insertions"] == pytest.approx(100.0 * counts.insertions / words)
        assert row["dwer_deletions"] == pytest.approx(100.0 * counts.deletions / words)


def test_hallucinated_words_are_insertions_alone() -> None:
    (row,) = table(scored([item(4, 1)], "dwer")).to_dict("records")
    assert row == {"dwer": 75.0, "dwer_deletions": 0.0, "dwer_insertions": 75.0, "dwer_substitutions": 0.0}


def test_a_perfect_answer_has_none_and_an_empty_one_all() -> None:
    silent = Scorable(trial_id="s", estimate=torch.zeros(4), reference=signal(1), mixture=signal(1))
    found = table(scored([item(1, 1), silent], "dwer"))
    assert list(found["dwer"]) == [0.0, 100.0]
    assert found.loc["s", "dwer_deletions"] == 100.0


def test_nothing_heard_in_the_reference_is_undefined() -> None:
    quiet = torch.tensor([0.001, 0.0, 0.002, 0.0])
    (score, *_) = scored([Scorable(trial_id="t", estimate=signal(1), reference=quiet, mixture=quiet)], "dwer")
    assert (score.status, score.reason) == ("undefined", "nothing_recognised: no words in the reference")


def test_over_a_set_it_is_pooled_over_the_recognised_words() -> None:
    info = load_metric("dwer").info
    assert (info.pooling, info.needs, info.reference_value) == ("weighted_mean", (), None)
    rates = {s.trial_id: s for s in scored([item(3, 1), item(1, 5)], "dwer") if s.metric == "dwer"}
    assert {key: (s.value, s.weight) for key, s in rates.items()} == {"3 of 1": (50.0, 4.0), "1 of 5": (400.0, 1.0)}


@pytest.mark.parametrize("backend", ["scripted:batched", "scripted:alone"])
def test_each_signal_is_recognised_once_for_all_metrics_and_systems(backend: str) -> None:
    specs = [MetricSpec(name=name, options={"backend": backend}) for name in ("wer", "dwer")]
    plan = plan_metrics(specs)
    words = Facts(transcript=SAID[1])
    first = scored([item(2, 1, words), item(3, 1, words)], plan=plan)
    assert sorted(Scripted.heard) == [1, 2, 3]
    scored([item(1, 1, words)], plan=plan)  # the references as estimates, and another system
    scored([item(4, 1, words)], plan=plan)
    assert sorted(Scripted.heard) == [1, 2, 3, 4]
    values = {s.metric: s.value for s in first if s.trial_id == "2 of 1"}
    assert values["wer"] == values["dwer"] == 50.0


def test_other_recognisers_rates_and_samples_are_not_shared() -> None:
    texts = Recognitions()
    with FilePool(0) as pool:
        for identity, rate, code in (("a", 16000, 1), ("b", 16000, 1), ("a", 8000, 1), ("a", 16000, 2)):
            recogniser = Scripted("batched", device="cpu", grammar=None, batch_size=1)
            signals = [signal(code).numpy()]
            (found,) = texts.texts(signals, rate, recogniser=recogniser, identity=identity, submit=pool.submit)
            assert json.loads(found.result().detail) == SAID[code]
    assert Scripted.heard == [1, 1, 1, 2]


def test_a_recognition_that_failed_is_tried_again() -> None:
    texts, tries = Recognitions(), [failed("crashed"), Outcome(value=0.0, status="ok", detail='"one"')]

    def submit(job: object) -> Future[Outcome]:
        done: Future[Outcome] = Future()
        done.set_result(tries.pop(0))
        return done

    alone = Scripted("alone", device="cpu", grammar=None, batch_size=1)
    results = []
    for _ in range(3):
        (found,) = texts.texts([signal(1).numpy()], 16000, recogniser=alone, identity="a", submit=submit)
        results.append(when_known([found], lambda text: Outcome(value=1.0, status="ok", detail=text)).result())
    assert [(r.status, r.reason, r.detail) for r in results] == [
        ("failed", "crashed", ""),
        ("ok", "", "one"),
        ("ok", "", "one"),
    ]


def test_it_waits_for_texts_that_are_under_way() -> None:
    first: Future[Outcome] = Future()
    second: Future[Outcome] = Future()
    found = when_known([first, second], lambda a, b: Outcome(value=len(a + b), status="ok"))
    second.set_result(Outcome(value=0.0, status="ok", detail='"bb"'))
    assert not found.done()
    first.set_result(Outcome(value=0.0, status="ok", detail='"a"'))
    assert found.result().value == 3
    broken: Future[Outcome] = Future()
    waits = when_known([second, broken], lambda a, b: Outcome(value=0.0, status="ok"))
    broken.set_exception(OSError("no worker"))
    with pytest.raises(OSError, match="no worker"):
        waits.result()


# The words of the system itself -------------------------------------------------------------------


def own(recognised: str | None, transcript: str | None = "one two three four", **options: object) -> Score:
    plan = plan_metrics([MetricSpec(name="ts_asr_wer", options=options)])
    facts = Facts(transcript=transcript, recognised=recognised)
    return scored([item(1, 1, facts)], plan=plan)[0]


def test_the_words_of_the_system_are_counted_and_its_signal_is_not() -> None:
    assert own("One, two... three four five").value == 25.0
    assert own("").value == 100.0
    assert own("One two three four", normaliser="none").value == 25.0
    assert own("one two three", r"one \,COMMA two three", marks="wsj").value == 0.0
    assert Scripted.heard == []


def test_without_words_it_is_undefined() -> None:
    assert [(s.status, s.reason) for s in (own(None), own("one", None))] == [
        ("undefined", "no_recognition"),
        ("undefined", "no_transcript"),
    ]
