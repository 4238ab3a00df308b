"""TAU Urban Acoustic Scenes 2019: tables with tabs and CRLF, an evaluation set without scenes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from helpers.trees.audio import save

DEV = "TAU-urban-acoustic-scenes-2019-development"
EVAL = "TAU-urban-acoustic-scenes-2019-evaluation"
FOLD = {
    "airport-barcelona-0-0-a": "train",
    "airport-barcelona-0-1-a": "train",
    "tram-vienna-285-8639-a": "train",
    "street_pedestrian-lyon-1162-44093-a": "evaluate",
    "metro-prague-1163-44094-a": "evaluate",
    "park-milan-1164-44095-a": "",
}
"""Stem of a file to the list of the official setup that has it."""


def make_tau2019(root: Path, *, evaluation: bool = True, development: bool = True) -> Path:
    """Six development files in five locations, and three evaluation files."""
    if development:
        rows = ["filename\tscene_label\tidentifier\tsource_label"]
        for stem in FOLD:
            scene, city, location, _, device = stem.split("-")
            rows.append(f"audio/{stem}.wav\t{scene}\t{city}-{location}\t{device}")
        _write(root / DEV / "meta.csv", rows)
        for name in ("train", "evaluate"):
            files = [f"audio/{stem}.wav\t{stem.split('-')[0]}" for stem in FOLD if FOLD[stem] == name]
            _write(root / DEV / f"evaluation_setup/fold1_{name}.csv", ["filename\tscene_label", *files])
        _audio(root / DEV, FOLD)
    if evaluation:
        names = ["0", "1", "10"]
        _write(root / EVAL / "evaluation_setup/test.csv", ["filename", *(f"audio/{name}.wav" for name in names)])
        _audio(root / EVAL, names)
    return root


def _audio(folder: Path, stems: Iterable[str]) -> None:
    for k, stem in enumerate(stems):
        save(
            folder / "audio" / f"{stem}.wav",
            frames=480,
            rate_hz=48_000,
            channels=2,
            seed=k + 100 * len(folder.name),
            subtype="PCM_24",
        )


def _write(path: Path, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{row}\r\n" for row in rows).encode())
