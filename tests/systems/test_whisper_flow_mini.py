"""The shipped whisper_flow is conditioned and generative: speakers, words, seeds, steps; with and without words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
import torch
from helpers.smoothness import log_variance
from torch import Tensor

from tsebench.bench.asr.counting import count_errors
from tsebench.core.ratios import si_sdr_db
from tsebench.datasets.batches import collate
from tsebench.datasets.dynamic import open_stream
from tsebench.datasets.trials import render_trial
from tsebench.datasets.types import Truth
from tsebench.systems.checkpoints.checkpoint import shipped_checkpoints
from tsebench.systems.protocol import Extraction, QueryBatch
from tsebench.systems.registry import load_system

NAME = "whisper_flow_mini"
COUNT = 8  # mixtures of unseen voices, each asked for both of its speakers

pytest.importorskip("whisper", reason="needs openai-whisper")
pytestmark = [pytest.mark.long, pytest.mark.skipif(NAME not in shipped_checkpoints(), reason=f"{NAME} is not shipped")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Both trials of each mixture, one after the other: neighbours have swapped enrollments."""

    batch: QueryBatch
    truths: Sequence[Truth]

    def signals(self, of: str) -> Tensor:
        """Targets or interferers [B, T], padded."""
        length = self.batch.mixture.shape[-1]
        signals = [truth.target if of == "target" else truth.interferers for truth in self.truths]
        return torch.stack([torch.nn.functional.pad(s[0], (0, length - s.shape[-1])) for s in signals])


@pytest.fixture(scope="module")
def trials() -> Trials:
    stream = open_stream("mini_speech", split="test", seed=5, corpus_dirs={})
    items = []
    for index in range(COUNT):
        drawn = stream.drawn(index)
        items += [render_trial(trial, drawn.mixture, stream._opened.corpora, drawn.rendered) for trial in drawn.trials]
    return Trials(batch=collate([query for query, _ in items]), truths=[truth for _, truth in items])


def answers(trials: Trials, checkpoint: str = NAME, **options: object) -> Extraction:
    return load_system("whisper_flow", checkpoint=checkpoint, **options).extract(trials.batch)


@pytest.fixture(scope="module")
def four(trials: Trials) -> Extraction:
    return answers(trials, steps=4)


def test_a_swapped_enrollment_gives_the_other_speaker(trials: Trials, four: Extraction) -> None:
    to_target, to_other = (
        si_sdr_db(estimate=four.estimate, reference=trials.signals(of)) for of in ("target", "interferers")
    )
    assert float((to_target > to_other).float().mean()) >= 0.85
    assert float((to_target - to_other).mean()) > 10.0


def test_a_swapped_enrollment_gives_the_other_transcript(trials: Trials, four: Extraction) -> None:
    own = other = 0
    for index, said in enumerate(four.transcripts):
        right, wrong = (str(trials.truths[place].transcript) for place in (index, index ^ 1))
        own += count_errors(right, said).edits
        other += count_errors(wrong, said).edits
    assert own < 0.8 * other


def test_seeds_and_steps_matter(trials: Trials, four: Extraction) -> None:
    other_seeds = replace(trials, batch=replace(trials.batch, seeds=tuple(range(len(trials.batch)))))
    for changed in (answers(other_seeds, steps=4), answers(trials, steps=16)):
        differing_db = 20 * torch.log10((changed.estimate - four.estimate).norm() / four.estimate.norm())
        assert -25.0 < float(differing_db) < -3.0


def test_spectra_of_samples_are_less_smooth_than_the_posterior_mean(trials: Trials) -> None:
    targets = [truth.target[0] for truth in trials.truths]
    wanted = sum(log_variance(target, target) for target in targets)

    def ratio(steps: int) -> float:
        estimates = answers(trials, steps=steps).estimate
        return sum(log_variance(y[: len(s)], s) for y, s in zip(estimates, targets, strict=True)) / wanted

    once, drawn = ratio(1), ratio(16)
    assert once < drawn - 0.03
    assert abs(drawn - 1.0) < 0.1


def test_it_improves_on_the_mixture(trials: Trials, four: Extraction) -> None:
    target = trials.signals("target")
    gain = si_sdr_db(estimate=four.estimate, reference=target) - si_sdr_db(
        estimate=trials.batch.mixture[:, 0], reference=target
    )
    assert float(gain.mean()) > 5.0


def test_the_ablation_has_no_transcript_and_other_answers(trials: Trials, four: Extraction) -> None:
    ablation = answers(trials, checkpoint="whisper_flow_mini_no_asr", steps=4)
    assert ablation.transcripts is None
    assert (ablation.estimate - four.estimate).norm() > 0.01 * four.estimate.norm()
