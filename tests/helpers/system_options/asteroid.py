"""Model of asteroid and an embedder, both with random weights."""

from __future__ import annotations

from pathlib import Path

from helpers.small_nets import random_checkpoint
from helpers.system_options import Options, asteroid_oracle


def options(folder: Path) -> Options:
    model = asteroid_oracle.options(folder)
    return {**model, "embedder": random_checkpoint("separate_then_identify_mini", folder / "embedder")}
