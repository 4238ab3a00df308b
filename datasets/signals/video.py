"""Video files in: exact pictures, grey, and crops of the mouth. No other module decodes video.

Decoding needs PyAV, which the extra `video` installs; without it all functions that decode or resize raise a
CorpusError. Grey is the luma of BT.601 in full range, 0.299 R + 0.587 G + 0.114 B, as in OpenCV.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import AudioError, CorpusError
from ..protocols.corpus import Pictures, VideoInfo

LIP_SIZE = 112
"""Side in pixels of the crops that MuSE and reentry read."""

# A picture is at most this far from its place, as a share of the time between two: containers round times to as much as
# 1 ms.
_TOLERANCE = 0.1

Track = NDArray[np.float64]
"""Place of the mouth in each picture [F, 3]: x and y of its middle, and the side of the crop."""


def info(path: Path) -> VideoInfo:
    """Length and rate of the first video stream of a file."""
    with _stream(path) as (container, stream):
        # Some containers (WebM) do not state the number.
        frames = stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
        if not frames:
            raise AudioError(f"video file {str(path)!r} has no pictures; replace or remove it")
        return VideoInfo(frames=int(frames), fps=float(stream.guessed_rate))


def read(path: Path, start: int = 0, frames: int | None = None) -> tuple[Pictures, float]:
    """Decode a stretch (to the end if `frames` is None) of a file of constant frame rate that FFmpeg knows.

    Returns:
        grey pictures [F, H, W], and the rate in pictures per second.

    Raises:
        AudioError: the file is missing, corrupt, shorter than asked, or of varying frame rate.
    """
    found: list[NDArray[np.uint8]] = []
    with _stream(path) as (container, stream):
        fps = stream.guessed_rate
        for place, picture in _decoded(container, stream, max(start, 0)):
            if frames is not None and len(found) == frames:
                break
            if abs(place - (max(start, 0) + len(found))) > _TOLERANCE:
                raise AudioError(
                    f"video file {str(path)!r}: picture {start + len(found)} comes at {place:.2f} "
                    f"times 1/{float(fps):g} s; only constant frame rates are read: convert it, "
                    "for example with `ffmpeg -i IN -r 25 OUT`"
                )
            found.append(picture)
    if start < 0 or not found or len(found) < (frames or 0):
        stop = "the end" if frames is None else start + frames
        raise AudioError(
            f"video file {str(path)!r} does not have pictures {start} to {stop}; is it cut, or of "
            "another version of the corpus?"
        )
    return np.stack(found), float(fps)


def resize(pictures: Pictures, *, height: int, width: int) -> Pictures:
    """Pictures [F, height, width] by bilinear interpolation, smoothed where they shrink."""
    if pictures.shape[1:] == (height, width):
        return pictures
    frame = _av().VideoFrame.from_ndarray
    return np.stack(
        [
            frame(np.ascontiguousarray(picture), format="gray")
            .reformat(width=width, height=height, interpolation="BILINEAR")
            .to_ndarray()
            for picture in pictures
        ]
    )


def crop_centre(pictures: Pictures, size: int = LIP_SIZE) -> Pictures:
    """The middle [F, size, size] of pictures scaled to twice that size.

    VoxCeleb2 shows faces of 224×224 pixels that are aligned, so this is the mouth and its surroundings; MuSE and
    reentry read the same crop.
    """
    scaled = resize(pictures, height=2 * size, width=2 * size)
    low = size - size // 2
    return scaled[:, low : low + size, low : low + size].copy()


def crop_lips(pictures: Pictures, track: Track, size: int = LIP_SIZE) -> Pictures:
    """Squares around the mouth (`track` [F, 3]), scaled to [F, size, size]; beyond a picture its edge is repeated."""
    squares = (_square(picture, *row) for picture, row in zip(pictures, track, strict=True))
    return np.concatenate([resize(square[None], height=size, width=size) for square in squares])


def _square(picture: NDArray[np.uint8], x: float, y: float, side: float) -> NDArray[np.uint8]:
    """A square of whole pixels; rows and columns beyond the picture repeat its edge."""
    length = max(1, round(side))
    rows, columns = (
        np.clip(round(middle - length / 2) + np.arange(length), 0, limit - 1)
        for middle, limit in zip((y, x), picture.shape, strict=True)
    )
    return picture[np.ix_(rows, columns)]


def _decoded(container: Any, stream: Any, start: int) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Grey pictures from number `start` on, each with the number that its time stands for."""
    origin, per_picture = stream.start_time or 0, 1 / (stream.time_base * stream.guessed_rate)
    if start > 0:  # to the last key frame before it
        container.seek(int(origin + start * per_picture), stream=stream, backward=True)
    for frame in container.decode(stream):
        place = float((frame.pts - origin) / per_picture) if frame.pts is not None else np.nan
        if place > start - 0.5:
            yield place, frame.to_ndarray(format="gray")


@contextmanager
def _stream(path: Path) -> Iterator[tuple[Any, Any]]:
    """An open file and its first video stream; errors of FFmpeg become an AudioError of one line."""
    av = _av()
    if not path.is_file():
        raise AudioError(f"video file {str(path)!r} does not exist")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise AudioError(f"file {str(path)!r} has no video stream; replace it")
            yield container, container.streams.video[0]
    except av.FFmpegError as error:
        reason = (error.strerror or type(error).__name__).rstrip(".")
        raise AudioError(f"cannot decode video file {str(path)!r}: {reason}; replace it") from None


def _av() -> Any:
    """PyAV, an optional dependency."""
    try:
        return importlib.import_module("av")
    except ImportError:
        raise CorpusError("reading videos needs PyAV: run 'pip install tsebench[video]' or 'pip install av'") from None
