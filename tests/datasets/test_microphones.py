"""Mixtures of several channels: recipes, queries, truths, files, and what single-channel sets keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tsebench.core.errors import ConfigError
from tsebench.datasets.build import build, draw_dataset
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.dataset import Dataset, load_dataset
from tsebench.datasets.microphones import Microphones, channels_problem
from tsebench.datasets.signals.audio import read, write

PAIR = [[-0.0875, 0, 0], [0.0875, 0, 0]]


def config(microphones: dict[str, Any] | None, **params: object) -> DatasetConfig:
    placed = {} if microphones is None else {"microphones": microphones}
    return DatasetConfig.model_validate(
        {
            "name": "pair",
            "builder": "speech_mix",
            "split": "test",
            "seed": 3,
            "corpora": {"speech": {"kind": "folder"}},
            "params": {"count": 2, "speech": {"corpus": "speech"}, **placed, **params},
        }
    )


def noise(folder: Path, *names: str, channels: int = 2, rate_hz: int = 8000) -> None:
    for seed, name in enumerate(names):
        samples = 0.1 * np.random.default_rng(seed).standard_normal((channels, 1600))
        write(folder / f"{name}.wav", samples.astype(np.float32), rate_hz)


@pytest.fixture(scope="module")
def dirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("speech")
    for speaker in ("ann", "bob", "eve"):
        noise(root / speaker, *(f"{speaker}{number}" for number in range(3)), channels=1)
    return {"speech": root}


@pytest.fixture(scope="module")
def pair(dirs: dict[str, Path]) -> Dataset:
    return draw_dataset(config({"positions_m": PAIR, "reference": 1}), corpus_dirs=dirs)


def test_a_query_carries_all_channels_and_names_the_reference_channel(pair: Dataset) -> None:
    query, truth = pair[0]
    assert query.reference_channel == 1
    assert truth.target is not None
    assert query.mixture.shape[0] == truth.target.shape[0] == 2
    assert truth.interferers.ndim == 2  # at the reference channel
    rest = query.mixture[1] - truth.target[1] - truth.interferers.sum(dim=0)
    assert float(rest.abs().max()) < 1e-5
    assert float((query.mixture[0] - query.mixture[1]).abs().max()) > 1e-3


def test_in_the_open_the_reference_channel_is_the_set_of_one_channel(pair: Dataset, dirs: dict[str, Path]) -> None:
    """Up to the gain of `peak`, which looks at all channels."""
    alone = draw_dataset(config(None, peak=1.0), corpus_dirs=dirs)
    for trial in alone.trials:
        one, two = alone[trial.id][0].mixture[0].numpy(), pair[trial.id][0].mixture[1].numpy()
        gain = float(one @ two / (one @ one))
        assert np.abs(two - gain * one).max() < 2e-6


def test_sets_of_one_channel_keep_their_manifests(tmp_path: Path, dirs: dict[str, Path]) -> None:
    build(config(None), tmp_path / "one", corpus_dirs=dirs)
    lines = (tmp_path / "one" / "mixtures.jsonl").read_text()
    for word in ("channels", "reference_channel", "microphones", "position_m"):
        assert word not in lines


def test_a_folder_of_several_channels_is_read_as_it_was_built(
    pair: Dataset, tmp_path: Path, dirs: dict[str, Path]
) -> None:
    built = build(config({"positions_m": PAIR, "reference": 1}), tmp_path / "two", corpus_dirs=dirs)
    read = load_dataset(tmp_path / "two", corpus_dirs=dirs)
    assert read.card.fingerprint == built.card.fingerprint == pair.card.fingerprint
    assert read[1][0].mixture.equal(pair[1][0].mixture)
    other = draw_dataset(config({"positions_m": PAIR, "reference": 0}), corpus_dirs=dirs)
    assert other.card.fingerprint != pair.card.fingerprint
    assert any("reference channel is 1" in note for note in pair.card.notes)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"positions_m": PAIR, "reference": 2}, "reference = 2"),
        ({"positions_m": PAIR, "distance_m": [0.1, 1.0]}, "distance_m"),
        ({"positions_m": PAIR, "room_m": [2.0, 2.0, 2.0]}, "reaches out of the room"),
        ({"positions_m": PAIR, "rt60_s": 0.3}, "needs a room"),
        ({"positions_m": PAIR, "azimuth_deg": [0.0, 10.0]}, "degrees apart"),
    ],
)
def test_microphones_that_do_not_fit_are_refused(options: dict[str, Any], match: str, dirs: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match=match):
        draw_dataset(config(options), corpus_dirs=dirs)


def test_damaged_recipes_are_refused() -> None:
    pair = Microphones(positions_m=((0.0, 0.0, 0.0), (0.1, 0.0, 0.0)))
    assert channels_problem(pair, channels=2, reference=0, sources_m=[(1.0, 0.0, 0.0)]) == ""
    assert "reference_channel = 2" in channels_problem(pair, channels=2, reference=2, sources_m=[])
    assert "without position_m" in channels_problem(pair, channels=2, reference=0, sources_m=[None])
    assert "closer than" in channels_problem(pair, channels=2, reference=0, sources_m=[(0.1, 0.0, 0.01)])
    assert "farther" in channels_problem(pair, channels=2, reference=0, sources_m=[(float("nan"), 0.0, 0.0)])


def test_mixtures_that_lie_there_as_files_of_several_channels(tmp_path: Path) -> None:
    folder = tmp_path / "2speakers" / "wav8k" / "min" / "tt"
    names = ("445c0206_0.6_22gc0105_-0.6", "445c0207_0.6_22gc0106_-0.6")
    for signal in ("s1", "s2"):
        noise(folder / signal, *names)
    for name in names:
        total = sum(read(folder / signal / f"{name}.wav")[0] for signal in ("s1", "s2"))
        write(folder / "mix" / f"{name}.wav", np.asarray(total), 8000)
    files: dict[str, Any] = {"kind": "wsj0_mix_files", "options": {"channel": 1}}
    recipe = {
        "name": "files",
        "builder": "wsj0_mix_files",
        "split": "tt",
        "corpora": {"wsj0_mix_files": files},
        "params": {},
    }
    files_at = {"wsj0_mix_files": tmp_path / "2speakers"}
    both = DatasetConfig.model_validate({**recipe, "params": {"all_channels": True}})
    query, truth = draw_dataset(both, corpus_dirs=files_at)[0]
    assert query.mixture.shape == (2, 1600)
    assert query.reference_channel == 1
    assert truth.target is not None
    assert np.array_equal(truth.target.numpy(), read(folder / "s1" / f"{names[0]}.wav")[0])
    assert [len(clip) for clip in query.clues.enrollments] == [1600]
    one = draw_dataset(DatasetConfig.model_validate(recipe), corpus_dirs=files_at)[0][0]
    assert one.mixture.equal(query.mixture[1:])
    files["options"] = {}
    with pytest.raises(ConfigError, match="needs a reference channel"):
        draw_dataset(DatasetConfig.model_validate({**recipe, "params": {"all_channels": True}}), corpus_dirs=files_at)


@pytest.mark.parametrize("channel", [0, 1])
def test_real_recordings_of_several_channels_and_of_one(tmp_path: Path, channel: int) -> None:
    noise(tmp_path, "meeting", channels=3, rate_hz=16000)
    noise(tmp_path, "voice", "mono", channels=1, rate_hz=16000)
    table = "mixture,speaker,enrollment\nmeeting.wav,ann,voice.wav\nmono.wav,ann,voice.wav\n"
    (tmp_path / "recordings.csv").write_text(table)
    recipe = DatasetConfig.model_validate(
        {
            "name": "real",
            "builder": "real_recordings",
            "split": "test",
            "corpora": {"rec": {"kind": "real_folder", "options": {"channel": channel}}},
            "params": {"corpus": "rec", "sample_rate_hz": 8000, "all_channels": True},
        }
    )
    dataset = draw_dataset(recipe, corpus_dirs={"rec": tmp_path})
    query, truth = dataset[0]
    assert query.mixture.shape == (3, 800)
    assert query.reference_channel == channel
    assert [len(clip) for clip in query.clues.enrollments] == [800]
    assert truth.target is None
    mono = dataset[1][0]
    assert (mono.mixture.shape, mono.reference_channel) == ((1, 800), 0)
