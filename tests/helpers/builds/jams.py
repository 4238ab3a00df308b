"""A small set of `jams`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import Case, make_set, of_folders

from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.jams.soundscapes import jams_sidecars


def make(root: Path) -> Case:
    config, folders = make_set("sound_mix", root)
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
    made = of_folders("jams", ("events", "scenes"), params)
    corpora = {**made.model_dump()["corpora"], "scapes": {"kind": "scaper_set"}}
    made = DatasetConfig.model_validate({**made.model_dump(), "corpora": corpora})
    return made, {**folders, "scapes": scapes}
