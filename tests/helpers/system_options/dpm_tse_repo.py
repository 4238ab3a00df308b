"""Model of the public DPM-TSE repository with random weights in small sizes."""

from __future__ import annotations

from pathlib import Path

from helpers.dpm_tse_files import saved
from helpers.system_options import Options


def options(folder: Path) -> Options:
    return {"model": saved(folder), "steps": 1}
