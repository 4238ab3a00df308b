"""A small set of `fewshot`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import RATE_HZ, Case, of_folders
from helpers.trees.audio import save


def make(root: Path) -> Case:
    rows = ["path,label,split,author"]
    for number in range(60):
        label, split = f"class{number % 6}", ("train", "test")[number % 4 // 2]
        path = f"{label}/{number}.wav"
        rows.append(f"{path},{label},{split},author{number}")
        save(root / "sounds" / path, frames=6000 + number, rate_hz=RATE_HZ, seed=number)
    (root / "sounds" / "clips.csv").write_text("\n".join(rows) + "\n")
    options = {"metadata": "clips.csv", "split_column": "split", "group_column": "author"}
    labels = [f"class{number}" for number in range(6)]
    params = {
        "shots": 1,
        "reserved": 2,
        "shots_split": "train",
        "count": 5,
        "sample_rate_hz": RATE_HZ,
        "duration_s": 2.0,
        "event_s": [0.3, 0.6],
        "seen": {"corpus": "sounds", "labels": labels[:4]},
        "new": {"corpus": "sounds", "labels": labels[4:]},
        "conditions": ["1:0", "1:1"],
        "clues": ["classes", "enrollment"],
    }
    return of_folders("fewshot", ("sounds",), params, options), {"sounds": root / "sounds"}
