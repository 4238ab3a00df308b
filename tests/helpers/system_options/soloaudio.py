"""Network of SoloAudio with random weights, and an autoencoder that cuts signals into frames."""

from __future__ import annotations

from pathlib import Path

from helpers.soloaudio_files import files
from helpers.system_options import Options


def options(folder: Path) -> Options:
    return {**files(folder, hop=480), "steps": 1}
