"""A small set of `wsj0_mix_files`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import Case
from helpers.trees.wsj0_mix_files import make_wsj0_mix_files

from tsebench.datasets.config import DatasetConfig


def make(root: Path) -> Case:
    config = DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": "wsj0_mix_files",
            "split": "tt",
            "seed": 1,
            "corpora": {"wsj0_mix_files": {"kind": "wsj0_mix_files"}},
            "params": {},
        }
    )
    return config, {"wsj0_mix_files": make_wsj0_mix_files(root)}
