"""Where a number comes from: versions, commit, device."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from .. import __version__

_PACKAGES = ("torch", "numpy", "scipy", "soundfile", "soxr", "pesq", "pystoi", "espeakng-loader")


def versions() -> dict[str, str]:
    """Versions of Python, tsebench and the packages that values depend on."""
    found = {"python": platform.python_version(), "tsebench": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def git_commit(folder: Path | None = None) -> str | None:
    """Commit of the checkout that holds tsebench (or `folder`), with `+changes`; None outside."""
    root = folder or Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(root, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def device_name(device: str) -> str:
    """What a device is, in words."""
    if device.startswith("cuda"):
        return f"{device}: {torch.cuda.get_device_name(device)}"
    return f"{device}: {platform.machine()}, {torch.get_num_threads()} threads"


def resolve_device(device: str) -> str:
    """Resolve "auto": "cuda" where there is a GPU, "cpu" elsewhere."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],  # noqa: S607 - git of the user's PATH
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()
