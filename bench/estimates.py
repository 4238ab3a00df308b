"""Where a run keeps the estimates of its systems."""

from __future__ import annotations

from pathlib import Path

from ..datasets.seeding import digest

FOLDER = "estimates"
_DIGITS = 12


def estimates_folder(
    root: Path, *, dataset: str, title: str, identity: str, fingerprint: str
) -> Path:
    """The folder of one system's estimates on one dataset; other weights have another folder.

    Args:
        root: the run's folder `estimates`.
        dataset: name of the dataset.
        title: of the system.
        identity: of the system, see `cache.system_identity`.
        fingerprint: of the dataset.
    """
    return root / dataset / f"{title}-{digest(identity, fingerprint)[:_DIGITS]}"


def estimate_path(folder: Path, trial_id: str) -> Path:
    """The file of one trial; the ids of a manifest are safe as file names."""
    return folder / f"{trial_id}.wav"
