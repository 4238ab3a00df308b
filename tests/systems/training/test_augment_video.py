"""Videos and parts of a target are cut and played with the sound that they belong to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.training.augment import Item, at_other_speeds, cut

RATE, FPS = 8000, 25.0


def filmed(fps: float = FPS) -> Item:
    """Four seconds of a target that is its own time in seconds, and pictures of their middle's time."""
    time_s = (torch.arange(4 * RATE) + 0.5) / RATE
    pictures = ((torch.arange(int(4 * fps)) + 0.5) / fps)[:, None, None].expand(-1, 2, 2)
    clues = Clues(enrollments=(torch.ones(3 * RATE),), video=pictures, video_fps=fps)
    query = Query(id="q", mixture=time_s[None] + 1.0, sample_rate_hz=RATE, clues=clues)
    parts = {"on": 0.25 * time_s, "off": 0.75 * time_s}
    truth = Truth(
        target=time_s[None], interferers=torch.ones(1, 4 * RATE), active_classes=(), transcript=None, parts=parts
    )
    return query, truth


@pytest.mark.parametrize("fps", [25.0, 24.0, 30.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_cut_begins_with_a_picture(fps: float, seed: int) -> None:
    query, truth = cut(filmed(fps), 12345, np.random.default_rng(seed))
    assert truth.target is not None
    assert query.clues.video is not None
    assert query.mixture.shape == truth.target.shape == (1, 12345)
    first_s = float(truth.target[0, 0]) - 0.5 / RATE
    shown_s = float(query.clues.video[0, 0, 0]) - 0.5 / fps
    assert shown_s == pytest.approx(first_s, abs=0.5 / RATE + 1e-6)
    assert len(query.clues.video) == int(np.ceil(12345 / RATE * fps))
    assert torch.allclose(truth.parts["on"] + truth.parts["off"], truth.target[0], atol=1e-6)


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_a_faster_voice_has_a_faster_mouth(speed: float) -> None:
    query, truth = at_other_speeds(filmed(), (speed, speed), np.random.default_rng(0))
    fps = query.clues.video_fps
    assert fps == pytest.approx(FPS * speed, rel=1e-4)
    assert truth.target is not None
    assert query.clues.video is not None
    # After one second, sound and picture are both as far as they were after `speed` seconds.
    assert float(truth.target[0, RATE]) == pytest.approx(speed, abs=0.01)
    assert float(query.clues.video[int(fps), 0, 0]) == pytest.approx(speed, abs=1.0 / FPS)
    middle = slice(RATE // 2, 2 * RATE)
    assert torch.allclose((truth.parts["on"] + truth.parts["off"])[middle], truth.target[0, middle], atol=1e-4)
    assert query.mixture.shape == truth.target.shape


def test_without_a_video_nothing_changes() -> None:
    query, truth = filmed()
    plain = Query(id="q", mixture=query.mixture, sample_rate_hz=RATE, clues=Clues(enrollments=query.clues.enrollments))
    found, _ = cut((plain, truth), 1000, np.random.default_rng(3))
    assert found.clues.video is None
    assert found.mixture.shape == (1, 1000)
