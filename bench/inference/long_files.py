"""Long recordings: read, answered and written window by window, so that memory does not grow with their length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...core.errors import ConfigError
from ...core.files import make_folder
from ...core.provenance import resolve_device
from ...datasets.activity import cut
from ...datasets.signals.audio import info, read, written_in_pieces
from ...systems.protocol import AnySystem
from ...systems.shared.windows import Stitcher, Windows
from .extract import extract, opened_system

_LEAST_S = 0.1
_SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class LongExtraction:
    """A file of an estimate, and how it was made.

    Attributes:
        path: of the estimate, a float wav of one channel at the mixture's rate.
        duration_s: of mixture and estimate.
        windows: number of windows.
    """

    path: Path
    duration_s: float
    windows: int


def extract_file(
    system: str | AnySystem | Any,
    mixture: str | Path,
    out: str | Path,
    *,
    window_s: float = 20.0,
    hop_s: float = 16.0,
    device: str = "cpu",
    **clues: Any,
) -> LongExtraction:
    """Extract one signal from a recording of any length into a file.

    No more than two windows are in memory: each is read, answered as by `extract`, cross-faded with the one before it
    as by the system `windowed`, and written. A video clue is not taken, since its pictures belong to the whole.

    Args:
        system: a loaded system, an object with `extract(batch)`, or a registered name.
        mixture: audio file.
        out: the wav file to write; it is there once it is whole.
        window_s: length of a window.
        hop_s: distance of the windows, from half of `window_s` to all of it: the rest is cross-faded.
        device: of the system: "cpu", "cuda", "auto", ...
        clues: `enrollment`, `classes`, `text`, `negative_text`, `activity`, `reference_channel` and `seed`, as
            `extract` takes them; arrays are at the mixture's rate.

    Raises:
        ConfigError: windows do not fit, or as `extract`.
        AudioError: the file cannot be read.
        ExtractionError: the system cannot answer a window.
        OutputError: the estimate cannot be written.
    """
    if not (_LEAST_S <= window_s < float("inf") and window_s / 2 <= hop_s <= window_s):
        raise ConfigError(
            f"window_s = {window_s:g} with hop_s = {hop_s:g}; a window has {_LEAST_S:g} s or more, and the hop half of "
            "the window or more, and at most the window"
        )
    if clues.get("video") is not None:
        raise ConfigError("extract_file takes no video, whose pictures belong to the whole; use the system `windowed`")
    # Every window reads them again, which an iterator allows once.
    clues |= {name: tuple(clues[name]) for name in ("classes", "activity") if isinstance(clues.get(name), Iterator)}
    source, path = Path(mixture).expanduser(), Path(out).expanduser()
    header = info(source)
    device = resolve_device(device)
    opened = opened_system(system, device)
    rate_hz = header.sample_rate_hz
    windows = Windows(window=round(window_s * rate_hz), hop=round(hop_s * rate_hz))
    starts = windows.starts(header.frames)
    size = min(windows.window, header.frames)
    make_folder(path.parent)
    with written_in_pieces(path, rate_hz) as write:
        stitcher = Stitcher()
        for start in starts:
            samples, _ = read(source, start, size)
            own = _at(clues, start, rate_hz=rate_hz, size=size)
            estimate = extract(opened, samples, rate_hz, device=device, **own)
            write(stitcher.push(torch.from_numpy(estimate), start=start).numpy())
        rest = stitcher.finish()
        if rest is not None:
            write(rest.numpy())
    return LongExtraction(path=path, duration_s=header.frames / rate_hz, windows=len(starts))


def _at(clues: Mapping[str, Any], start: int, *, rate_hz: int, size: int) -> dict[str, Any]:
    """The clues of the window at a sample: times of activity within it, and a seed of its own."""
    own = {**clues, "seed": (int(clues.get("seed", 0)) + start) % _SEEDS}
    if own.get("activity") is not None:
        own["activity"] = cut(own["activity"], start / rate_hz, (start + size) / rate_hz)
    return own
