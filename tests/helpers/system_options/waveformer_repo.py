"""Checkpoint of the public Waveformer with random weights."""

from __future__ import annotations

from pathlib import Path

from helpers.system_options import Options
from helpers.waveformer_files import saved


def options(folder: Path) -> Options:
    return {"model": saved(folder)}
