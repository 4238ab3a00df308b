"""Small output of LibriMix's script, and its tables with the paths of another machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from helpers.trees.audio import save_sum
from helpers.trees.librimix import write_csv

NAMES = (
    "61-70968-0000_121-121726-0001",
    "121-121726-0000_61-70968-0001",
    "260-123286-0002_61-70968-0003",
    "121-121726-0004_260-123286-0005",
)


def make_librimix_files(
    root: Path,
    names: Sequence[str] = NAMES,
    *,
    signals: Sequence[str] = ("mix_clean", "mix_both", "s1", "s2", "noise"),
    top: str = "wav8k/min",
    part: str = "test",
    table: str | None = "mix_clean",
) -> Path:
    """Write `Libri2Mix/<top>/<part>/<signal>/<name>.wav` with noise, and a table; returns the folder `Libri2Mix`."""
    folder = root / "Libri2Mix"
    speech = [signal for signal in signals if signal.startswith("s")]
    mixtures = {"mix_clean": speech, "mix_both": [*speech, "noise"]}
    wanted = {name: parts for name, parts in mixtures.items() if name in signals}
    for place, name in enumerate(names):
        rate_hz = 8000 if "8k" in top else 16_000
        save_sum(folder / top / part, name, mixtures=wanted, frames=1000 + place, rate_hz=rate_hz, seed=place)
    if table is not None:
        rows = [
            {
                "mixture_ID": name,
                "mixture_path": f"/home/old/{top}/{part}/{table}/{name}.wav",
                "source_1_path": f"/home/old/{top}/{part}/s1/{name}.wav",
                "source_2_path": f"/home/old/{top}/{part}/s2/{name}.wav",
                "length": str(1000 + place),
            }
            for place, name in enumerate(names)
        ]
        write_csv(folder / top / "metadata" / f"mixture_{part}_{table}.csv", rows)
    return folder
