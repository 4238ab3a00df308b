"""Network of AudioSep with random weights, and embeddings of the texts of the probes."""

from __future__ import annotations

from pathlib import Path

from helpers.audiosep_files import files
from helpers.system_options import Options


def options(folder: Path) -> Options:
    return files(folder)
