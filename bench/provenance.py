"""Where a number comes from: versions and device."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from .. import __version__
from ..errors import ConfigError

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


def device_name(device: str) -> str:
    """What a device is, in words."""
    if device.startswith("cuda"):
        return f"{device}: {torch.cuda.get_device_name(device)}"
    return f"{device}: {platform.machine()}, {torch.get_num_threads()} threads"


def resolve_device(device: str) -> str:
    """Resolve "auto": "cuda" where there is a GPU, "cpu" elsewhere.

    Raises:
        ConfigError: the name is unknown, or there is no such GPU here.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if device != "cpu" and (kind != "cuda" or (device != kind and not number.isdecimal())):
        raise ConfigError(f"unknown device {device!r} (known: auto, cpu, cuda, cuda:N)")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and int(number or 0) >= count:
        raise ConfigError(
            f"device {device!r} is asked for, but torch sees {count or 'no'} GPUs here; use "
            f"{f'cuda:0 to cuda:{count - 1}' if count else '--device cpu'}"
        )
    return device
