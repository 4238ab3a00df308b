"""The mixture on windows that are shorter than the queries of the contract tests."""

from __future__ import annotations

from pathlib import Path

from helpers.system_options import Options


def options(folder: Path) -> Options:
    return {"system": "mixture", "window_s": 0.4, "hop_s": 0.3}
