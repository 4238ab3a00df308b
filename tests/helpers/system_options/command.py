"""Program that copies its input."""

from __future__ import annotations

from pathlib import Path

from helpers.system_options import Options


def options(folder: Path) -> Options:
    del folder
    return {"program": "cp {mixture} {output}"}
