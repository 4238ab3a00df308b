"""Videos of the lips for the players: WebM that browsers play, or a strip of pictures without PyAV."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.files import make_folder, write_atomic

Pictures = NDArray[np.uint8]

_CODEC = "libvpx-vp9"
_BIT_RATE = 200_000
_LEAST_SIDE = 96  # smaller pictures are enlarged, so that the codec keeps their lips
_STRIP = 12
_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LipFilm:
    """Pictures [F, H, W] of a clue, grey, and their rate."""

    pictures: Pictures
    fps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFile:
    """A film as a file of the report.

    Attributes:
        path: from the report's folder.
        moving: a video; else a strip of pictures over the length of the film.
        width, height: of the video or the strip.
    """

    path: str
    moving: bool
    width: int
    height: int
    seconds: float
    count: int


def write_film(film: LipFilm, out: Path) -> FilmFile:
    """Write `video/HASH.webm`, or `video/HASH.png` without PyAV, into a report's folder."""
    moving = importlib.util.find_spec("av") is not None
    content = f"{film.fps} {film.pictures.shape}".encode() + film.pictures.tobytes()
    name = hashlib.sha256(content).hexdigest()[:_DIGITS] + (".webm" if moving else ".png")
    path = make_folder(out / "video") / name
    if not path.is_file():
        write_atomic(path, _webm(film) if moving else _strip(film.pictures))
    count = len(film.pictures)
    height, width = _video_size(film) if moving else (film.pictures.shape[1], _STRIP * film.pictures.shape[2])
    return FilmFile(
        path=f"video/{name}", moving=moving, width=width, height=height, seconds=count / film.fps, count=count
    )


def _video_size(film: LipFilm) -> tuple[int, int]:
    """Height and width: small pictures are enlarged, and the codec wants even numbers."""
    height, width = (side * max(1, -(-_LEAST_SIDE // side)) for side in film.pictures.shape[1:])
    return height + height % 2, width + width % 2


def _webm(film: LipFilm) -> bytes:
    """VP9 in WebM; a picture is shown from its own place in time on."""
    av: Any = importlib.import_module("av")
    height, width = _video_size(film)
    content = io.BytesIO()
    with av.open(content, mode="w", format="webm") as container:
        rate = Fraction(film.fps).limit_denominator(1001)
        stream = container.add_stream(_CODEC, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = _BIT_RATE
        for picture in film.pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="gray")
            grown = frame.reformat(width=width, height=height, format="yuv420p")
            container.mux(stream.encode(grown))
        container.mux(stream.encode())
    return content.getvalue()


def _strip(pictures: Pictures) -> bytes:
    """A PNG of pictures in equal distances, side by side."""
    from PIL import Image  # noqa: PLC0415 - slow to import, and needed for few players

    places = ((np.arange(_STRIP) + 0.5) * len(pictures) / _STRIP).astype(int)
    content = io.BytesIO()
    Image.fromarray(np.hstack(list(pictures[places]))).save(content, "PNG", optimize=True)
    return content.getvalue()
