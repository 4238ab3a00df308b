"""Two networks with random weights."""

from __future__ import annotations

from pathlib import Path

from helpers.small_nets import random_checkpoint
from helpers.system_options import Options


def options(folder: Path) -> Options:
    return {
        "on_screen": random_checkpoint("av_conv_tasnet_mini", folder / "on"),
        "off_screen": random_checkpoint("wase_mini", folder / "off"),
    }
