"""FSDKaggle2018 and TAU 2019 with all of their files, or with a few that hold noise."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tsebench.datasets.seeding import generator

CLASSES = 41
TRAIN, TEST = 9473, 1600
DEVELOPMENT, EVALUATION = 14_400, 7200
SCENE_S = 10.0
_NOISE_S = 30
_DEV, _EVAL = (f"TAU-urban-acoustic-scenes-2019-{part}" for part in ("development", "evaluation"))
_COLUMNS = {
    "train": ("train_post_competition.csv", "manually_verified"),
    "test": ("test_post_competition_scoring_clips.csv", "usage"),
}


def make_sounds(root: Path, *, full: bool) -> dict[str, Path]:
    """Folders of both corpora, with the real tables, rates, widths and lengths.

    Args:
        root: folder that gets them.
        full: all files; what a test set only lists, or does not listen to while it is built, is
            sparse, so that it takes no room. Else two test clips of each class and a few scenes.
    """
    clips = {"train": TRAIN, "test": TEST} if full else {"train": CLASSES, "test": 2 * CLASSES}
    for part, count in clips.items():
        _clips(root / "fsdkaggle2018", part, count, sparse=full and part == "train")
    scenes = {"development": DEVELOPMENT, "evaluation": EVALUATION} if full else {"evaluation": 8}
    for part, count in scenes.items():
        _scenes(root / "tau2019", part, count, sparse=full)
    return {name: root / name for name in ("fsdkaggle2018", "tau2019")}


def _clips(root: Path, part: str, count: int, *, sparse: bool) -> None:
    name, column = _COLUMNS[part]
    # 0.3 to 30 s, as in the corpus, with its mean of some 6.5 s.
    lengths_s = np.clip(generator("bench", part).gamma(1.2, 5.6, count), 0.3, 30.0).round(1)
    rows = [f"fname,label,{column},freesound_id,license"]
    for number, length_s in enumerate(lengths_s):
        used = "Public" if part == "test" else "1"
        fname = f"{number:08x}.wav"
        rows.append(f"{fname},Class_{number % CLASSES:02d},{used},{number},Attribution")
        path = root / f"FSDKaggle2018.audio_{part}" / fname
        _write(path, round(length_s * 44_100), 44_100, 1, "PCM_16", sparse=sparse)
    _table(root / "FSDKaggle2018.meta" / name, rows)


def _scenes(root: Path, part: str, count: int, *, sparse: bool) -> None:
    folder = root / (_DEV if part == "development" else _EVAL)
    names = [f"audio/park-city-{k // 50}-{k}-a.wav" for k in range(count)]
    for name in names:
        _write(folder / name, round(SCENE_S * 48_000), 48_000, 2, "PCM_24", sparse=sparse)
    _table(folder / "evaluation_setup" / "test.csv", ["filename", *names])
    if part == "development":
        rows = [f"{name}\tpark\tcity-{k // 50}\ta" for k, name in enumerate(names)]
        _table(folder / "meta.csv", ["filename\tscene_label\tidentifier\tsource_label", *rows])
        for fold, some in (("train", names[::2]), ("evaluate", names[1::2])):
            rows = ["filename\tscene_label", *(f"{name}\tpark" for name in some)]
            _table(folder / "evaluation_setup" / f"fold1_{fold}.csv", rows)


def _write(path: Path, frames: int, rate_hz: int, channels: int, subtype: str, *, sparse: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if sparse:
        head, size = _silence(frames, rate_hz, channels, subtype)
        with path.open("wb") as file:
            file.write(head)
            file.truncate(size)
        return
    start = int(generator("bench", path.name).integers(_NOISE_S * rate_hz))
    noise = _noise()[start : start + frames * channels].reshape(frames, channels)
    soundfile.write(str(path), noise, rate_hz, subtype=subtype)


@cache
def _noise() -> NDArray[np.int16]:
    noise = 3000 * generator("bench").standard_normal(4 * _NOISE_S * 48_000)
    return noise.astype(np.int16)


@cache
def _silence(frames: int, rate_hz: int, channels: int, subtype: str) -> tuple[bytes, int]:
    """A file up to its last byte that is not zero, and its size."""
    whole = io.BytesIO()
    zeros = np.zeros((frames, channels), dtype=np.int16)
    soundfile.write(whole, zeros, rate_hz, subtype=subtype, format="WAV")
    content = whole.getvalue()
    return content.rstrip(b"\0"), len(content)


def _table(path: Path, rows: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
