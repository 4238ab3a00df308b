"""A small set of `av_mix`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import RATE_HZ, Case

from tsebench.datasets.config import DatasetConfig


def make(_root: Path) -> Case:
    config = DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": "av_mix",
            "corpora": {"films": {"kind": "synthetic_av"}, "speech": {"kind": "synthetic_speech"}},
            "params": {
                "scenario": "spk",
                "count": 3,
                "sample_rate_hz": RATE_HZ,
                "on_screen": {"corpus": "films"},
                "off_screen": [{"corpus": "speech"}],
            },
        }
    )
    return config, {}
