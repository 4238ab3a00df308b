"""A small set of `sound_mix`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import RATE_HZ, Case, make_sounds, of_folders


def make(root: Path) -> Case:
    folders = make_sounds(root)
    params = {
        "count": 6,
        "sample_rate_hz": RATE_HZ,
        "duration_s": 2.0,
        "event_s": [0.3, 0.9],
        "renderer": "scaper",
        "peak": 1.0,
        "events": {"corpus": "events"},
        "background": {"corpus": "scenes"},
        "conditions": ["1:0", "1:1", "0:1"],
        "clues": ["classes", "enrollment"],
    }
    return of_folders("sound_mix", ("events", "scenes"), params), folders
