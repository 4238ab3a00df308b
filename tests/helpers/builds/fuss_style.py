"""A small set of `fuss_style`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import Case, make_sounds, of_folders


def make(root: Path) -> Case:
    folders = make_sounds(root)
    params = {
        "count": 5,
        "duration_s": 2.0,
        "n_events": [1, 2],
        "sounds": {"corpus": "events"},
        "background": {"corpus": "scenes"},
        "conditions": ["1:0"],
        "clues": ["classes"],
    }
    return of_folders("fuss_style", ("events", "scenes"), params), folders
