"""A folder of filmed clips: videos, and their audio in a tree next to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from helpers.trees.audio import save
from helpers.trees.voxceleb2 import write_video

CLIPS = ("anna/1", "anna/2", "ben/talk 1", "cleo/x")


def make_filmed_folder(root: Path) -> Path:
    """Four clips of three speakers; the videos are not read."""
    for seed, clip in enumerate(CLIPS):
        video = root / "video" / f"{clip}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b"not read here")
        save(root / "audio" / f"{clip}.wav", frames=6000 + seed, seed=seed)
    return root


def film(root: Path, clip: str, *, seconds: float, seed: int, fps: int = 25, rate: int = 16000) -> None:
    """A clip whose mouth, a bright bar right of the middle, opens with the loudness of its sound."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.uniform(0.0, 1.0, int(seconds * 5)), fps // 5)
    pictures = np.full((len(loud), 96, 96), 60, dtype=np.uint8)
    for picture, height in zip(pictures, (2 + 14 * loud).astype(int), strict=True):
        picture[52 - height : 52 + height, 44:68] = 220
    path = root / "video" / f"{clip}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, pictures, fps=fps)
    path.with_suffix(".lips.csv").write_text("frame,x,y,side\n0,56,52,48\n" + f"{len(loud) - 1},56,52,48\n")
    sound = rng.standard_normal(len(loud) * rate // fps) * np.repeat(loud, rate // fps) * 0.1
    sound_path = root / "audio" / f"{clip}.wav"
    sound_path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(sound_path), sound.astype(np.float32), rate)
