"""Sets of corpora of which some files are gone: those that the set needs, and those it does not."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.builds import make_set
from helpers.trees.audio import save
from helpers.trees.audioset import make_audioset
from helpers.trees.fsd50k import make_fsd50k
from helpers.trees.fsdkaggle2018 import make_fsdkaggle2018
from helpers.trees.librimix import librimix_config, make_librimix, mixture_row, utterance
from helpers.trees.librispeech import make_librispeech
from helpers.trees.reverb_noise import make_reverb_noise
from helpers.trees.tau2019 import make_tau2019

from tsebench.datasets.config import DatasetConfig

RATE_HZ = 8000
TINY = {"sample_rate_hz": RATE_HZ, "duration_s": 0.01, "event_s": [0.005, 0.01], "level": "power"}
"""Mixtures as short as the recordings of the smallest trees."""


@dataclass(frozen=True, kw_only=True)
class Partial:
    """A set, and what will be deleted of one of its corpora.

    Attributes:
        gone: files that the set needs or draws from, about a tenth of them.
        lost: mixtures that need them; None if mixtures are drawn from what there is.
        other: files of another split, which it does not need.
        named: how the first of `gone` is called, if not by its path.
    """

    config: DatasetConfig
    folders: Mapping[str, Path] = field(repr=False)
    corpus: str
    gone: tuple[str, ...]
    lost: int | None = None
    other: tuple[str, ...] = ()
    named: str = ""

    @property
    def root(self) -> Path:
        """Folder that `gone` and `other` are relative to."""
        return self.folders[self.corpus]


def sound_mix_of_fsdkaggle2018(root: Path) -> Partial:
    params = {"count": 4, "n_classes": [2, 2], "events": {"corpus": "fsdkaggle2018"}, **TINY}
    return Partial(
        config=_config("sound_mix", params, {"fsdkaggle2018": {}}, split="train"),
        folders={"fsdkaggle2018": make_fsdkaggle2018(root)},
        corpus="fsdkaggle2018",
        gone=("FSDKaggle2018.audio_train/0033e230.wav",),
        other=("FSDKaggle2018.audio_test/00326aa9.wav",),
    )


def sound_mix_of_fsd50k(root: Path) -> Partial:
    """Its "train" and its "valid" lie in one folder."""
    params = {"count": 4, "n_classes": [2, 2], "events": {"corpus": "fsd50k"}, **TINY}
    return Partial(
        config=_config("sound_mix", params, {"fsd50k": {}}, split="valid"),
        folders={"fsd50k": make_fsd50k(root)},
        corpus="fsd50k",
        gone=("FSD50K.dev_audio/142670.wav",),
        other=("FSD50K.dev_audio/64760.wav", "FSD50K.eval_audio/50178.wav"),
    )


def sound_mix_on_tau2019(root: Path) -> Partial:
    params = {"background": {"corpus": "tau2019"}, **_events()}
    return Partial(
        config=_config("sound_mix", params, {"tau2019": {}, "sounds": {}}),
        folders={"tau2019": make_tau2019(root / "tau"), "sounds": _sounds(root / "sounds")},
        corpus="tau2019",
        gone=("TAU-urban-acoustic-scenes-2019-evaluation/audio/1.wav",),
        other=("TAU-urban-acoustic-scenes-2019-development/audio/park-milan-1164-44095-a.wav",),
    )


def sound_mix_on_reverb_noise(root: Path) -> Partial:
    options = {"shares": {"train": [1, 2, 3, 4, 5, 6, 7, 8], "test": [9, 10]}}
    params = {"background": {"corpus": "reverb_noise"}, **_events()}
    return Partial(
        config=_config("sound_mix", params, {"reverb_noise": options, "sounds": {}}),
        folders={"reverb_noise": make_reverb_noise(root / "r"), "sounds": _sounds(root / "s")},
        corpus="reverb_noise",
        gone=("NOISE/Noise_LargeRoom1_9.wav", "NOISE/Noise_SmallRoom2_10.wav"),
        other=("NOISE/Noise_LargeRoom1_1.wav",),
    )


def sound_mix_of_audioset(root: Path) -> Partial:
    params = {"count": 4, "n_classes": [1, 1], "events": {"corpus": "audioset"}, **TINY}
    return Partial(
        config=_config("sound_mix", params, {"audioset": {}}, split="train"),
        folders={"audioset": make_audioset(root)},
        corpus="audioset",
        gone=("clips/05V0zsBE7aQ.flac",),
        other=("clips/zzbTaK7CXJY.wav",),
    )


def speech_mix_of_librispeech(root: Path) -> Partial:
    """Of another subset a whole chapter lost its transcripts."""
    paths = [f"test-clean/{s}/7/{s}-7-{n:04d}.flac" for s in (60, 61, 121) for n in range(10)]
    others = [f"dev-clean/84/1/84-1-{n:04d}.flac" for n in range(3)]
    frames = {path: 4000 + 9 * place for place, path in enumerate([*paths, *others])}
    params = {"count": 6, "sample_rate_hz": RATE_HZ, "speech": {"corpus": "librispeech"}}
    return Partial(
        config=_config("speech_mix", params, {"librispeech": {}}, split="test-clean"),
        folders={"librispeech": make_librispeech(root, frames)},
        corpus="librispeech",
        gone=(paths[21], paths[3], paths[14]),
        other=(others[0], "dev-clean/84/1/84-1.trans.txt"),
    )


def speech_mix_of_a_folder(root: Path) -> Partial:
    """A folder for each speaker, and a list of what they say."""
    paths = [f"{name}/{n}.wav" for name in ("ann", "bob", "cid") for n in range(7)]
    for place, path in enumerate(paths):
        save(root / path, frames=4000 + place, rate_hz=RATE_HZ, seed=place)
    rows = [{"path": p, "speaker": p.partition("/")[0], "text": "a word"} for p in paths]
    _table(root / "transcripts.csv", rows)
    params = {"count": 6, "sample_rate_hz": RATE_HZ, "speech": {"corpus": "speech"}}
    return Partial(
        config=_config("speech_mix", params, {"speech": {}}),
        folders={"speech": root},
        corpus="speech",
        gone=("ann/3.wav", "cid/0.wav"),
    )


def meeting_mix_of_a_folder(root: Path) -> Partial:
    """Speakers have enough utterances left for all turns and an enrollment."""
    paths = [f"{name}/{n}.wav" for name in ("ann", "bob", "cid") for n in range(7)]
    for place, path in enumerate(paths):
        save(root / path, frames=4000 + place, rate_hz=RATE_HZ, seed=place)
    _table(root / "clips.csv", [{"path": p, "label": p.partition("/")[0]} for p in paths])
    params = {"count": 4, "sample_rate_hz": RATE_HZ, "speech": {"corpus": "speech"}, "gap_s": [-0.1, 0.1]}
    return Partial(
        config=_with_options(_config("meeting_mix", params, {"speech": {}}), "speech", {"metadata": "clips.csv"}),
        folders={"speech": root},
        corpus="speech",
        gone=("ann/3.wav", "cid/0.wav"),
    )


def real_recordings_of_a_table(root: Path) -> Partial:
    """A recording of two trials is gone; the table lists another split, too."""
    rows = []
    for number in range(6):
        split = "dev" if number == 5 else "test"
        save(root / f"mixtures/{number}.wav", frames=8000 + number, rate_hz=RATE_HZ, seed=number)
        for speaker in ("ann", "bob"):
            clip = f"enroll/{split}_{speaker}.wav"
            save(root / clip, frames=4000, rate_hz=RATE_HZ, seed=len(rows) + 10)
            rows.append({"mixture": f"mixtures/{number}.wav", "enrollment": clip, "speaker": speaker, "split": split})
    _table(root / "recordings.csv", rows)
    params = {"corpus": "real_folder", "sample_rate_hz": RATE_HZ}
    return Partial(
        config=_config("real_recordings", params, {"real_folder": {}}),
        folders={"real_folder": root},
        corpus="real_folder",
        gone=("mixtures/2.wav",),
        lost=1,
        other=("mixtures/5.wav", "enroll/dev_ann.wav"),
    )


def fewshot_of_a_table(root: Path) -> Partial:
    config, folders = make_set("fewshot", root)
    gone = ("class0/30.wav", "class3/3.wav", "class5/47.wav")
    return Partial(config=config, folders=folders, corpus="sounds", gone=gone)


def jams_of_a_table(root: Path) -> Partial:
    """The table lists another split, too."""
    config, folders = make_set("jams", root)
    paths = sorted(path.relative_to(folders["events"]) for path in folders["events"].rglob("*.wav"))
    rows = [{"path": str(p), "label": p.parts[0], "split": "test"} for p in paths]
    rows.append({"path": "none/such.wav", "label": "class0", "split": "train"})
    _table(folders["events"] / "clips.csv", rows)
    options = {"metadata": "clips.csv", "split_column": "split"}
    return Partial(
        config=_with_options(config, "events", options),
        folders=folders,
        corpus="events",
        gone=("class0/0.wav", "class4/9.wav"),
        lost=1,
    )


def jams_without_a_scene(root: Path) -> Partial:
    """Nothing lists the scenes but the JAMS files."""
    config, folders = make_set("jams", root)
    gone = ("scene0/0.wav",)
    return Partial(config=config, folders=folders, corpus="scenes", gone=gone, lost=2)


def librimix_of_librispeech(root: Path) -> Partial:
    config, folders = make_set("librimix", root)
    return Partial(
        config=config, folders=folders, corpus="librispeech", gone=("test-clean/60/7/60-7-0001.flac",), lost=1
    )


def librimix_on_wham(root: Path) -> Partial:
    """Two of three mixtures have the noise that is gone."""
    speakers = (60, 61, 121)
    lengths = {utterance(s, n): 48_000 + 10 * s + n for s in speakers for n in (1, 2, 3)}
    noises = {"tt/a.wav": 60_000, "tt/b.wav": 61_000, "tr/c.wav": 62_000}
    rows = [
        mixture_row({utterance(a, 1): 0.1, utterance(b, 2): 0.1}, f"tt/{noise}.wav", 0.2)
        for a, b, noise in ((60, 61, "a"), (61, 121, "b"), (121, 60, "b"))
    ]
    return Partial(
        config=librimix_config(mix="both"),
        folders=make_librimix(root, rows, lengths, noises).dirs,
        corpus="wham",
        gone=("tt/b.wav",),
        lost=2,
        other=("tr/c.wav",),
    )


def wsj0_mix_of_wsj0(root: Path) -> Partial:
    """A mixture lacks a speaker, and another one all that it could enroll the speaker with."""
    config, folders = make_set("wsj0_mix", root)
    gone = ("wsj0/si_dt_05/050/050a0501.wav",)
    return Partial(config=config, folders=folders, corpus="wsj0", gone=gone, lost=2, named=gone[0][5:])


def fuss_style_of_a_table(root: Path) -> Partial:
    config, folders = make_set("fuss_style", root)
    paths = sorted(path.relative_to(folders["events"]) for path in folders["events"].rglob("*.wav"))
    _table(folders["events"] / "clips.csv", [{"path": str(p), "label": p.parts[0]} for p in paths])
    return Partial(
        config=_with_options(config, "events", {"metadata": "clips.csv"}),
        folders=folders,
        corpus="events",
        gone=("class0/0.wav", "class3/13.wav"),
    )


def fuss_released_of_fuss(root: Path) -> Partial:
    config, folders = make_set("fuss_released", root)
    return Partial(
        config=config,
        folders=folders,
        corpus="fuss",
        gone=("ssdata_reverb/train/example00002_sources/background0_sound.wav",),
        lost=1,
        other=("fsd_data/eval/sound/888.wav",),
    )


def vox2_mix_without_sound(root: Path) -> Partial:
    config, folders = make_set("vox2_mix", root)
    return Partial(
        config=config,
        folders=folders,
        corpus="voxceleb2",
        gone=("audio_clean/test/id00001/aaaaaaaaaaa/00001.wav",),
        lost=2,
        named="id00001/aaaaaaaaaaa/00001",
    )


def vox2_mix_without_pictures(root: Path) -> Partial:
    config, folders = make_set("vox2_mix", root)
    gone = ("orig/test/id00001/aaaaaaaaaaa/00001.mp4",)
    return Partial(config=config, folders=folders, corpus="voxceleb2", gone=gone, lost=2)


def av_mix_in_noise(root: Path) -> Partial:
    rows = []
    for number in range(20):
        split = "train" if number % 10 == 9 else "test"
        save(root / f"{number}.wav", frames=40_000, rate_hz=RATE_HZ, seed=number)
        rows.append({"path": f"{number}.wav", "label": "noise", "split": split})
    _table(root / "clips.csv", rows)
    params = {
        "scenario": "noise",
        "count": 3,
        "sample_rate_hz": RATE_HZ,
        "on_screen": {"corpus": "films"},
        "off_screen": [{"corpus": "speech"}],
        "noise": {"corpus": "noise"},
    }
    options = {"metadata": "clips.csv", "split_column": "split"}
    made = _config("av_mix", params, {"noise": options})
    embedded = {"films": {"kind": "synthetic_av"}, "speech": {"kind": "synthetic_speech"}}
    corpora = {**made.model_dump()["corpora"], **embedded}
    return Partial(
        config=DatasetConfig.model_validate({**made.model_dump(), "corpora": corpora}),
        folders={"noise": root},
        corpus="noise",
        gone=("3.wav", "11.wav"),
        other=("9.wav",),
    )


def librimix_files_of_a_tree(root: Path) -> Partial:
    config, folders = make_set("librimix_files", root)
    gone = ("wav8k/min/test/noise/260-123286-0002_61-70968-0003.wav",)
    return Partial(config=config, folders=folders, corpus="librimix_files", gone=gone, lost=1)


def wsj0_mix_files_of_a_tree(root: Path) -> Partial:
    config, folders = make_set("wsj0_mix_files", root)
    gone = ("wav8k/min/tt/mix/050a0501_2.4_441c0201_-2.4.wav",)
    return Partial(config=config, folders=folders, corpus="wsj0_mix_files", gone=gone, lost=1)


CASES: dict[str, Callable[[Path], Partial]] = {
    function.__name__: function
    for function in (
        *(sound_mix_of_fsdkaggle2018, sound_mix_of_fsd50k, sound_mix_on_tau2019),
        *(sound_mix_on_reverb_noise, sound_mix_of_audioset),
        *(speech_mix_of_librispeech, speech_mix_of_a_folder, fewshot_of_a_table),
        *(meeting_mix_of_a_folder, real_recordings_of_a_table),
        *(jams_of_a_table, jams_without_a_scene, librimix_of_librispeech, librimix_on_wham, wsj0_mix_of_wsj0),
        *(librimix_files_of_a_tree, wsj0_mix_files_of_a_tree),
        *(fuss_style_of_a_table, fuss_released_of_fuss),
        *(vox2_mix_without_sound, vox2_mix_without_pictures, av_mix_in_noise),
    )
}
"""By builder and corpus; a new builder gets a function here."""


def _events() -> dict[str, Any]:
    return {"count": 4, "n_classes": [2, 2], "events": {"corpus": "sounds"}, **TINY}


def _sounds(root: Path) -> Path:
    for number in range(9):
        save(root / f"class{number % 3}/{number}.wav", frames=400, rate_hz=RATE_HZ, seed=number)
    return root


def _table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _with_options(config: DatasetConfig, corpus: str, options: dict[str, Any]) -> DatasetConfig:
    content = config.model_dump()
    content["corpora"][corpus]["options"] = options
    return DatasetConfig.model_validate(content)


def _config(
    builder: str, params: dict[str, Any], corpora: dict[str, dict[str, Any]], split: str = "test"
) -> DatasetConfig:
    """Corpora that have the name of no kind are folders."""
    own = {"sounds", "speech", "noise"}
    return DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": builder,
            "split": split,
            "seed": 1,
            "corpora": {
                name: {"kind": "folder" if name in own else name, "options": options}
                for name, options in corpora.items()
            },
            "params": params,
        }
    )
