"""Times of speech and directions as clues: drawn, stored, checked, cut to windows, and moved by augmentation."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.builds import make_set

from tsebench.core.errors import ConfigError, DatasetError
from tsebench.core.validation import call_with
from tsebench.datasets.activity import joined, speech_times
from tsebench.datasets.build import build
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.manifest import check_manifest, fingerprint, read_manifest, write_manifest
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext
from tsebench.datasets.protocols.corpus import Recording
from tsebench.datasets.types import Clues, Direction, Query, Truth
from tsebench.systems.shared.windows import clues_of
from tsebench.systems.training.augment import at_other_speeds, cut

RATE_HZ = 8000


class Voices:
    """Three voices of four utterances each: noise with a pause of 0.3 s in its middle."""

    name, version, licence = "speech", "1", "CC0"

    def recordings(self) -> list[Any]:
        paths = [f"{voice}/{n}.wav" for voice in "abc" for n in range(4)]
        return [
            Recording(path=p, label=p[0], frames=8000, sample_rate_hz=RATE_HZ, split="test", group=p) for p in paths
        ]

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Any, int]:
        samples = np.random.default_rng(ord(path[0]) + int(path[2])).uniform(-0.3, 0.3, 8000).astype(np.float32)
        samples[3000:5400] = 0.0
        return samples[start : None if frames is None else start + frames], RATE_HZ

    def digest(self, path: str) -> str:
        return path


def builder(**params: Any) -> Any:
    context = BuildContext(name="set", version="1", seed=1, split="test", corpora={"speech": Voices()})
    options = {"speech": {"corpus": "speech"}, "count": 2, "mode": "max", "overlap": [0.2, 0.6], **params}
    return call_with(BUILDERS.get("speech_mix"), options, where="s", given={"context": context})


def test_times_are_those_of_the_clean_target_and_change_nothing_else() -> None:
    drawn, plain = builder(clues=["enrollment", "activity"]).draw(0), builder().draw(0)
    assert drawn.mixture == plain.mixture
    for trial, same in zip(drawn.trials, plain.trials, strict=True):
        place = [source.id for source in drawn.mixture.sources].index(trial.target_ids[0])
        samples = drawn.rendered.sources[place]
        assert trial.clue.activity == joined(speech_times(samples, sample_rate_hz=RATE_HZ))
        onset = drawn.mixture.sources[place].onset / RATE_HZ
        expected = [(onset, onset + 0.375), (onset + 0.675, onset + 1.0)]
        np.testing.assert_allclose(np.array(trial.clue.activity), expected, atol=0.011)
        assert replace(trial, clue=same.clue) == same
        assert trial.clue.enrollments == same.clue.enrollments
    (alone, *_) = builder(clues=["activity"]).draw(0).trials
    assert alone.clue.kinds() == {"activity"}
    with pytest.raises(ConfigError, match="a speaker who is not there has no times of speech"):
        builder(clues=["activity"], absent_speakers=1)


def test_directions_are_those_of_the_drawn_places_and_change_nothing_else() -> None:
    microphones = {"positions_m": [[-0.05, 0, 0], [0.05, 0, 0]], "azimuth_deg": [-180.0, 180.0]}
    drawn = builder(clues=["enrollment", "direction"], microphones=microphones).draw(0)
    plain = builder(microphones=microphones).draw(0)
    assert drawn.mixture == plain.mixture
    sources = {source.id: source for source in drawn.mixture.sources}
    found = set()
    for trial, same in zip(drawn.trials, plain.trials, strict=True):
        place, direction = sources[trial.target_ids[0]].position_m, trial.clue.direction
        assert place is not None
        assert direction is not None
        distance, azimuth = math.hypot(*place), math.radians(direction.azimuth_deg)
        # To the left of the array is −x.
        expected = (-distance * math.sin(azimuth), distance * math.cos(azimuth), 0.0)
        np.testing.assert_allclose(place, expected, atol=1e-4)
        assert replace(trial, clue=same.clue) == same
        found.add(direction)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("params", "why"),
    [({"absent_speakers": 1}, "a speaker who is not there has no direction"), ({}, "one microphone hears none")],
)
def test_directions_that_nothing_has_are_refused(params: dict[str, Any], why: str) -> None:
    microphones = {"positions_m": [[-0.05, 0, 0], [0.05, 0, 0]]} if params else None
    with pytest.raises(ConfigError, match=why):
        builder(clues=["direction"], microphones=microphones, **params)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    """A set with times, and the folders of its corpora."""
    root = tmp_path_factory.mktemp("sets")
    config, folders = make_set("speech_mix", root)
    params = {**config.params, "count": 2, "clues": ["enrollment", "activity"]}
    build(config.model_copy(update={"params": params}), root / "set", corpus_dirs=folders)
    return root / "set", folders


@pytest.fixture(scope="module")
def folder(made: tuple[Path, dict[str, Path]]) -> Path:
    return made[0]


def test_times_and_directions_come_back_from_a_folder(made: tuple[Path, dict[str, Path]], tmp_path: Path) -> None:
    folder, folders = made
    dataset = load_dataset(folder, corpus_dirs=folders)
    assert '"direction"' not in (folder / "trials.jsonl").read_text()
    for trial, (query, _) in zip(dataset.trials, dataset, strict=True):
        assert trial.clue.activity
        assert query.clues.activity == trial.clue.activity
        assert query.clues.kinds() == {"activity", "enrollment"}
    manifest = read_manifest(folder)
    facing = Direction(azimuth_deg=-90.0, elevation_deg=5.0)
    trials = [replace(trial, clue=replace(trial.clue, direction=facing)) for trial in manifest.trials]
    changed = replace(manifest, trials=trials)
    assert fingerprint(changed) != manifest.card.fingerprint
    write_manifest(tmp_path / "set", replace(changed, card=replace(manifest.card, fingerprint=fingerprint(changed))))
    query, _ = load_dataset(tmp_path / "set", corpus_dirs=folders)[0]
    assert query.clues.direction == facing
    assert "direction -90°, 5°" in repr(query)


@pytest.mark.parametrize(
    ("clue", "message"),
    [
        ({"activity": ((0.5, 0.2),)}, r"activity 0\.5 \.\.\. 0\.2 s is out of order"),
        ({"activity": ((0.0, 0.5), (0.4, 0.6))}, "is out of order"),
        ({"activity": ((float("nan"), 0.5),)}, "is out of order"),
        ({"direction": Direction(azimuth_deg=181.0)}, "is not within -180 < azimuth <= 180"),
        ({"direction": Direction(azimuth_deg=0.0, elevation_deg=float("nan"))}, "is not within"),
    ],
)
def test_times_and_directions_are_checked(clue: dict[str, Any], message: str, folder: Path) -> None:
    manifest = read_manifest(folder)
    first, *rest = manifest.trials
    damaged = replace(manifest, trials=[replace(first, clue=replace(first.clue, **clue)), *rest])
    with pytest.raises(DatasetError, match=message):
        check_manifest(damaged, where="set")


def test_a_window_has_the_times_within_it() -> None:
    clues = Clues(activity=((0.1, 0.5), (1.0, 1.5)))
    assert clues_of(clues, start=2400, frames=8000, sample_rate_hz=RATE_HZ).activity == ((0.0, 0.2), (0.7, 1.0))
    assert clues_of(clues, start=16000, frames=8000, sample_rate_hz=RATE_HZ).activity == ()
    assert clues_of(Clues(), start=0, frames=8, sample_rate_hz=RATE_HZ).activity is None


def test_augmentation_moves_the_times_with_the_target() -> None:
    target = torch.zeros(1, 16000)
    target[:, 4000:8000] = torch.sin(torch.arange(4000) / 5)
    query = Query(id="q", mixture=target.clone(), sample_rate_hz=RATE_HZ, clues=Clues(activity=((0.5, 1.0),)))
    truth = Truth(target=target, interferers=torch.zeros(0, 16000), active_classes=(), transcript=None)
    for number in range(3):
        rng = np.random.default_rng(number)
        moved = cut(at_other_speeds((query, truth), (0.8, 1.25), rng), 9000, rng)
        (found,) = np.array(moved[0].clues.activity)
        (expected,) = speech_times(moved[1].target[0].numpy(), sample_rate_hz=RATE_HZ)
        np.testing.assert_allclose(found, expected, atol=0.012)
