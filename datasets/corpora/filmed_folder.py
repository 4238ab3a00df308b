"""Any folder of filmed speech: clips of talking heads, with their sound next to them."""

from __future__ import annotations

import posixpath
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from ...core.errors import AudioError, ConfigError
from ..protocols.corpus import CORPORA
from ..signals.video import LIP_SIZE
from .disk.lip_videos import FilmedCorpus
from .folder import FolderCorpus

_EXPORT = "ffmpeg -i FILE.mp4 -vn -ac 1 -ar 16000 FILE.wav"


@CORPORA.register("filmed_folder")
class FilmedFolder(FilmedCorpus, FolderCorpus):
    """A user's own clips of talking heads: `<root>/<videos>/anna/1.mp4` with `<root>/<audio>/anna/1.wav`.

    Folders of labels are speakers, and lists and transcripts are those of the corpus `folder`. Sound and picture of a
    clip must begin together; the sound is exported once, with `ffmpeg -i FILE.mp4 -vn -ac 1 -ar 16000 FILE.wav`.
    Pictures are cropped to the mouth: by a file `1.lips.csv` (frame, x, y, side) next to a video, as face trackers give
    it, or the middle of the picture. With `features_fps` the folder of videos holds features of lips instead, a NumPy
    file `1.npy` [pictures, features] for each, for networks with `front_end: features`.

    Args:
        audio: folder of the audio files, relative to the root.
        videos: folder of the videos, relative to the root, in the same tree.
        video_suffix: ending of the videos' names.
        lip_size: side of the grey crops of the mouth, in pixels.
        landmarks: crop by `.lips.csv` files, which each video must then have.
        features_fps: rows per second of files of features, whose names end in `.npy`; null: videos.
        metadata: CSV file that lists the audio files, see the corpus `folder`.
        path_column: column of the files' paths, relative to `audio`.
        label_column: column of the speakers.
        split_column: column of the splits; null: all files are of `default_split`.
        text_column: column of the transcripts; null: none.
        valid_share: share of the clips of "train" that becomes "valid", chosen by SHA-256; 0 or more, below 1.
        default_split: split of files whose list gives none.
        licence: of the recordings, for cards and reports.
        version: of the recordings, for cards; another version is another corpus.
        allow_missing: leave out missing files that a CSV file lists.
    """

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        audio: str = "audio",
        videos: str = "video",
        video_suffix: str = ".mp4",
        lip_size: Annotated[int, Field(gt=0)] = LIP_SIZE,
        landmarks: bool = False,
        features_fps: Annotated[float, Field(gt=0, le=240)] | None = None,
        metadata: str | None = None,
        path_column: str = "path",
        label_column: str = "label",
        split_column: str | None = None,
        text_column: str | None = None,
        valid_share: float = 0.0,
        default_split: str = "test",
        licence: str = "unknown",
        version: str = "unknown",
        allow_missing: bool = False,
    ) -> None:
        super().__init__(
            name=name,
            root=root,
            audio=audio,
            metadata=metadata,
            path_column=path_column,
            label_column=label_column,
            split_column=split_column,
            text_column=text_column,
            valid_share=valid_share,
            default_split=default_split,
            licence=licence,
            version=version,
            allow_missing=allow_missing,
        )
        if not video_suffix.startswith("."):
            raise ConfigError(f"{self._where}: video_suffix = {video_suffix!r} must begin with a dot, such as .mp4")
        self._videos = posixpath.normpath(videos)
        self._video_suffix = video_suffix if features_fps is None else ".npy"
        self._features_fps = features_fps
        self._lip_size, self._landmarks = lip_size, landmarks

    def video_path(self, path: str) -> str:
        """Path of the video of a recording."""
        try:
            inside = PurePosixPath(path).relative_to(self._audio)
        except ValueError:
            raise AudioError(f"{self._where}: {path!r} is not in its folder of audio, {self._audio!r}") from None
        return PurePosixPath(self._videos, inside).with_suffix(self._video_suffix).as_posix()

    def _remedy(self) -> str:
        return f"{super()._remedy()}, or make audio of the videos with `{_EXPORT}`"
