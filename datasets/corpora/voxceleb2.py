"""VoxCeleb2: videos of 6,112 speakers, with their speech exported as audio (Chung et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from ...core.errors import AudioError, CorpusError
from ..protocols.corpus import CORPORA
from ..signals.video import LIP_SIZE
from .disk.disk_corpus import DiskCorpus, Splits, ValidShare
from .disk.file_entries import FileEntry, checked_share, hold_out
from .disk.layout import Release, ReleasePart
from .disk.lip_videos import FilmedCorpus

_AUDIO = (".wav", ".flac")
_EXPORT = "ffmpeg -i FILE -vn -ac 1 -ar 16000 FILE.wav"
_RELEASED = {"dev": 1_092_009, "test": 36_237}
_SPLITS = {"dev": ("train", "valid"), "train": ("train", "valid"), "test": ("test",)}


@CORPORA.register("voxceleb2")
class VoxCeleb2(FilmedCorpus, DiskCorpus):
    """VoxCeleb2: "train" is its dev part, "test" its test part; label speaker, group video.

    The recordings are audio files below a folder that is a copy of the tree of videos. In the release's layout
    `dev/mp4/id00012/<video>/00001.mp4` goes with `dev/<audio>/id00012/<video>/00001.wav`; in the layout of MuSE and its
    successors `orig/train/id00012/<video>/00001.mp4` with `<audio>/train/id00012/<video>/00001.wav`. The dev part has a
    million files, so choose `splits` where "test" is enough.

    Args:
        audio: name of the folder of the audio files, .wav or .flac. (The release's own audio, .m4a, cannot be decoded
            here.)
        lip_size: side of the grey crops of the mouth, in pixels.
        landmarks: crop by `00001.lips.csv` next to each video, with the columns frame, x, y and side (of a square
            around the mouth, in pixels). Without, the crop is the middle of the picture.
    """

    release = Release(title="VoxCeleb2", source="https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox2.html")
    other_folders = ("dev/mp4", "test/mp4", "orig/train", "orig/test")
    version = "2018"
    licence = "CC-BY-4.0"
    _video_suffix = ".mp4"

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        audio: str = "wav",
        lip_size: Annotated[int, Field(gt=0)] = LIP_SIZE,
        landmarks: bool = False,
        valid_share: ValidShare = 0.0,
        splits: Splits = None,
        allow_missing: bool = False,
    ) -> None:
        self._audio = audio
        self._lip_size = lip_size
        self._landmarks = landmarks
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)
        self._valid_share = checked_share(valid_share, where=self._where)

    def video_path(self, path: str) -> str:
        """Path of the video of a recording."""
        for part in self._layout_parts():
            if PurePosixPath(path).is_relative_to(part.folder):
                inside = PurePosixPath(path).relative_to(part.folder).with_suffix(self._video_suffix)
                return (PurePosixPath(_videos(part)) / inside).as_posix()
        raise AudioError(f"{self._where}: {path!r} is in none of its folders of audio; give the path of a recording")

    def _layout_parts(self) -> tuple[ReleasePart, ...]:
        released = [(name, f"{name}/{self._audio}") for name in ("dev", "test")]
        muse = [(name, f"{self._audio}/{name}") for name in ("train", "test")]
        return tuple(
            ReleasePart(name=name, folder=folder, splits=_SPLITS[name], files=_RELEASED.get(name))
            for name, folder in (*released, *muse)
        )

    def _parts_here(self) -> tuple[ReleasePart, ...]:
        released, muse = self._layout_parts()[:2], self._layout_parts()[2:]
        folders = ["orig", *(part.folder for part in muse)]
        return muse if any((self.root / folder).is_dir() for folder in folders) else released

    def _wanted(self, split: str | None = None) -> list[ReleasePart]:
        try:
            return super()._wanted(split)
        except CorpusError as error:
            raise CorpusError(f"{error}, or make audio of its videos with `{_EXPORT}`") from None

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        paths = list(self._found(part.folder, (*_AUDIO, ".m4a")))
        audio = [path for path in paths if PurePosixPath(path).suffix.lower() in _AUDIO]
        if paths and not audio:
            raise CorpusError(
                f"{self._where}: {part.folder} holds .m4a files, which cannot be decoded here; "
                f"convert each with `{_EXPORT}` and name their folder as `audio`"
            )
        return [self._entry(part, path) for path in audio]

    def _entry(self, part: ReleasePart, path: str) -> FileEntry:
        inside = PurePosixPath(path).relative_to(part.folder).parts
        if len(inside) != 3:
            raise CorpusError(
                f"{self._where}: {path!r} is not <speaker>/<video>/<number> in {part.folder}; "
                "lay the audio out as the videos are"
            )
        speaker, video, _ = inside
        return FileEntry(path=path, label=speaker, split=part.splits[0], group=f"{speaker}/{video}")

    def _arrange(self, part: ReleasePart, entries: Sequence[FileEntry]) -> Sequence[FileEntry]:
        if not self._valid_share or "train" not in part.splits:
            return entries
        # Speakers are held out, not single videos of speakers that are trained on.
        by_speaker = [replace(entry, group=entry.label) for entry in entries]
        moved = hold_out(by_speaker, self._valid_share, where=self._where)
        return [replace(e, split=m.split) for e, m in zip(entries, moved, strict=True)]


def _videos(part: ReleasePart) -> str:
    """Folder of the videos that go with the audio of a part."""
    first, second = PurePosixPath(part.folder).parts[0], PurePosixPath(part.folder).name
    return f"{first}/mp4" if first in _RELEASED else f"orig/{second}"
