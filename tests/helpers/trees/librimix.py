"""Small copies of what a LibriMix set is made from: metadata, LibriSpeech and WHAM noise."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.trees.librispeech import make_librispeech
from helpers.trees.wham import make_wham

from tsebench.datasets.config import DatasetConfig

SUBSET = "test-clean"
TABLE = "Libri2Mix/libri2mix_test-clean.csv"
MAP = "Libri2Mix/map"


@dataclass(frozen=True)
class Place:
    """Folders of the three parts, and the rows of the table."""

    root: Path
    rows: Sequence[Mapping[str, str]] = field(repr=False)

    @property
    def dirs(self) -> dict[str, Path]:
        return {
            "librimix": self.root / "metadata",
            "librispeech": self.root / "LibriSpeech",
            "wham": self.root / "wham_noise",
        }


def utterance(speaker: int, number: int, chapter: int = 7) -> str:
    """Path of an utterance of the subset."""
    return f"{SUBSET}/{speaker}/{chapter}/{speaker}-{chapter}-{number:04d}.flac"


def mixture_row(speech: Mapping[str, float], noise: str, noise_gain: float) -> dict[str, str]:
    """A row of the table, as its cells are written."""
    row = {"mixture_ID": "_".join(Path(path).stem for path in speech)}
    for number, (path, gain) in enumerate(speech.items(), 1):
        row |= {f"source_{number}_path": path, f"source_{number}_gain": repr(gain)}
    return {**row, "noise_path": noise, "noise_gain": repr(noise_gain)}


def make_librimix(
    root: Path,
    rows: Sequence[Mapping[str, str]],
    speech_frames: Mapping[str, int],
    noise_frames: Mapping[str, int],
    *,
    sexes: Mapping[str, str] | None = None,
    lists: bool = True,
    backwards: bool = False,
    table: str = TABLE,
) -> Place:
    """Write `metadata/`, `LibriSpeech/` and `wham_noise/` below `root`.

    Args:
        root: folder that gets them.
        rows: of the table of mixtures.
        speech_frames: lengths of the utterances by path, of mixtures and others.
        noise_frames: lengths of the noise by path.
        sexes: by speaker.
        lists: write LibriMix's list of the utterances of 3 s and more as well.
        backwards: make the audio files in the opposite order.
        table: where the table goes.
    """
    make_librispeech(root, speech_frames, sexes=sexes, backwards=backwards)
    make_wham(root, noise_frames, backwards=backwards)
    write_csv(root / "metadata" / table, rows)
    if lists:
        listed = [
            {
                "speaker_ID": Path(path).parts[1],
                "sex": (sexes or {}).get(Path(path).parts[1], "F"),
                "subset": Path(path).parts[0],
                "length": str(frames),
                "origin_path": path,
            }
            for path, frames in sorted(speech_frames.items(), key=lambda item: item[1])
            if frames >= 48_000
        ]
        write_csv(root / "metadata" / "LibriSpeech" / f"{SUBSET}.csv", listed)
    return Place(root, rows)


def write_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write a table with the columns of its first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def librimix_config(**params: Any) -> DatasetConfig:
    """A config of a small set."""
    name = params.pop("name", "small")
    corpora = {
        "librimix": {"kind": "librimix_metadata"},
        "librispeech": {"kind": "librispeech"},
        "wham": {"kind": "wham"},
    }
    if params.get("mix", "clean") == "clean":
        corpora.pop("wham")
    return DatasetConfig.model_validate(
        {"name": name, "builder": "librimix", "seed": 1, "corpora": corpora, "params": {"metadata": TABLE, **params}}
    )
