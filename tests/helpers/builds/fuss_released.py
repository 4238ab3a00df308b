"""A small set of `fuss_released`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import Case
from helpers.trees.fuss import make_fuss

from tsebench.datasets.config import DatasetConfig


def make(root: Path) -> Case:
    config = DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": "fuss_released",
            "split": "train",
            "corpora": {"fuss": {"kind": "fuss"}},
            "params": {"corpus": "fuss"},
        }
    )
    return config, {"fuss": make_fuss(root / "fuss")}
