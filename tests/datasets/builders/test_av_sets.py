"""Audio-visual sets over corpora on disk: the lists of MuSE, and the on- and off-screen sets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.trees.audio import save
from helpers.trees.voxceleb2 import write_video
from numpy.typing import NDArray

from tsebench.core.errors import AudioError, ConfigError, CorpusError, DatasetError
from tsebench.datasets.build import build
from tsebench.datasets.builders.vox2_mix import LIST
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.config import DatasetConfig, load_dataset_configs, open_builder
from tsebench.datasets.dataset import Dataset, load_dataset

pytest.importorskip("av", reason="PyAV is not installed")

RATE = 16_000
ROWS = (
    "train,train,id00012,aaaaaaaaaaa/00001,0,train,id00015,bbbbbbbbbbb/00002,3.2,4.032",
    "test,test,id08696,ttUSQacqnRA/00472,0,test,id00817,EPPT9urr8Ew/00099,9.186595845922302,1.28",
    "test,test,id00817,-_PT9urr8Ew/00001,0,test,id08696,ttUSQacqnRA/00472,-7.5,1.28",
)
SECONDS = {"id08696/ttUSQacqnRA/00472": 1.28, "id00817/EPPT9urr8Ew/00099": 1.6, "id00817/-_PT9urr8Ew/00001": 2.0}


def _pictures(count: int, *, first: int, size: int = 32) -> NDArray[np.uint8]:
    """Pictures that get brighter from one to the next."""
    greys = (first + 3 * np.arange(count)).astype(np.uint8)
    return np.broadcast_to(greys[:, None, None], (count, size, size)).copy()


def _make_muse(root: Path, rows: tuple[str, ...] = ROWS) -> Path:
    for k, (name, seconds) in enumerate(SECONDS.items()):
        save(root / f"audio_clean/test/{name}.wav", frames=round(seconds * RATE), seed=k)
        video = root / f"orig/test/{name}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        write_video(video, _pictures(round(seconds * 25), first=20 + 40 * k))
    (root / LIST).parent.mkdir(parents=True)
    (root / LIST).write_text("\n".join(rows) + "\n")
    return root


def _config(name: str, **params: Any) -> DatasetConfig:
    (config,) = load_dataset_configs(name)
    return config.model_copy(update={"params": {**config.params, **params}})


def _small(config: DatasetConfig) -> DatasetConfig:
    """The same set with pictures of 16 pixels."""
    corpora = dict(config.corpora)
    films = corpora["voxceleb2"]
    options = {**films.options, "lip_size": 16}
    corpora["voxceleb2"] = films.model_copy(update={"options": options})
    return config.model_copy(update={"corpora": corpora})


class TestVox2Mix:
    """`vox2_mix` makes what the script of MuSE makes."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return _make_muse(tmp_path / "voxceleb2")

    def _build(self, root: Path, name: str = "vox2_2mix", **params: Any) -> Dataset:
        config = _small(_config(name, **params))
        return build(config, root.parent / "set", corpus_dirs={"voxceleb2": root})

    def test_signals_are_those_of_the_script_but_for_one_factor(self, root: Path) -> None:
        dataset = self._build(root, "vox2_2mix_both")
        assert len(dataset.mixtures) == 2
        assert len(dataset) == 4
        for row, mixture in zip(ROWS[1:], dataset.mixtures.values(), strict=True):
            cells = row.split(",")
            first, second = (
                soundfile.read(str(root / f"audio_clean/test/{a}/{b}.wav"), dtype="float64")[0]
                for a, b in ((cells[2], cells[3]), (cells[6], cells[7]))
            )
            factor = 10 ** (float(cells[8]) / 20) * np.sqrt(np.mean(first**2) / np.mean(second**2))
            length = min(len(first), len(second))
            expected = np.stack([first[:length], factor * second[:length]])
            signals = dataset.signals(mixture.id)
            largest = max(np.abs(expected).max(), np.abs(expected.sum(axis=0)).max())
            scale = 0.9 / largest
            np.testing.assert_allclose(signals.sources, scale * expected, atol=2e-5)
            np.testing.assert_allclose(signals.mixture, scale * expected.sum(axis=0), atol=2e-5)

    def test_videos_are_those_of_the_targets(self, root: Path) -> None:
        dataset = self._build(root, "vox2_2mix_both")
        wanted = [
            ("id08696/ttUSQacqnRA/00472", 20),
            ("id00817/EPPT9urr8Ew/00099", 60),
            ("id00817/-_PT9urr8Ew/00001", 100),
            ("id08696/ttUSQacqnRA/00472", 20),
        ]
        for index, (name, grey) in enumerate(wanted):
            video = dataset.trials[index].clue.video
            assert video is not None
            assert (video.path, video.start, video.frames) == (f"orig/test/{name}.mp4", 0, 32)
            query, _ = dataset[index]
            assert query.clues.video is not None
            assert query.clues.video.shape == (32, 16, 16)
            seen = query.clues.video.mean(dim=(1, 2)).numpy() * 255
            np.testing.assert_allclose(seen, grey + 3 * np.arange(32), atol=4)
        assert all(finding.ok for finding in validate(dataset))

    def test_one_target_of_each_row_by_default(self, root: Path) -> None:
        dataset = self._build(root)
        assert [t.target_ids for t in dataset.trials] == [("s1",), ("s1",)]
        assert [t.tags["target"] for t in dataset.trials] == ["id08696", "id00817"]
        assert dataset.trials[0].tags["input_snr_db"] == pytest.approx(-9.2, abs=0.3)
        assert dataset.trials[1].tags["input_snr_db"] == pytest.approx(7.5, abs=0.3)

    def test_another_video_is_another_set(self, root: Path) -> None:
        self._build(root)
        video = root / "orig/test/id08696/ttUSQacqnRA/00472.mp4"
        write_video(video, _pictures(32, first=90))
        opened = load_dataset(root.parent / "set", corpus_dirs={"voxceleb2": root})
        with pytest.raises(AudioError, match=r"00472.mp4' .* is not the one that dataset"):
            _ = opened[0]

    def test_rows_come_again_after_the_last(self, root: Path) -> None:
        opened = open_builder(_small(_config("vox2_2mix")), {"voxceleb2": root})
        first, again = opened.builder.draw(1), opened.builder.draw(3)
        assert first.mixture.sources == again.mixture.sources
        assert first.mixture.id != again.mixture.id

    def test_missing_recordings_are_counted(self, root: Path) -> None:
        (root / "orig/test/id00817/-_PT9urr8Ew/00001.mp4").unlink()
        with pytest.raises(DatasetError, match=r"\(1 of corpus 'voxceleb2'\)"):
            self._build(root)
        (root / "audio_clean/test/id00817/EPPT9urr8Ew/00099.wav").unlink()
        with pytest.raises(DatasetError, match=r"\(2 of corpus 'voxceleb2'\)"):
            self._build(root)

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            (ROWS[1].replace("1.28", "2.0"), "line 1 of the list says 2 s, but .* lasts 1.280 s"),
            ("test,test,id1", "line 1: 3 cells; a row has a partition"),
            (ROWS[1].replace("9.18", "x"), "line 1: could not convert string to float: 'x"),
            (ROWS[0], "has no row of 'test'"),
        ],
    )
    def test_bad_lists(self, root: Path, row: str, message: str) -> None:
        (root / LIST).write_text(row + "\n")
        with pytest.raises((CorpusError, DatasetError), match=message) as caught:
            self._build(root)
        assert "\n" not in str(caught.value)

    def test_wrong_parameters(self, root: Path) -> None:
        with pytest.raises(CorpusError, match=r"cannot read the list .*nowhere.csv'.*set `mixture"):
            self._build(root, mixture_list="nowhere.csv")
        with pytest.raises(ConfigError, match="count = 9 is more than the 2 rows"):
            self._build(root, count=9)
        with pytest.raises(ConfigError, match="no corpus 'vox' in this config"):
            self._build(root, corpus="vox")
        config = _config("vox2_2mix").model_copy(update={"split": "dev"})
        with pytest.raises(ConfigError, match="split 'dev' is not in such lists"):
            open_builder(config, {"voxceleb2": root})


