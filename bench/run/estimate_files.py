"""Where a run stores estimates."""

from __future__ import annotations

from pathlib import Path

from ...datasets.seeding import digest

FOLDER = "estimates"


def estimates_folder(root: Path, *, dataset: str, title: str, identity: str, fingerprint: str) -> Path:
    """The folder of one system's estimates on one dataset in the run's folder; other weights have another folder."""
    return root / dataset / f"{title}-{digest(identity, fingerprint)[:12]}"


def sample_folder(folder: Path, sample: int) -> Path:
    """The folder of one sample of a system's estimates: the first ones lie in `folder` itself."""
    return folder / f"sample_{sample}" if sample else folder


def estimate_path(folder: Path, trial_id: str) -> Path:
    """The file of one trial; the ids of a manifest are safe as file names."""
    return folder / f"{trial_id}.wav"
