"""Features of lips that another program computed, one NumPy file for each video."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ....core.errors import AudioError
from ....core.text import error_text
from ...protocols.corpus import Features, VideoInfo
from .file_entries import locate


def hash_of(settings: str, files: Iterable[Path]) -> str:
    """SHA-256 (hex) of a text and the SHA-256 of each file; AudioError if one cannot be read."""
    content = hashlib.sha256(settings.encode())
    try:
        for file in files:
            with file.open("rb") as stream:
                content.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise AudioError(f"cannot read file {str(error.filename)!r}: {error.strerror}; complete the corpus") from None
    return content.hexdigest()


class LipFeatures:
    """The features of one corpus, by path relative to its root: `.npy` files of numbers [F, D], a row for each picture.

    Args:
        where: begins every message, for example "corpus 'clips'".
        fps: rows per second.
    """

    def __init__(self, root: Path, *, where: str, fps: float) -> None:
        self.root = Path(root).expanduser().absolute()
        self._where, self._fps = where, fps

    def info(self, path: str) -> VideoInfo:
        """Number of rows, and their rate; raises as `VideoCorpus.video_info`."""
        return VideoInfo(frames=len(self._open(path)), fps=self._fps)

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Features, float]:
        """Features [F, 1, D] of a stretch, and rows per second."""
        rows = self._open(path)
        stretch = np.asarray(rows[start : None if frames is None else start + frames], np.float32)
        if not len(stretch):
            raise AudioError(f"{self._where}: {path!r} has {len(rows)} rows, and row {start} was asked for")
        if not np.isfinite(stretch).all():
            raise AudioError(f"{self._where}: {path!r} holds NaN or infinite numbers; compute it again")
        return stretch[:, None], self._fps

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the file and the rate."""
        return hash_of(f"features {self._fps:g}\n", [locate(self.root, path, error=AudioError)])

    def _open(self, path: str) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
        """The rows [F, D], which are not read yet."""
        file = locate(self.root, path, error=AudioError)
        wanted = "lip features are a .npy file of floating-point numbers [pictures, features]"
        try:
            rows = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise AudioError(f"{self._where}: cannot read {path!r}: {error_text(error)}; {wanted}") from None
        if not isinstance(rows, np.ndarray) or rows.ndim != 2 or not rows.size or rows.dtype.kind != "f":
            shape = f"{rows.dtype} {[*rows.shape]}" if isinstance(rows, np.ndarray) else "an archive"
            raise AudioError(f"{self._where}: {path!r} is {shape}; {wanted}")
        return rows
