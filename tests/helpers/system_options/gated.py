"""The mixture behind a gate whose embedder has random weights."""

from __future__ import annotations

from pathlib import Path

from helpers.small_nets import random_checkpoint
from helpers.system_options import Options


def options(folder: Path) -> Options:
    embedder = random_checkpoint("separate_then_identify_mini", folder / "embedder")
    return {"system": "mixture", "embedder": embedder, "threshold": -1.0}
