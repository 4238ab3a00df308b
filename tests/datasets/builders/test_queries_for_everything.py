"""Sets whose queries name no class, and mixtures with several sounds of one class."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tsebench.core.errors import ConfigError
from tsebench.datasets.build import build
from tsebench.datasets.checks.consistency import check_conditions, check_counts
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.dataset import Dataset

LABELS = ["bell", "dog_bark", "flute"]


def built(folder: Path, **params: Any) -> Dataset:
    own = {
        "count": 8,
        "sample_rate_hz": 8000,
        "duration_s": 1.0,
        "event_s": [0.4, 0.9],
        "n_classes": [2, 3],
        "repeat_classes": True,
        "events": {"corpus": "sounds", "labels": LABELS},
        "background": {"corpus": "sounds", "labels": ["background"]},
        "conditions": ["0:0"],
        **params,
    }
    recipe = {"name": "all", "builder": "sound_mix", "corpora": {"sounds": {"kind": "synthetic_sounds"}}, "params": own}
    return build(DatasetConfig.model_validate(recipe), folder, corpus_dirs={})


def test_everything_but_the_background_is_the_target(tmp_path: Path) -> None:
    dataset = built(tmp_path)
    assert len(dataset) == 8
    repeated = 0
    for trial, (query, truth) in zip(dataset.trials, dataset, strict=True):
        events = [s for s in dataset.mixtures[trial.mixture_id].sources if s.role == "foreground"]
        assert (str(trial.condition), trial.condition.kind, query.clues.kinds()) == ("0:0", "", frozenset())
        assert Counter(truth.target_labels) == Counter(source.label for source in events)
        assert len(truth.parts) == len(events)
        assert truth.interferer_roles == ("background",)
        repeated += len(set(truth.target_labels)) < len(events)
    assert repeated > 1
    for finding in (check_conditions(dataset), check_counts(dataset)):
        assert finding.ok, finding


def test_named_classes_take_all_their_sounds(tmp_path: Path) -> None:
    dataset = built(tmp_path, conditions=["1:0"], targets="all", clues=["classes"])
    several = [truth for _, truth in dataset if len(truth.parts) > 1]
    assert several
    assert all(len(set(truth.target_labels)) == 1 for truth in several)
    assert check_conditions(dataset).ok


def test_more_classes_than_a_mixture_surely_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="condition 2:0 needs 2 active classes, but a mixture may hold only 1"):
        built(tmp_path, conditions=["2:0"])
    with pytest.raises(ConfigError, match=r"n_classes = \[2, 40\] must be rising and lie within 1 and 32"):
        built(tmp_path, n_classes=[2, 40])
