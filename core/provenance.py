"""Provenance of a number: versions, commit and device."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from .. import __version__
from .errors import ConfigError
from .packages import installed_version
from .processors import computing_threads

_DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/proc/driver/nvidia", "/dev/nvhost-gpu", "/dev/dxg", "/dev/kfd")
"""Traces that drivers of GPUs leave on Linux: of NVIDIA, of its Jetson boards, of Windows below, and of AMD."""

_PACKAGES = ("torch", "numpy", "scipy", "soundfile", "soxr", "pesq", "pystoi", "espeakng-loader")


def versions() -> dict[str, str]:
    """Versions of Python, tsebench and the packages that values depend on."""
    found = {"python": platform.python_version(), "tsebench": __version__}
    return found | {package: installed_version(package) or "not installed" for package in _PACKAGES}


def device_name(device: str) -> str:
    """Description of a device."""
    if device.startswith("cuda"):
        import torch  # noqa: PLC0415 - slow to import, and what needs no tensors goes without

        return f"{device}: {torch.cuda.get_device_name(device)}"
    return f"{device}: {platform.machine()}, {computing_threads()} threads"


def resolve_device(device: str) -> str:
    """Resolve "auto": "cuda" where there is a GPU, "cpu" elsewhere; check that any other device is available."""
    if device == "cpu" or (device == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch  # noqa: PLC0415 - see `device_name`

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind != "cuda" or (device != kind and not number.isdecimal()):
        raise ConfigError(f"unknown device {device!r} (known: auto, cpu, cuda, cuda:N)")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(number or 0) >= count:
        raise ConfigError(
            f"device {device!r} is not available, torch sees {count or 'no'} GPUs here; use "
            f"{f'cuda:0 to cuda:{count - 1}' if count else '--device cpu'}"
        )
    return device


def _may_have_gpu() -> bool:
    """Whether torch could find a GPU; False only where it cannot: a build without, or Linux without any driver."""
    if "torch" in sys.modules:
        return True
    if (installed_version("torch") or "").endswith("+cpu"):
        return False
    return sys.platform != "linux" or any(Path(driver).exists() for driver in _DRIVERS)


@cache
def git_commit() -> str | None:
    """Commit of the checkout that tsebench runs from, `+changes` if it was edited; None without checkout or git.

    It is looked up once in a process, like the code that runs.
    """
    root = Path(__file__).resolve().parents[1]
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None

    def output(*arguments: str) -> str | None:
        done = subprocess.run([git, "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    commit = output("rev-parse", "HEAD")
    return commit and commit + ("+changes" if output("status", "--porcelain") else "")
