"""A user's list of AudioSet clips: several labels, mono and stereo, hashes in either case."""

from __future__ import annotations

import hashlib
from pathlib import Path

from helpers.trees.audio import save

CLIPS = {
    "clips/-0RWZT-miFs.wav": ("Rain;Thunder", "train", "-0RWZT-miFs"),
    "clips/-0RWZT-miFs_2.wav": ("Rain", "train", "-0RWZT-miFs"),
    "clips/05V0zsBE7aQ.flac": ("Bell", "train", ""),
    "clips/zzbTaK7CXJY.wav": ("Bell", "test", ""),
}


def make_audioset(root: Path) -> Path:
    """Four clips of three videos with their list."""
    rows = ["path,labels,sha256,split,group"]
    for k, (path, (labels, split, group)) in enumerate(CLIPS.items()):
        rate_hz = 44_100 if path.endswith("flac") else 16_000
        file = save(root / path, frames=1000 + k, rate_hz=rate_hz, channels=1 + k % 2, seed=k)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        rows.append(f"{path},{labels},{digest.upper() if k else digest},{split},{group}")
    (root / "audioset.csv").write_text("\n".join(rows) + "\n")
    return root
