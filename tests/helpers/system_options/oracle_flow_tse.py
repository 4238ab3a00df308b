"""A small flow from the background with random weights."""

from __future__ import annotations

from pathlib import Path

from helpers.system_options import Options
from helpers.voices import checkpoint

BACKGROUND = {
    "start": "background", "exponent": 1.0, "n_fft": 64, "hop": 32, "channels": 16, "blocks": 2, "heads": 2,
    "clue_dim": 0, "clue_filters": 8, "clue_channels": 8, "clue_blocks": 2,
}  # fmt: skip


def options(folder: Path) -> Options:
    return {"checkpoint": checkpoint("flow_tse", dict(BACKGROUND), folder)}
