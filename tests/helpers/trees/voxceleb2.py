"""VoxCeleb2 in the release's layout and in that of MuSE: videos, and audio exported next to them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
from helpers.trees.audio import save

UTTERANCES = {
    "dev": (
        "id00012/21Uxsk56VDQ/00001",
        "id00012/21Uxsk56VDQ/00002",
        "id00015/0fijmz4vTVU/00001",
        *(f"id0{k}/-_{k}/00001" for k in range(1000, 1006)),
    ),
    "test": ("id00017/01dfn2spqyE/00001", "id08696/ttUSQacqnRA/00472"),
}


def make_voxceleb2(root: Path, *, muse: bool = False, audio: str | None = "wav") -> Path:
    """Eleven utterances of ten speakers; without `audio` there are only the videos."""
    for part, utterances in UTTERANCES.items():
        name = part.replace("dev", "train") if muse else part
        videos = root / ("orig" if muse else name) / (name if muse else "mp4")
        for k, utterance in enumerate(utterances):
            video = videos / f"{utterance}.mp4"
            video.parent.mkdir(parents=True, exist_ok=True)
            video.write_bytes(b"not read here")
            if audio:
                folder = root / audio / name if muse else root / name / audio
                save(folder / f"{utterance}.wav", frames=800 + k, seed=k + 50 * (part == "test"))
    return root


def write_video(path: Path, pictures: np.ndarray, *, fps: int = 25) -> None:
    """Grey pictures [F, H, W] as MPEG-4, with PyAV."""
    av = import_module("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width = pictures.shape[1:]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
