"""A small set of `meeting_mix`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import Case, make_sounds, of_folders


def make(root: Path) -> Case:
    params = {"count": 3, "turns": [3, 4], "gap_s": [-0.2, 0.1], "speech": {"corpus": "events"}}
    return of_folders("meeting_mix", ("events",), params), {"events": make_sounds(root)["events"]}
