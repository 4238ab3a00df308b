"""A small set of `vox2_mix`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers.builds import Case
from helpers.trees.audio import save
from helpers.trees.voxceleb2 import write_video

from tsebench.datasets.config import DatasetConfig


def make(root: Path) -> Case:
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
