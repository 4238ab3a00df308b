"""Shipped generators of target speech are generative and conditioned: measured on unseen embedded voices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import pytest
import torch
from helpers.smoothness import log_variance
from torch import Tensor

from tsebench.core.ratios import si_sdr_db
from tsebench.datasets.api import load_dataset
from tsebench.datasets.batches import collate
from tsebench.datasets.types import Query, Truth
from tsebench.systems.checkpoints.checkpoint import shipped_checkpoints
from tsebench.systems.nets.speech_generator.given import LevelledSignals
from tsebench.systems.protocol import System
from tsebench.systems.registry import load_system

pytestmark = pytest.mark.long

MIXTURES = 5
SHIPPED = {f"{name}_mini": name for name in ("diffusion_tse", "flow_tse") if f"{name}_mini" in shipped_checkpoints()}


@dataclass(frozen=True)
class Pair:
    """The two trials of one mixture, each of which asks for the other's interferer."""

    queries: tuple[Query, Query]
    truths: tuple[Truth, Truth]


@cache
def pairs() -> tuple[Pair, ...]:
    """Mixtures of voices that no checkpoint was trained on."""
    dataset = load_dataset("mini_speech")
    items = [dataset[index] for index in range(2 * MIXTURES)]
    found = [Pair((a[0], b[0]), (a[1], b[1])) for a, b in zip(items[::2], items[1::2], strict=True)]
    assert all(torch.equal(pair.queries[0].mixture, pair.queries[1].mixture) for pair in found)
    return tuple(found)


@pytest.fixture(scope="module", params=sorted(SHIPPED))
def shipped(request: pytest.FixtureRequest) -> str:
    return request.param


@cache
def system(shipped: str, steps: int, sampler: str = "euler", ensemble: int = 1) -> System:
    return load_system(SHIPPED[shipped], checkpoint=shipped, steps=steps, sampler=sampler, ensemble=ensemble)


@cache
def answers(shipped: str, steps: int, seed: int = 0, sampler: str = "euler") -> tuple[Tensor, ...]:
    """Estimates of the first trial of each mixture."""
    return tuple(
        system(shipped, steps, sampler).extract(replace(collate([pair.queries[0]]), seeds=(seed,))).estimate[0]
        for pair in pairs()
    )


def difference_db(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    """Mean level of the differences of estimates below the estimates."""
    levels = [10 * torch.log10((a - b).square().sum() / a.square().sum()) for a, b in zip(first, second, strict=True)]
    return float(torch.stack(levels).mean())


def towards_target_db(estimate: Tensor, truth: Truth) -> float:
    """SI-SDR to the target minus that to the interferer."""
    target, other = truth.target[0], truth.interferers[0]
    return float(si_sdr_db(estimate=estimate, reference=target) - si_sdr_db(estimate=estimate, reference=other))


def test_seeds_differ_by_more_than_rounding(shipped):
    assert difference_db(answers(shipped, 4), answers(shipped, 4, seed=1)) > -40.0


def test_the_step_count_matters(shipped):
    assert difference_db(answers(shipped, 1), answers(shipped, 4)) > -40.0
    assert difference_db(answers(shipped, 4), answers(shipped, 16)) > -40.0


def test_spectra_of_samples_are_less_smooth_than_the_posterior_mean(shipped):
    targets = [pair.truths[0].target[0] for pair in pairs()]
    wanted = sum(log_variance(target, target) for target in targets)
    found = {
        steps: sum(log_variance(y, s) for y, s in zip(answers(shipped, steps), targets, strict=True)) / wanted
        for steps in (1, 16)
    }
    assert found[1] < found[16] < 1.1, found
    assert abs(found[16] - 1.0) < abs(found[1] - 1.0), found


@pytest.mark.parametrize("steps", [1, 16])
def test_another_enrollment_gives_the_other_speaker(shipped, steps):
    for pair in pairs():
        for query, truth in zip(pair.queries, pair.truths, strict=True):
            estimate = system(shipped, steps).extract(collate([query])).estimate[0]
            assert towards_target_db(estimate, truth) > 0.0


def test_the_speaker_follows_the_initial_estimate(shipped):
    # With the target's initial estimate and another's embedding the estimate is still of the target: a limit of these
    # checkpoints, whose initial estimate says more than the embedding.
    opened = load_system(SHIPPED[shipped], checkpoint=shipped, steps=4)
    net = opened._net
    given = net.given

    def with_other(signals: LevelledSignals, *, start: str):
        return given(replace(signals, embedding=other), start=start)

    for pair in pairs():
        own, swapped = (collate([query]) for query in pair.queries)
        enrolled = swapped.clues[0].enrollments[0]
        _, other = net.initial.extract(own.mixture[:, 0], own.lengths, enrolled[None], torch.tensor([len(enrolled)]))
        net.given = with_other
        assert towards_target_db(opened.extract(own).estimate[0], pair.truths[0]) > 0.0
        net.given = given
