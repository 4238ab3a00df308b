"""Every degradation: the same trials with the same references, and of mixture and clue only one moves."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from tsebench.datasets.api import load_dataset
from tsebench.datasets.dataset import Dataset
from tsebench.datasets.degrade import degraded
from tsebench.datasets.protocols.degradation import DEGRADATIONS
from tsebench.datasets.sweep_spec import SweepSpec

NAMES = sorted(DEGRADATIONS.names())
NEEDS_VIDEO = {"video_lost"}


@cache
def plain_set(name: str) -> Dataset:
    """Two mixtures, each asked twice, or one film."""
    if name in NEEDS_VIDEO:
        return load_dataset("mini_av_video", settings={"params.count": 1})
    return load_dataset("mini_speech", settings={"params.count": 2})


def sweep(name: str) -> SweepSpec:
    return SweepSpec(degradation=name, levels=DEGRADATIONS.get(name).examples)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_a_level_keeps_trials_and_references(name: str) -> None:
    plain, spec = plain_set(name), sweep(name)
    found = degraded(plain, spec, spec.levels[-1])
    assert [trial.id for trial in found.trials] == [trial.id for trial in plain.trials]
    assert found.card.fingerprint != plain.card.fingerprint
    assert found.card.level is not None
    assert found.card.level.fingerprint == plain.card.fingerprint
    changed = False
    for (query, truth), (own, reference) in zip(found, plain, strict=True):
        assert truth.target is not None
        assert reference.target is not None
        assert torch.equal(truth.target, reference.target)
        assert query.mixture.shape == own.mixture.shape
        assert query.mixture.dtype == torch.float32
        assert bool(torch.isfinite(query.mixture).all())
        same_mixture = torch.equal(query.mixture, own.mixture)
        pairs = zip(query.clues.enrollments, own.clues.enrollments, strict=True)
        same_enrollment = all(torch.equal(a, b) for a, b in pairs)
        same_video = query.clues.video is None or torch.equal(query.clues.video, own.clues.video)  # type: ignore[arg-type]
        # Of mixture and clue exactly one moves.
        assert same_mixture != (same_enrollment and same_video)
        changed = changed or not (same_mixture and same_enrollment and same_video)
    assert changed


@pytest.mark.parametrize("name", NAMES)
def test_a_level_is_the_same_however_it_is_made(name: str) -> None:
    plain, spec = plain_set(name), sweep(name)
    found, alone = (
        degraded(plain, each, spec.levels[0]) for each in (spec, SweepSpec.model_validate(spec.model_dump()))
    )
    assert found.card.fingerprint == alone.card.fingerprint
    (first, _), (second, _) = found[-1], alone[-1]
    assert torch.equal(first.mixture, second.mixture)
    assert len({degraded(plain, spec, level).card.fingerprint for level in spec.levels}) == len(spec.levels)
