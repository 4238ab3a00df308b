"""Model of the public SpeakerBeam repository with random weights."""

from __future__ import annotations

from pathlib import Path

from helpers.speakerbeam_repo import saved
from helpers.system_options import Options


def options(folder: Path) -> Options:
    return {"model": saved(folder)}
