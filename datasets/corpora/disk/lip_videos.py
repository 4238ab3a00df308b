"""Videos of mouths below one folder, cropped to the lips."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from ....core.errors import AudioError, CorpusError
from ...protocols.corpus import Features, Pictures, VideoInfo
from ...signals import video
from .csv_table import read_table
from .file_entries import locate
from .lip_features import LipFeatures, hash_of
from .listed_corpus import ListedCorpus

LANDMARKS = ".lips.csv"
_COLUMNS = ("frame", "x", "y", "side")


class LipVideos:
    """The videos of one corpus, by path relative to its root, cropped to the mouth.

    Without landmarks the crop is the middle of the picture: a quarter of its area. With landmarks each video
    `00001.mp4` has a file `00001.lips.csv` next to it, with the columns `frame,x,y,side`: for pictures counted from 0,
    the middle of the mouth and the side of a square around it, in pixels of the video. Pictures between two rows are
    interpolated; the first and the last row also count for all pictures before and after them.

    Args:
        where: begins every message, for example "corpus 'voxceleb2'".
        size: side of the crops in pixels.
        landmarks: crop by landmarks, which each video must then have.
    """

    def __init__(self, root: Path, *, where: str, size: int = video.LIP_SIZE, landmarks: bool = False) -> None:
        self.root = Path(root).expanduser().absolute()
        self._where = where
        self._size = size
        self._landmarks = landmarks

    def info(self, path: str) -> VideoInfo:
        """Length and rate of a video; raises as `VideoCorpus.video_info`."""
        return video.info(locate(self.root, path, error=AudioError))

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Pictures, float]:
        """Grey crops [F, size, size] of a stretch of a video, and its rate in pictures per second."""
        file = locate(self.root, path, error=AudioError)
        track = self._track(file) if self._landmarks else None
        pictures, fps = video.read(file, start, frames)
        if track is None:
            return video.crop_centre(pictures, self._size), fps
        places = np.arange(start, start + len(pictures))
        at = np.column_stack([np.interp(places, track[:, 0], row) for row in track.T[1:]])
        return video.crop_lips(pictures, at, self._size), fps

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of what determines the crops: the file, its landmarks, and the size."""
        file = locate(self.root, path, error=AudioError)
        files = (file, file.with_suffix(LANDMARKS)) if self._landmarks else (file,)
        return hash_of(f"lips {self._size}\n", files)

    def _track(self, file: Path) -> video.Track:
        """Landmarks of a video [R, 4]: frame, x, y, side, by rising frame."""
        path = file.with_suffix(LANDMARKS)
        try:
            table = read_table(path)
            columns = [table.full_column(name, option="landmarks") for name in _COLUMNS]
            track = np.array(columns, dtype=np.float64).T
        except (CorpusError, ValueError) as error:
            raise AudioError(
                f"{self._where}: landmarks of {file.name!r} cannot be used: {error}; write "
                f"{path.name!r} with the columns {','.join(_COLUMNS)}, or set `landmarks` to false"
            ) from None
        if not np.isfinite(track).all() or (np.diff(track[:, 0]) <= 0).any() or track[:, 3].min() < 1:
            raise AudioError(
                f"{self._where}: landmarks {str(path)!r} need rising frames, finite numbers, and "
                "sides of 1 pixel or more; correct them"
            )
        return track


class FilmedCorpus(ListedCorpus):
    """First base of a corpus on disk whose recordings have videos; all of `VideoCorpus` but `video_path`."""

    # Set by the corpus.
    _video_suffix: str
    _lip_size: int
    _landmarks: bool
    _features_fps: float | None = None  # rate of files of features, instead of videos

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of an audio file, or of what determines the crops of a video."""
        return self._lips.digest(path) if path.endswith(self._video_suffix) else super().digest(path)

    def video_info(self, path: str) -> VideoInfo:
        """Length and rate of a video; raises as `VideoCorpus.video_info`."""
        return self._lips.info(path)

    def read_video(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Pictures | Features, float]:
        """Grey crops [F, S, S] of the mouth in a stretch of a video, or its features, and pictures per second."""
        return self._lips.read(path, start, frames)

    @cached_property
    def _lips(self) -> LipVideos | LipFeatures:
        if self._features_fps is not None:
            return LipFeatures(self.root, where=self._where, fps=self._features_fps)
        return LipVideos(self.root, where=self._where, size=self._lip_size, landmarks=self._landmarks)
