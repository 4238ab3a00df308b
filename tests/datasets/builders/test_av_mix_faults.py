"""Audio-visual mixtures shown with faulty videos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.av_mixtures import av_builder, av_corpora, mini_config

from tsebench.core.errors import ConfigError
from tsebench.datasets.build import build
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.protocols.builder import Drawn
from tsebench.datasets.trials import render_trial
from tsebench.datasets.types import Trial

FAULTS = ["right", "wrong", "missing", "frozen", "dropped", "late"]


def _pictures(trial: Trial, drawn: Drawn, corpora: Mapping[str, Any]) -> list[float]:
    """Number of each picture that is shown."""
    query, _ = render_trial(trial, drawn.mixture, corpora)
    assert query.clues.video is not None
    assert query.clues.video.shape == (100, 4, 6)
    return [float(value) for value in (query.clues.video[:, 0, 0] * 255).round()]


def test_a_mixture_is_shown_with_each_fault() -> None:
    corpora = av_corpora()
    drawn = av_builder(corpora, clues=[["video"], ["enrollment"]], videos=FAULTS, late_pictures=3).draw(1)
    *trials, enrolled = drawn.trials
    assert [t.tags["video"] for t in trials] == FAULTS
    assert [t.id.partition("_")[2] for t in trials] == ["q0", *(f"q0_{fault}" for fault in FAULTS[1:])]
    assert "video" not in enrolled.tags
    assert len({t.mixture_id for t in trials}) == 1
    shown = {str(t.tags["video"]): _pictures(t, drawn, corpora) for t in trials}
    first = shown["right"][0]
    assert first >= 3
    assert shown["right"] == [first + n for n in range(100)]
    assert shown["late"] == [first - 3 + n for n in range(100)]
    assert shown["frozen"] == [first] * 100
    assert shown["missing"] == [0.0] * 100
    stop = len(set(shown["dropped"]))
    assert 20 <= stop <= 80
    assert shown["dropped"] == [first + min(n, stop - 1) for n in range(100)]
    right, wrong = trials[0].clue.video, trials[1].clue.video
    assert right is not None
    assert wrong is not None
    present = {source.label for source in drawn.mixture.sources if source.role == "foreground"}
    assert wrong.path.partition("/")[0] not in present


def test_a_set_without_faults_is_what_it_was() -> None:
    plain = av_builder().draw(2)
    assert plain == av_builder(videos=["right"], late_pictures=5).draw(2)
    assert "video" not in plain.trials[0].tags


def test_faults_are_named_once() -> None:
    with pytest.raises(ConfigError, match=r"videos = \['late', 'late'\] must list different ones"):
        av_builder(videos=["late", "late"])
    with pytest.raises(ConfigError, match="videos"):
        av_builder(videos=["upside_down"])


def test_a_set_with_faults_is_built_opened_and_valid(tmp_path: Path) -> None:
    dataset = build(mini_config("mini_av_faults", count=2), tmp_path / "set", corpus_dirs={})
    opened = load_dataset(tmp_path / "set")
    assert opened.card.fingerprint == dataset.card.fingerprint
    assert all(finding.verdict == "ok" for finding in validate(opened))
    assert [t.tags["video"] for t in opened.trials] == FAULTS * 2
