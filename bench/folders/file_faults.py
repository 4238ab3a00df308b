"""Faults of single files that their headers show: each costs its own trial, unless no file of a folder is usable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import AudioError, ConfigError
from ...datasets.signals.audio import AudioInfo, info
from ...systems.protocol import LENGTH_TOLERANCE_S
from .channels import Channel, Channels, Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFaults:
    """Reasons why files are not scored, by trial; without their folders, so that rows of two machines are equal."""

    estimates: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    mixtures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """Headers of the usable files of one folder, and reasons for the others, by key."""

    usable: Mapping[str, AudioInfo]
    faults: Mapping[str, str]
    several: bool  # whether a usable file has several channels


def read_headers(files: Mapping[str, Path]) -> dict[str, AudioInfo | str]:
    """Header of each file, or why it cannot be read."""
    found: dict[str, AudioInfo | str] = {}
    for key, path in files.items():
        try:
            found[key] = info(path)
        except AudioError as error:
            found[key] = unreadable(error, path, key)
    return found


def unreadable(error: AudioError, path: Path, key: str) -> str:
    """Reason of a file that cannot be read, with its key for its path."""
    return f"unreadable: {error}".replace(str(path), f"{key}{path.suffix}")


def common_rate_hz(headers: Iterable[AudioInfo | str]) -> int | None:
    """The rate of most files, the first of several; None if none can be read."""
    rates = Counter(header.sample_rate_hz for header in headers if isinstance(header, AudioInfo))
    return rates.most_common(1)[0][0] if rates else None


def check_headers(
    headers: Mapping[str, AudioInfo | str], *, folder: Folder, channels: Channels, rate_hz: int | None
) -> Headers:
    """Compare headers with the rate of the references (None: any will do), and with the channel that is chosen.

    Raises:
        ConfigError: no file can be used, for a reason that an option or a conversion of the folder mends.
    """
    channel = channels.of(folder)
    usable: dict[str, AudioInfo] = {}
    faults: dict[str, str] = {}
    mendable = ""
    for key, header in headers.items():
        if isinstance(header, str):
            faults[key] = header
        elif reason := _rate_fault(header, rate_hz) or _channel_fault(header, folder, channel):
            faults[key] = reason
            mendable = mendable or f"{key!r}, {reason}"
        else:
            usable[key] = header
    if mendable and not usable:
        raise ConfigError(f"no file of --{folder} can be used; the first of {len(headers)}, {mendable}")
    return Headers(usable=usable, faults=faults, several=any(header.channels > 1 for header in usable.values()))


def length_faults(references: Mapping[str, AudioInfo], mixtures: Mapping[str, AudioInfo]) -> dict[str, str]:
    """Mixtures whose length is not that of their reference, by trial."""
    return {
        key: f"length: {mixtures[key].frames} samples, and {wanted.frames} of the reference"
        for key, wanted in references.items()
        if key in mixtures and abs(mixtures[key].frames - wanted.frames) >= LENGTH_TOLERANCE_S * wanted.sample_rate_hz
    }


def _rate_fault(header: AudioInfo, rate_hz: int | None) -> str:
    if rate_hz is None or header.sample_rate_hz == rate_hz:
        return ""
    return f"is at {header.sample_rate_hz} Hz where the references are at {rate_hz} Hz; resample it"


def _channel_fault(header: AudioInfo, folder: Folder, channel: Channel) -> str:
    if header.channels == 1 or channel == "mean" or (channel is not None and channel < header.channels):
        return ""
    others = ", ".join(map(str, range(1, min(header.channels, 4)))) + (", ..." if header.channels > 4 else "")
    fix = f"choose one with --channel {folder}=0 (or {others}, or mean)"
    given = "" if channel is None else f" and --channel is {channel}"
    return f"has {header.channels} channels where mono is needed{given}; {fix}"
