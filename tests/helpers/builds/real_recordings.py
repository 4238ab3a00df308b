"""A small set of `real_recordings`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import Case
from helpers.trees.real_t import make_real_t

from tsebench.datasets.config import DatasetConfig


def make(root: Path) -> Case:
    config = DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": "real_recordings",
            "corpora": {"real_t": {"kind": "real_t"}},
            "params": {"corpus": "real_t"},
        }
    )
    return config, {"real_t": make_real_t(root / "real_t")}
