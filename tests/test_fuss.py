"""FUSS: sources by length, released mixtures and rooms, classes through FSD50K."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees.fsd50k import make_fsd50k
from trees.fuss import make_fuss

from tsebench.datasets.corpora.fsd50k import Fsd50k
from tsebench.datasets.corpora.fuss import Example, Fuss
from tsebench.errors import AudioError, ConfigError, CorpusError


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_fuss(tmp_path_factory.mktemp("data") / "FUSS")


@pytest.fixture
def fuss(root: Path) -> Fuss:
    return Fuss(name="mine", root=root)


def test_sources_over_ten_seconds_are_backgrounds(fuss: Fuss) -> None:
    got = {r.path: (r.label, r.split) for r in fuss.recordings()}
    assert got == {
        "fsd_data/train/sound/64760.wav": ("foreground", "train"),
        "fsd_data/train/sound/5312.wav": ("foreground", "train"),
        "fsd_data/train/sound/99999.wav": ("background", "train"),
        "fsd_data/validation/sound/5313.wav": ("foreground", "valid"),
        "fsd_data/eval/sound/37199.wav": ("foreground", "test"),
        "fsd_data/eval/sound/888.wav": ("background", "test"),
    }


@pytest.mark.parametrize("reverb", [False, True])
def test_examples(fuss: Fuss, reverb: bool) -> None:
    examples = fuss.examples("train", reverb=reverb)
    folder = "ssdata_reverb/train" if reverb else "ssdata/train"
    assert [len(example.foregrounds) for example in examples] == [0, 1, 2]
    assert examples[2] == Example(
        mixture=f"{folder}/example00002.wav",
        background=f"{folder}/example00002_sources/background0_sound.wav",
        foregrounds=(
            f"{folder}/example00002_sources/foreground0_sound.wav",
            f"{folder}/example00002_sources/foreground1_sound.wav",
        ),
    )
    for example in examples:
        for path in (example.mixture, example.background, *example.foregrounds):
            assert fuss.read(path)[0].shape == (1600,)


def test_rooms(fuss: Fuss) -> None:
    (room,) = fuss.rooms("train")
    assert room.name == "rirs_0000"
    assert room.background == ("rir_data/train/rirs_0000/background0.wav",)
    assert [Path(path).stem for path in room.foreground] == [
        "foreground0",
        "foreground1",
        "foreground2",
    ]
    assert fuss.read(room.foreground[0])[0].shape == (400,)
    with pytest.raises(CorpusError, match=r"no rooms in .*rir_data/eval.*get FUSS_rir_data from"):
        fuss.rooms("test")
    with pytest.raises(ConfigError, match="no split 'eval'"):
        fuss.rooms("eval")


def test_classes_come_from_fsd50k_and_misses_are_counted(fuss: Fuss, tmp_path: Path) -> None:
    joined = fuss.classes(Fsd50k(name="fsd50k", root=make_fsd50k(tmp_path)))
    assert joined.label_of == {
        "fsd_data/train/sound/64760.wav": "Electric_guitar",
        "fsd_data/train/sound/5312.wav": "Electric_guitar",
        "fsd_data/validation/sound/5313.wav": "Bass_guitar",
        "fsd_data/eval/sound/37199.wav": "Electric_guitar",
    }
    assert joined.labels_of["fsd_data/validation/sound/5313.wav"][-1] == "Music"
    assert joined.uploader_of["fsd_data/validation/sound/5313.wav"] == "bob"
    assert joined.missed == ("fsd_data/eval/sound/888.wav", "fsd_data/train/sound/99999.wav")


def test_the_parts_can_be_had_one_by_one(tmp_path: Path) -> None:
    root = make_fuss(tmp_path)
    (root / "fsd_data").rename(tmp_path / "fsd_data_elsewhere")
    mixtures = Fuss(name="mine", root=root)
    assert len(mixtures.examples("train", reverb=False)) == 3
    with pytest.raises(CorpusError, match=r"has no fsd_data/train/sound and no .*3743844"):
        mixtures.recordings()
    with pytest.raises(CorpusError, match=r"cannot read .*eval_example_list.*get FUSS_ssdata from"):
        mixtures.examples("test", reverb=False)


@pytest.mark.parametrize(
    ("row", "pattern"),
    [
        ("train/example00009.wav", "line 4: 0 sources"),
        (
            "train/example00009.wav\ttrain/x/foreground0_sound.wav",
            "line 4: 1 sources, of which the",
        ),
        ("train/example00009.wav\t../../background0_sound.wav", "leads out of the corpus folder"),
    ],
)
def test_rows_of_the_lists_are_checked(tmp_path: Path, row: str, pattern: str) -> None:
    root = make_fuss(tmp_path / "FUSS")
    with (root / "ssdata/train_example_list.txt").open("a") as file:
        file.write(row + "\n")
    with pytest.raises(CorpusError, match=pattern):
        Fuss(name="mine", root=root).examples("train", reverb=False)
    with pytest.raises(AudioError, match="leads out"):
        Fuss(name="mine", root=root).read("ssdata/../../x.wav")
