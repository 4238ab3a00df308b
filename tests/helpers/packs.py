"""Runs that can be packed, and packs that a stranger changed."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import soundfile
from helpers import scripted

from tsebench.bench.config import RunConfig
from tsebench.bench.run.runner import RunOptions, run
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.dataset import load_dataset

_SMALL = {"count": 3, "duration_s": 0.5, "event_s": [0.3, 0.4], "conditions": ["1:0", "0:1"]}
SOUNDS: Mapping[str, Any] = scripted.SOUNDS | {"name": "tiny_sounds", "params": scripted.SOUNDS["params"] | _SMALL}


def finished_run(folder: Path, *, dataset: Path | None = None, gain: float = 0.5, **more: Any) -> Path:
    """A run of `mixture` and of a program that gives `gain` of the mixture, below a folder."""
    given = dataset or folder / "tiny_sounds"
    if dataset is None and not given.is_dir():
        build(DatasetConfig.model_validate(SOUNDS), given, corpus_dirs={})
    opened = load_dataset(given)
    for query, _ in opened:
        path = folder / "wav" / f"{query.id}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, gain * query.mixture[0].numpy(), query.sample_rate_hz, subtype="FLOAT")
    mine = {"name": "precomputed", "label": "mine", "options": {"folder": str(folder / "wav")}}
    config = {"name": "try", "datasets": [str(given)], "systems": ["mixture", mine], "keep_estimates": True}
    metrics = {"metrics": ["si_sdri", "snri", "attenuation"], "measure_cost": False}
    run(RunConfig.model_validate({**config, **metrics, **more}), RunOptions(out=folder / "run", device="cpu", jobs=0))
    return folder / "run"


def changed(pack: Path, out: Path, edit: Callable[[dict[str, bytes]], None], *, rehash: bool = False) -> Path:
    """The pack with other contents; `rehash` also writes the hashes that fit them."""
    with zipfile.ZipFile(pack) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    edit(contents)
    if rehash:
        record = json.loads(contents["pack.json"])
        record["files"] = {name: _sha256(contents[name]) for name in record["files"]}
        for each in record["estimates"]:
            if not each["included"]:
                continue
            each["files"] = {name: _sha256(contents[f"{each['folder']}/{name}"]) for name in each["files"]}
        contents["pack.json"] = json.dumps(record).encode()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return out


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
