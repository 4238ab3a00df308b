"""Folders of audio files, paired by name, their headers compared before anything is scored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from ..datasets.audio import info, read_mono
from ..datasets.seeding import digest
from ..errors import AudioError, ConfigError, suggest

_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".opus"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedFiles:
    """References by key (path below the folder, without suffix), with what goes with them."""

    keys: tuple[str, ...]
    references: Mapping[str, Path]
    estimates: Mapping[str, Path]
    mixtures: Mapping[str, Path]
    sample_rate_hz: int
    channel: int | None
    fingerprint: str


def read_signal(path: Path, channel: int | None, *, finite: bool = True) -> torch.Tensor:
    """One channel [T] of a file."""
    return torch.from_numpy(read_mono(path, channel=channel, finite=finite)[0])


def pair_folders(
    estimates: Path, references: Path, mixtures: Path | None, channel: int | None
) -> PairedFiles:
    """List the folders and compare their headers.

    Raises:
        ConfigError: nothing to score, a mixture is missing, or headers do not fit.
    """
    of_references = _listing(references, "references")
    of_estimates = _listing(estimates, "estimates")
    of_mixtures = _listing(mixtures, "mixtures") if mixtures else {}
    keys = tuple(sorted(of_references))
    if not set(keys) & set(of_estimates):
        raise ConfigError(
            f"no file of {str(estimates)!r} has the name of a reference in {str(references)!r} "
            f"(for example {keys[0]!r}{suggest(keys[0], list(of_estimates)[:3])}); "
            "files are paired by name without suffix"
        )
    lost = [key for key in keys if mixtures and key not in of_mixtures]
    if lost:
        raise ConfigError(
            f"{len(lost)} of {len(keys)} references have no mixture in {str(mixtures)!r}, "
            f"the first is {lost[0]!r}"
        )
    rate = _common_rate([of_references[key] for key in keys], channel)
    others = [of_mixtures[key] for key in keys if of_mixtures]
    _check_headers(others, rate, channel, readable=True)
    wanted = [of_estimates[key] for key in keys if key in of_estimates]
    _check_headers(wanted, rate, channel, readable=False)
    return PairedFiles(
        keys=keys,
        references=of_references,
        estimates=of_estimates,
        mixtures=of_mixtures,
        sample_rate_hz=rate,
        channel=channel,
        fingerprint=_fingerprint(keys, [of_references[key] for key in keys], others, channel),
    )


def _listing(folder: Path, what: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise ConfigError(f"folder of {what} {str(folder)!r} does not exist")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith("."):
            key = path.relative_to(folder).with_suffix("").as_posix()
            if key in found:
                raise ConfigError(
                    f"{what}: {found[key].name!r} and {path.name!r} have one name; remove one"
                )
            found[key] = path
    if not found:
        raise ConfigError(
            f"folder of {what} {str(folder)!r} holds no audio files "
            f"({', '.join(sorted(_SUFFIXES))})"
        )
    return found


def _common_rate(paths: Sequence[Path], channel: int | None) -> int:
    rate = info(paths[0]).sample_rate_hz
    _check_headers(paths, rate, channel, readable=True)
    return rate


def _check_headers(
    paths: Sequence[Path], rate: int, channel: int | None, *, readable: bool
) -> None:
    """Rates and channels; a file that cannot be read is an error only if it must be readable."""
    for path in paths:
        try:
            header = info(path)
        except AudioError:
            if readable:
                raise
            continue
        if header.sample_rate_hz != rate:
            raise ConfigError(
                f"{str(path)!r} is at {header.sample_rate_hz} Hz, but the references are at "
                f"{rate} Hz; resample it first, so that all have one rate"
            )
        if header.channels > 1 and channel is None:
            raise ConfigError(
                f"{str(path)!r} has {header.channels} channels where mono is needed; "
                "choose one with --channel 0"
            )


def _fingerprint(
    keys: Sequence[str],
    references: Sequence[Path],
    mixtures: Sequence[Path],
    channel: int | None,
) -> str:
    with ThreadPoolExecutor() as pool:
        hashes = list(pool.map(_sha256, [*references, *mixtures]))
    return digest("files", str(channel), *keys, *hashes)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
