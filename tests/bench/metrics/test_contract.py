"""Contract of every registered metric; a new one is tested without an edit here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.reasons import kind_of

from tsebench.bench.metrics.protocol import AnswerMetric, BatchMetric, Facts, FileMetric
from tsebench.bench.metrics.registry import MetricContext, known_infos, known_metrics, load_metric
from tsebench.bench.outcome import Score
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.seeding import generator
from tsebench.datasets.signals.audio import resample
from tsebench.systems.protocol import LabelledOutput, activity_frames

RATE_HZ = 8000
# What needs a user's model is tested with the metric itself.
NAMES = [info.name for info in known_infos() if not info.options]
DIRECTED = [name for name in NAMES if load_metric(name).info.higher_is_better is not None]
SAID: dict[int, str] = {}


@pytest.fixture(scope="module")
def speech() -> list[torch.Tensor]:
    """Two utterances of different lengths, each with a pause after it."""
    corpus = SyntheticSpeech(utterances=1)
    found = []
    for recording in (corpus.recordings()[0], corpus.recordings()[-1]):
        samples, rate = corpus.read(recording.path)
        spoken = resample(samples, from_hz=rate, to_hz=RATE_HZ)
        found.append(torch.from_numpy(np.pad(spoken, (0, 2 * RATE_HZ))))
        SAID[len(found[-1])] = str(recording.transcript)
    return found


@pytest.fixture(scope="module")
def pool() -> Iterator[FilePool]:
    with FilePool(0) as opened:
        yield opened


def degraded(signal: torch.Tensor, snr_db: float) -> torch.Tensor:
    """With white noise, and with reversed speech in the pause."""
    white = torch.from_numpy(generator("metrics contract").standard_normal(len(signal)).astype(np.float32))
    noise = signal.flip(0) + white * signal.square().mean().sqrt()
    return signal + noise * (signal.norm() / noise.norm()) * 10.0 ** (-snr_db / 20.0)


def scores(name: str, items: list[Scorable], pool: FilePool) -> list[Score]:
    context = MetricContext(grammar=SyntheticSpeech().grammar())
    plan = plan_metrics([name], context=context)
    scorer = Scorer(plan, sample_rate_hz=RATE_HZ, device="cpu", pool=pool)
    return [score for score in scorer.submit(items).result() if score.metric == name]


def late(signal: torch.Tensor) -> torch.Tensor:
    """The second half of a signal, after silence."""
    return torch.cat([torch.zeros(len(signal) // 2), signal[len(signal) // 2 :]])


def activity(signal: torch.Tensor, quality_db: float) -> torch.Tensor:
    """Activity of a signal in frames of 10 ms, wrong in many frames for a low quality."""
    count = activity_frames(len(signal), RATE_HZ)
    frames = torch.nn.functional.pad(signal, (0, count * RATE_HZ // 100 - len(signal))).reshape(count, -1)
    wrong = 0.6 if quality_db < 0.0 else 0.3 if quality_db < 15.0 else 0.05
    flipped = torch.from_numpy(generator("activity").random(count) < wrong)
    return torch.where((frames.abs().amax(dim=1) > 0.0) ^ flipped, 0.9, 0.1)


def item(name: str, signal: torch.Tensor, quality_db: float, *, trial: str = "t") -> Scorable:
    """A trial that the metric applies to; a higher quality is a better answer."""
    if load_metric(name).info.scope == "absent":
        estimate = signal * 10.0 ** (-quality_db / 20.0)
        return Scorable(trial_id=trial, estimate=estimate, reference=None, mixture=signal)
    mixture = degraded(signal, 0.0)
    found = LabelledOutput("dog", degraded(late(signal), quality_db))
    outputs = (found,) if quality_db > 0.0 else (replace(found, label="rain"),)
    ears = torch.stack([signal, 0.5 * signal.roll(3)])
    facts = Facts(
        interferers=(mixture - signal)[None],
        transcript=SAID[len(signal)],
        recognised=SAID[len(signal)] if quality_db > 15.0 else "nine" * (quality_db > 0.0),
        enrollment=signal,
        active_classes=("bell", "dog"),
        classes=("bell", "dog", "rain"),
        class_probabilities=torch.tensor([quality_db > 0.0, quality_db > 15.0, quality_db <= 15.0]),
        parts={"off": late(signal)},
        part_labels=("dog",),
        activity=activity(late(signal), quality_db),
        outputs=outputs,
        reference_channels=ears,
        estimate_channels=ears + (degraded(signal, quality_db) - signal),
    )
    return Scorable(
        trial_id=trial, estimate=degraded(signal, quality_db), reference=signal, mixture=mixture, facts=facts
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_follows_exactly_one_protocol(name: str) -> None:
    metric = load_metric(name)
    assert sum(isinstance(metric, kind) for kind in (BatchMetric, FileMetric, AnswerMetric)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name: str) -> None:
    metric = load_metric(name)
    assert metric.info.name == name
    assert metric.info.unit
    assert metric.info.description
    assert metric.signature(8000).split("|")[0] == name
    assert metric.signature(8000) == metric.signature(8000)


def test_names_of_metrics_and_improvements_differ() -> None:
    names = [info.name for info in known_metrics()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", DIRECTED)
def test_a_better_answer_has_a_better_value(name: str, speech: list[torch.Tensor], pool: FilePool) -> None:
    info = load_metric(name).info
    # Networks keep no order of small differences.
    qualities = (-10.0, np.inf) if info.install else (-10.0, 10.0, 20.0)
    values = [score.value for score in scores(name, [item(name, speech[0], q) for q in qualities], pool)]
    assert all(np.isfinite(values))
    assert values == sorted(values, reverse=not info.higher_is_better)
    assert values[0] != values[-1]


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_does_not_change_a_value(name: str, speech: list[torch.Tensor], pool: FilePool) -> None:
    items = [item(name, s, 10.0, trial=str(n)) for n, s in enumerate(speech)]
    together = [score.value for score in scores(name, items, pool)]
    alone = [score.value for one in items for score in scores(name, [one], pool)]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_useless_answer_is_a_row_with_a_reason(name: str, speech: list[torch.Tensor], pool: FilePool) -> None:
    good = item(name, speech[0], 5.0)
    cases = [None, torch.full_like(speech[0], torch.nan), speech[0][:100]]
    items = [
        Scorable(trial_id=str(n), estimate=estimate, reference=good.reference, mixture=good.mixture)
        for n, estimate in enumerate(cases)
    ]
    found = [(score.status, kind_of(score.reason)) for score in scores(name, items, pool)]
    assert found == [("failed", "no_estimate"), ("failed", "non_finite"), ("failed", "length")]
