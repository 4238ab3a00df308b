"""Checks of the wav files that a set was written as."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .dataset import Dataset
from .findings import Finding, judged
from .materialise import AUDIO, other_build, wav_files

_AGAIN = "`tsebench build CONFIG --materialise` writes what is missing"


def check_files(dataset: Dataset, folder: Path) -> Iterator[Finding]:
    """The files of a set that was materialised are all there, and none is cut; else no finding.

    Args:
        dataset: the set.
        folder: its folder.
    """
    if not (folder / AUDIO).is_dir():
        return
    files = wav_files(dataset, folder)
    lacking = sorted(file.path.relative_to(folder).as_posix() for file in files if not file.whole)
    problems = []
    if lacking:
        problems.append(
            f"{len(lacking)} of the {len(files)} files of {AUDIO}/ are missing or cut, the first "
            f"is {lacking[0]!r}; {_AGAIN}"
        )
    elif found := other_build(dataset, folder):
        problems.append(
            f"{AUDIO}/ holds files of another build (fingerprint {found[:12]}, not "
            f"{dataset.card.fingerprint[:12]}); remove it, and {_AGAIN}"
        )
    yield judged("files", looked_at=len(files), problems=problems)
