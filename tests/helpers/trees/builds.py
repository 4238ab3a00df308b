"""For each builder a small set: its config, and the folders of its corpora."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from helpers.trees.audio import save
from helpers.trees.fuss import make_fuss
from helpers.trees.librimix import librimix_config, make_librimix, mixture_row, utterance
from helpers.trees.voxceleb2 import write_video
from helpers.trees.wsj0 import make_wsj0, make_wsj0_lists

from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.jams.soundscapes import jams_sidecars

RATE_HZ = 8000
Case = tuple[DatasetConfig, dict[str, Path]]


def sound_mix(root: Path) -> Case:
    folders = _sounds(root)
    params = {
        "count": 6,
        "sample_rate_hz": RATE_HZ,
        "duration_s": 2.0,
        "event_s": [0.3, 0.9],
        "renderer": "scaper",
        "peak": 1.0,
        "events": {"corpus": "events"},
        "background": {"corpus": "scenes"},
        "conditions": ["1:0", "1:1", "0:1"],
        "clues": ["classes", "enrollment"],
    }
    return _config("sound_mix", ("events", "scenes"), params), folders


def speech_mix(root: Path) -> Case:
    folder = root / "speech"
    for number in range(12):
        path = folder / f"speaker{number % 3}" / f"{number}.flac"
        save(path, frames=RATE_HZ + 7 * number, rate_hz=RATE_HZ, seed=number)
    params = {"count": 6, "sample_rate_hz": RATE_HZ, "speech": {"corpus": "speech"}}
    return _config("speech_mix", ("speech",), params), {"speech": folder}


def fewshot(root: Path) -> Case:
    rows = ["path,label,split,author"]
    for number in range(60):
        label, split = f"class{number % 6}", ("train", "test")[number % 4 // 2]
        path = f"{label}/{number}.wav"
        rows.append(f"{path},{label},{split},author{number}")
        save(root / "sounds" / path, frames=6000 + number, rate_hz=RATE_HZ, seed=number)
    (root / "sounds" / "clips.csv").write_text("\n".join(rows) + "\n")
    options = {"metadata": "clips.csv", "split_column": "split", "group_column": "author"}
    labels = [f"class{number}" for number in range(6)]
    params = {
        "shots": 1,
        "reserved": 2,
        "shots_split": "train",
        "count": 5,
        "sample_rate_hz": RATE_HZ,
        "duration_s": 2.0,
        "event_s": [0.3, 0.6],
        "seen": {"corpus": "sounds", "labels": labels[:4]},
        "new": {"corpus": "sounds", "labels": labels[4:]},
        "conditions": ["1:0", "1:1"],
        "clues": ["classes", "enrollment"],
    }
    return _config("fewshot", ("sounds",), params, options), {"sounds": root / "sounds"}


def jams(root: Path) -> Case:
    config, folders = sound_mix(root)
    drawn = build(config, root / "drawn", corpus_dirs=folders)
    scapes = root / "scapes"
    for mixture in drawn.mixtures.values():
        for path, content in jams_sidecars(mixture, drawn.corpora).items():
            (scapes / path).parent.mkdir(parents=True, exist_ok=True)
            (scapes / path).write_bytes(content)
    params = {
        "soundscapes": "scapes",
        "events": {"corpus": "events"},
        "background": {"corpus": "scenes"},
        "conditions": ["1:0", "1:1"],
        "clues": ["classes", "enrollment"],
    }
    made = _config("jams", ("events", "scenes"), params)
    corpora = {**made.model_dump()["corpora"], "scapes": {"kind": "scaper_set"}}
    made = DatasetConfig.model_validate({**made.model_dump(), "corpora": corpora})
    return made, {**folders, "scapes": scapes}


def librimix(root: Path) -> Case:
    lengths = {utterance(s, n): 48_000 + 10 * s + n for s in (60, 61, 121) for n in (1, 2, 3)}
    pairs = ((60, 61), (61, 121), (121, 60))
    rows = [mixture_row({utterance(a, 1): 0.5, utterance(b, 2): 0.4}, "tt/a.wav", 1.5) for a, b in pairs]
    place = make_librimix(root, rows, lengths, {"tt/a.wav": 60_000})
    return librimix_config(mix="both"), place.dirs


def wsj0_mix(root: Path) -> Case:
    corpora = {
        "wsj0": {"kind": "wsj0", "options": {"splits": ["si_dt_05", "si_et_05"]}},
        "wsj0_mix": {"kind": "wsj0_mix_lists"},
    }
    config = DatasetConfig.model_validate(
        {"name": "small", "builder": "wsj0_mix", "split": "tt", "corpora": corpora, "params": {}}
    )
    folders = {"wsj0": make_wsj0(root / "speech"), "wsj0_mix": make_wsj0_lists(root / "lists")}
    return config, folders


def fuss_style(root: Path) -> Case:
    folders = _sounds(root)
    params = {
        "count": 5,
        "duration_s": 2.0,
        "n_events": [1, 2],
        "sounds": {"corpus": "events"},
        "background": {"corpus": "scenes"},
        "conditions": ["1:0"],
        "clues": ["classes"],
    }
    return _config("fuss_style", ("events", "scenes"), params), folders


def fuss_released(root: Path) -> Case:
    config = DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": "fuss_released",
            "split": "train",
            "corpora": {"fuss": {"kind": "fuss"}},
            "params": {"corpus": "fuss"},
        }
    )
    return config, {"fuss": make_fuss(root / "fuss")}


def vox2_mix(root: Path) -> Case:
    names = ("id00001/aaaaaaaaaaa/00001", "id00002/bbbbbbbbbbb/00002", "id00003/ccccccccccc/00003")
    for number, name in enumerate(names):
        save(root / f"audio_clean/test/{name}.wav", frames=25_600 + 640 * number, seed=number)
        video = root / f"orig/test/{name}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        write_video(video, np.full((40 + number, 32, 32), 20 * number, dtype=np.uint8))
    rows = []
    for first, second, snr in ((0, 1, 2.5), (1, 2, -3.0), (2, 0, 0.125)):
        (a, b), (c, d) = (names[n].split("/", 1) for n in (first, second))
        rows.append(f"test,test,{a},{b},0,test,{c},{d},{snr},1.6\n")
    (root / "lists").mkdir()
    (root / "lists" / "2mix.csv").write_text("".join(rows))
    options = {"audio": "audio_clean", "splits": ["test"], "lip_size": 16}
    config = DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": "vox2_mix",
            "corpora": {"voxceleb2": {"kind": "voxceleb2", "options": options}},
            "params": {"mixture_list": "lists/2mix.csv", "targets": "all"},
        }
    )
    return config, {"voxceleb2": root}


def av_mix(_root: Path) -> Case:
    config = DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": "av_mix",
            "corpora": {"films": {"kind": "synthetic_av"}, "speech": {"kind": "synthetic_speech"}},
            "params": {
                "scenario": "spk",
                "count": 3,
                "sample_rate_hz": RATE_HZ,
                "on_screen": {"corpus": "films"},
                "off_screen": [{"corpus": "speech"}],
            },
        }
    )
    return config, {}


SETS: dict[str, Callable[[Path], Case]] = {
    function.__name__: function
    for function in (
        *(sound_mix, speech_mix, fewshot, jams, librimix, wsj0_mix),
        *(fuss_style, fuss_released, vox2_mix, av_mix),
    )
}
"""By the name of the builder; a new builder gets a function here."""


def _sounds(root: Path) -> dict[str, Path]:
    for number in range(20):
        path = root / "events" / f"class{number % 5}" / f"{number}.wav"
        save(path, frames=6000 + 10 * number, rate_hz=RATE_HZ, seed=number)
    for number in range(3):
        path = root / "scenes" / f"scene{number}" / f"{number}.wav"
        save(path, frames=40_000 + number, rate_hz=16_000, seed=100 + number)
    return {name: root / name for name in ("events", "scenes")}


def _config(
    builder: str, folders: tuple[str, ...], params: dict[str, Any], options: dict[str, Any] | None = None
) -> DatasetConfig:
    return DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": builder,
            "seed": 1,
            "corpora": {name: {"kind": "folder", "options": options or {}} for name in folders},
            "params": params,
        }
    )
