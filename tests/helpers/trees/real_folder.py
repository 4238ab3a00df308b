"""A folder with a table of real recordings: a long one with two speakers, a short one, and an absent speaker."""

from __future__ import annotations

from pathlib import Path

from helpers.trees.audio import save

RATE_HZ = 8000
TABLE = """\
mixture,enrollment,speaker,transcript,language,activity,start_s,end_s,present,room
long.wav,voices/ann.wav,ann,Good morning.,en,,1.0,3.0,,kitchen
long.wav,voices/bob.wav;voices/bob2.wav,bob,早上好,zh,0.5-1.0; 1.2-1.4,1.0,3.0,,kitchen
short.flac,voices/ann.wav,ann,,en,,,,,hall
short.flac,voices/bob.wav,bob,,,,,,no,hall
"""
RTTM = """\
SPKR-INFO long 1 <NA> <NA> <NA> unknown ann <NA> <NA>
SPEAKER long 1 0.50 1.00 <NA> <NA> ann <NA> <NA>
SPEAKER long 1 1.40 0.30 <NA> <NA> ann <NA> <NA>
SPEAKER long 1 2.20 1.50 <NA> <NA> bob <NA> <NA>
SPEAKER long 1 2.50 2.00 <NA> <NA> ann <NA> <NA>
"""


def make_real_folder(root: Path) -> Path:
    """The files, `recordings.csv`, and `times.rttm` for the long recording."""
    for seed, (path, frames) in enumerate(
        {"long.wav": 40_000, "short.flac": 8000, "voices/ann.wav": 5000, "voices/bob.wav": 6000}.items()
    ):
        save(root / path, frames=frames, rate_hz=RATE_HZ, seed=seed)
    save(root / "voices/bob2.wav", frames=4000, rate_hz=16_000, seed=9)
    (root / "recordings.csv").write_text(TABLE, encoding="utf-8")
    (root / "times.rttm").write_text(RTTM)
    return root
