"""A small set of `librimix`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import Case
from helpers.trees.librimix import librimix_config, make_librimix, mixture_row, utterance


def make(root: Path) -> Case:
    lengths = {utterance(s, n): 48_000 + 10 * s + n for s in (60, 61, 121) for n in (1, 2, 3)}
    pairs = ((60, 61), (61, 121), (121, 60))
    rows = [mixture_row({utterance(a, 1): 0.5, utterance(b, 2): 0.4}, "tt/a.wav", 1.5) for a, b in pairs]
    place = make_librimix(root, rows, lengths, {"tt/a.wav": 60_000})
    return librimix_config(mix="both"), place.dirs
