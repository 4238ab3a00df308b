"""Audio of hours that takes no room on the disk."""

from __future__ import annotations

import struct
from pathlib import Path


def write_silent_hours(path: Path, *, sample_rate_hz: int = 8000, hours: float = 10.0) -> Path:
    """A mono wav file of 16 bits, whose samples are a hole in the file."""
    size = round(hours * 3600 * sample_rate_hz) * 2
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", size + 36) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 1, 1, sample_rate_hz, sample_rate_hz * 2, 2, 16))
        file.write(b"data" + struct.pack("<I", size))
        file.truncate(size + 44)
    return path
