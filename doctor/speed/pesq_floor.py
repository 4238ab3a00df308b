"""The floor of any scoring with PESQ: the package `pesq` alone on the same files, over as many processes.

Run as a program of its own, which imports nothing of tsebench:

    python pesq_floor.py JOBS REFERENCES FOLDER...
"""

from __future__ import annotations

import sys
from functools import partial
from multiprocessing import get_context
from pathlib import Path


def score(references: str, path: Path) -> float:
    """PESQ (narrow band) of a file against the reference of its name."""
    from pesq import pesq  # noqa: PLC0415 - in the workers alone
    from soundfile import read  # noqa: PLC0415

    reference, rate_hz = read(Path(references, path.name), dtype="float32")
    estimate, _ = read(path, dtype="float32")
    return float(pesq(rate_hz, reference, estimate, "nb"))


def main(jobs: str, references: str, *folders: str) -> None:
    """Score all wav files of the folders in a pool of processes."""
    files = [path for folder in folders for path in sorted(Path(folder).glob("*.wav"))]
    with get_context("spawn").Pool(int(jobs)) as pool:
        for _ in pool.imap_unordered(partial(score, references), files):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
