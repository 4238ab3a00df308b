"""A small set of `wsj0_mix`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import Case
from helpers.trees.wsj0 import make_wsj0, make_wsj0_lists

from tsebench.datasets.config import DatasetConfig


def make(root: Path) -> Case:
    corpora = {
        "wsj0": {"kind": "wsj0", "options": {"splits": ["si_dt_05", "si_et_05"]}},
        "wsj0_mix": {"kind": "wsj0_mix_lists"},
    }
    config = DatasetConfig.model_validate(
        {"name": "small", "builder": "wsj0_mix", "split": "tt", "corpora": corpora, "params": {}}
    )
    folders = {"wsj0": make_wsj0(root / "speech"), "wsj0_mix": make_wsj0_lists(root / "lists")}
    return config, folders