def _make_corpora(root: Path) -> dict[str, Path]:
    """VoxCeleb2, WSJ0 and AudioSet with a few recordings of the lengths that the sets need."""
    for k, speaker in enumerate(("id00017", "id00061", "id00081")):
        for n in range(2):
            name = f"{speaker}/vid_-{k}{n}/00001"
            save(root / f"vox/test/wav/{name}.wav", frames=round(4.6 * RATE), seed=10 * k + n)
            video = root / f"vox/test/mp4/{name}.mp4"
            video.parent.mkdir(parents=True, exist_ok=True)
            write_video(video, _pictures(114 + n, first=0))
    for k, (part, speaker) in enumerate((("si_dt_05", "050"), ("si_et_05", "440"), ("si_et_05", "441"))):
        for n in range(3):
            name = f"{speaker}c020{n + 1}"
            save(root / f"wsj0/{part}/{speaker}/{name}.wav", frames=5 * RATE, seed=100 + 9 * k + n)
    lines = ["path,labels,sha256,split"]
    for k in range(3):
        file = save(root / f"audioset/{k}.wav", frames=10 * RATE, channels=2, seed=200 + k)
        lines.append(f"{k}.wav,Rain,{hashlib.sha256(file.read_bytes()).hexdigest()},test")
    (root / "audioset" / "audioset.csv").write_text("\n".join(lines) + "\n")
    return {name: root / path for name, path in (("voxceleb2", "vox"), ("wsj0", "wsj0"), ("audioset", "audioset"))}


@pytest.mark.parametrize("scenario", ["noise", "spk", "noise_spk", "2spk"])
def test_on_and_off_screen_sets(tmp_path: Path, scenario: str) -> None:
    dirs = _make_corpora(tmp_path)
    config = _small(_config(f"av_onoff_{scenario}", count=3))
    dataset = build(config, tmp_path / "set", corpus_dirs=dirs)
    assert all(finding.ok for finding in validate(dataset))
    parts = set()
    for index, trial in enumerate(dataset.trials):
        query, truth = dataset[index]
        assert query.mixture.shape == (1, 64_000)
        assert query.clues.video is not None
        assert query.clues.video.shape == (100, 16, 16)
        video = trial.clue.video
        assert video is not None
        seen = query.clues.video.mean(dim=(1, 2)).numpy() * 255
        expected = (3 * (video.start + np.minimum(np.arange(100), video.frames - 1))) % 256
        steady = np.abs(expected - 128) < 120  # where the greys do not wrap around
        np.testing.assert_allclose(seen[steady], expected[steady], atol=6)
        assert truth.target is not None
        sources = {s.id: s for s in dataset.mixtures[trial.mixture_id].sources}
        assert sources["on"].clip.start == video.start * 640
        parts |= {s.clip.path.split("/")[0] for s in sources.values() if s.id == "off"}
    assert parts <= {"si_dt_05", "si_et_05"}
    assert dataset.card.counts["mixtures"] == 3
