"""A small set for each builder: `make(root)` in `NAME.py` returns its config and the folders of its corpora."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from helpers.trees.audio import save

from tsebench.datasets.config import DatasetConfig

RATE_HZ = 8000
Case = tuple[DatasetConfig, dict[str, Path]]


def make_set(builder: str, root: Path) -> Case:
    """The small set of a builder, its corpora below `root`."""
    made: Case = import_module(f"{__name__}.{builder}").make(root)
    return made


def make_sounds(root: Path) -> dict[str, Path]:
    """Folders `events`, 20 recordings of five classes, and `scenes`, three backgrounds."""
    for number in range(20):
        path = root / "events" / f"class{number % 5}" / f"{number}.wav"
        save(path, frames=6000 + 10 * number, rate_hz=RATE_HZ, seed=number)
    for number in range(3):
        path = root / "scenes" / f"scene{number}" / f"{number}.wav"
        save(path, frames=40_000 + number, rate_hz=16_000, seed=100 + number)
    return {name: root / name for name in ("events", "scenes")}


def of_folders(
    builder: str, folders: tuple[str, ...], params: dict[str, Any], options: dict[str, Any] | None = None
) -> DatasetConfig:
    """The config of a set whose corpora are all folders."""
    return DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": builder,
            "seed": 1,
            "corpora": {name: {"kind": "folder", "options": options or {}} for name in folders},
            "params": params,
        }
    )
