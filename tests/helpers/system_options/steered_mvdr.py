"""Two microphones as far apart as ears."""

from __future__ import annotations

from pathlib import Path

from helpers.system_options import Options


def options(folder: Path) -> Options:
    return {"positions_m": [[-0.0875, 0.0, 0.0], [0.0875, 0.0, 0.0]]}
