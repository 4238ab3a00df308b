"""Small copies of LibriSpeech."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from helpers.trees.audio import save

HEAD = """\
; Pipe-separated list of speakers and some info about them
;
; ID: the speaker id
;
;ID  |SEX| SUBSET           |MINUTES| NAME
"""

ODD_SPEAKER = "60"
"""The speaker whose name holds the separator."""

FRAMES = {
    "test-clean/61/70968/61-70968-0000.flac": 1200,
    "test-clean/61/70968/61-70968-0001.flac": 900,
    "test-clean/121/121726/121-121726-0000.flac": 1000,
    "dev-clean/60/121082/60-121082-0000.flac": 1100,
}
"""Two subsets with three speakers, in lengths of samples."""


def make_librispeech(
    root: Path,
    frames: Mapping[str, int] = FRAMES,
    *,
    sexes: Mapping[str, str] | None = None,
    backwards: bool = False,
    rate_hz: int = 16_000,
) -> Path:
    """Write `LibriSpeech/` with noise of given lengths; the files are made in either order.

    Args:
        root: folder that gets `LibriSpeech`.
        frames: lengths by path, such as `test-clean/61/70968/61-70968-0000.flac`.
        sexes: by speaker; "F" where it is not said.
        backwards: make the files in the opposite order.
        rate_hz: of the files.
    """
    folder = root / "LibriSpeech"
    paths = sorted(frames, reverse=backwards)
    for path in paths:
        name = Path(path).stem
        save(folder / path, frames=frames[path], rate_hz=rate_hz, seed=seed_of(name))
    for chapter in sorted({Path(path).parent for path in paths}, reverse=backwards):
        names = sorted(Path(path).stem for path in paths if Path(path).parent == chapter)
        lines = "".join(f"{name} {words_of(name)}\n" for name in names)
        speaker, number = chapter.parts[-2:]
        (folder / chapter / f"{speaker}-{number}.trans.txt").write_text(lines)
    speakers = {Path(path).parts[1]: Path(path).parts[0] for path in paths}
    rows = [
        f"{speaker:<4} | {(sexes or {}).get(speaker, 'F')} | {subset:<16} | 8.01  | "
        f"{'|CBW|Simon' if speaker == ODD_SPEAKER else 'A Reader'}\n"
        for speaker, subset in sorted(speakers.items(), key=lambda item: int(item[0]))
    ]
    (folder / "SPEAKERS.TXT").write_text(HEAD + "".join(rows))
    return folder


def seed_of(utterance: str) -> int:
    """Digits of an utterance's id."""
    return int(utterance.replace("-", ""))


def words_of(utterance: str) -> str:
    """Transcript of an utterance."""
    return f"IT'S UTTERANCE {utterance.replace('-', ' ')}"
