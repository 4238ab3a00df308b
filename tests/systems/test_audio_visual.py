"""Every system that looks at lips: lengths, batches, videos of any length and rate, black pictures, no pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers.small_nets import random_checkpoint, small_configs
from torch import Tensor

from tsebench.datasets.batches import collate
from tsebench.datasets.types import Clues, Query
from tsebench.systems.protocol import System, activity_frames
from tsebench.systems.registry import SYSTEMS, load_system
from tsebench.systems.shared.audio_visual import AvSystem

RATE = 8000


def _looks(name: str) -> bool:
    found = SYSTEMS.get(name)
    return isinstance(found, type) and issubclass(found, AvSystem)


CONFIGS = [(name, small_configs(name)[0]) for name in SYSTEMS.names() if _looks(name)]
CONFIGS.append(("av_onoff", "av_onoff_mini_r"))


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda config: config[1])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> System:
    name, config = request.param
    loaded = load_system(name, checkpoint=random_checkpoint(config, tmp_path_factory.mktemp("net"), deep=False))
    assert isinstance(loaded, System)
    return loaded


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def query(
    name: str,
    samples: int = 4000,
    *,
    pictures: int | None = 13,
    fps: float | None = 25.0,
    side: int = 32,
    shown: float = 1.0,
) -> Query:
    """Noise; its video has random pictures, black ones for `shown` = 0."""
    seed = sum(name.encode())
    clues = Clues(
        enrollments=(noise(seed + 1, 3000) - 0.5,),
        video=None if pictures is None else shown * noise(seed + 2, pictures, side, side),
        video_fps=fps,
    )
    return Query(id=name, mixture=(noise(seed, 1, samples) - 0.5) * 0.2, sample_rate_hz=RATE, clues=clues)


VIDEOS = {
    "as long": query("as long"),
    "shorter": query("shorter", pictures=5),
    "longer": query("longer", pictures=40),
    "one picture": query("one picture", pictures=1),
    "24 fps": query("24 fps", pictures=12, fps=24.0),
    "30 fps": query("30 fps", pictures=15, fps=30.0),
    "no rate": query("no rate", fps=None),
    "other size": query("other size", side=40),
    "no face": query("no face", shown=0.0),
    "other length": query("other length", samples=2903, pictures=10),
    "a few samples": query("a few samples", samples=7, pictures=1),
}


def test_answers_do_not_depend_on_the_batch(system: System) -> None:
    together = system.extract(collate(list(VIDEOS.values())))
    assert together.failures == {}
    for row, (name, each) in enumerate(VIDEOS.items()):
        alone = system.extract(collate([each]))
        length = each.mixture.shape[-1]
        estimate = alone.estimate[0]
        assert estimate.shape == (length,)
        assert bool(torch.isfinite(estimate).all()), name
        torch.testing.assert_close(together.estimate[row][:length], estimate, atol=1e-5, rtol=1e-4, msg=name)
        assert (alone.activity is None) == (not system.card.detects_activity)
        if alone.activity is not None and together.activity is not None:
            frames = activity_frames(length, RATE)
            assert alone.activity.shape == (1, frames)
            assert 0.0 <= float(alone.activity.min()) <= float(alone.activity.max()) <= 1.0
            torch.testing.assert_close(together.activity[row][:frames], alone.activity[0], atol=1e-5, rtol=1e-4)


def test_a_query_without_pictures_fails_alone(system: System) -> None:
    batch = [query("no video", pictures=None), query("zero pictures", pictures=0), VIDEOS["as long"]]
    found = system.extract(collate(batch))
    assert set(found.failures) == {"no video", "zero pictures"}
    assert all("no video" in reason for reason in found.failures.values())
    torch.testing.assert_close(found.estimate[2], system.extract(collate(batch[2:])).estimate[0], atol=1e-5, rtol=1e-4)


def test_the_video_matters(system: System) -> None:
    right = VIDEOS["as long"]
    other = replace(right, clues=replace(right.clues, video=query("another").clues.video))
    found = system.extract(collate([right, other])).estimate
    assert float((found[0] - found[1]).abs().max()) > 1e-6
