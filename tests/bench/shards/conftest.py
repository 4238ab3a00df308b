"""Two small sets, and systems that do what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.scripted import Scripted, keep_code
from helpers.stochastic import Noisy

from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.systems.registry import SYSTEMS


@pytest.fixture(scope="module")
def fakes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SYSTEMS._entries, "scripted", Scripted)
        patch.setitem(SYSTEMS._entries, "noisy", Noisy)
        patch.setenv("TSEBENCH_CORPORA", "")
        keep_code(patch)
        yield


def recipe(name: str) -> Any:
    """Trials of an embedded corpus, some with an absent target, in chunks of four."""
    given: dict[str, Any] = {
        "name": name,
        "builder": "sound_mix",
        "corpora": {"sounds": {"kind": "synthetic_sounds"}},
        "params": {
            "count": 6 if name == "many" else 4,
            "sample_rate_hz": 8000,
            "duration_s": 0.5,
            "event_s": [0.2, 0.4],
            "events": {"corpus": "sounds", "labels": ["bell", "dog_bark", "flute", "siren"]},
            "background": {"corpus": "sounds", "labels": ["background"]},
            "conditions": ["1:0", "1:1", "0:1"],
            "clues": ["classes"],
        },
    }
    return DatasetConfig.model_validate(given)


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("sets")
    for name in ("many", "few"):
        build(recipe(name), place / name, corpus_dirs={})
    return [place / "many", place / "few"]
