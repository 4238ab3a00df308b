"""A small set of `librimix_files`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import Case
from helpers.trees.librimix_files import make_librimix_files

from tsebench.datasets.config import DatasetConfig


def make(root: Path) -> Case:
    config = DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": "librimix_files",
            "seed": 1,
            "corpora": {"librimix_files": {"kind": "librimix_files"}},
            "params": {"mix": "both"},
        }
    )
    return config, {"librimix_files": make_librimix_files(root)}
