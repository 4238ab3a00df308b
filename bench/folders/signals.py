"""Signals in memory as a folder of files, so that they are scored as files are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ...core.errors import ConfigError, shortened
from ...core.files import make_folder
from ...datasets.signals.arrays import Signal, samples_of
from ...datasets.signals.audio import write

Signals = str | Path | Mapping[str, Signal] | Sequence[Signal]
"""A folder of audio files, signals by name, or a list of signals, which are named by their places."""

ONLY = "signal"
"""Name of the trial of one signal alone."""


def folder_of_signals(signals: Any, folder: Path, role: str, sample_rate_hz: int | None, *, mono: bool = False) -> Path:
    """The folder that is named, or `folder` with the signals as float32 wav files.

    Args:
        role: "estimates", "references" or "mixtures", for messages.
        sample_rate_hz: of arrays; files have their own.
        mono: refuse a single signal with several channels; among several signals it is a failed row.

    Raises:
        ConfigError: it is neither a folder nor signals, a name cannot be a file's, or a single signal is not mono.
        AudioError: a file cannot be read.
        OutputError: the folder cannot be written.
    """
    if isinstance(signals, str | Path):
        return Path(signals).expanduser()
    make_folder(folder)
    for name, signal in _named(signals, role):
        what = f"{role}[{name!r}]" if name != ONLY else role.removesuffix("s")
        # What is not finite in an estimate is a failed row, as in a file.
        samples, rate = samples_of(signal, what, sample_rate_hz, finite=role != "estimates")
        if mono and name == ONLY and len(samples) > 1:
            raise ConfigError(
                f"{what} has {len(samples)} channels where mono is needed; add channel=0 ... {len(samples) - 1}, or "
                "channel='mean'"
            )
        path = folder / f"{name}.wav"
        make_folder(path.parent)
        write(path, samples, rate)
    return folder


def _named(signals: Any, role: str) -> Iterator[tuple[str, Any]]:
    """Each signal with its name; the same names for lists of one length."""
    if isinstance(signals, Mapping):
        for name, signal in signals.items():
            parts = PurePosixPath(str(name)).parts
            if not parts or ".." in parts or parts[0] == "/" or "\0" in str(name):
                raise ConfigError(
                    f"{role}: {shortened(repr(name), 60)} cannot be the name of a trial; use letters and digits"
                )
            yield str(name), signal
    elif isinstance(signals, list | tuple) and signals and not isinstance(signals[0], int | float):
        digits = len(str(len(signals) - 1))
        yield from ((f"{place:0{digits}d}", signal) for place, signal in enumerate(signals))
    elif getattr(signals, "ndim", None) in {1, 2, 3}:
        raise ConfigError(
            f"{role} is an array of shape {list(signals.shape)}; give {role.removesuffix('s')}= for one signal, or a "
            "list of signals, or signals by name"
        )
    else:
        raise ConfigError(
            f"{role} = {shortened(repr(signals), 60)} is neither a folder nor signals; give a path, a list of "
            "arrays, or arrays by name"
        )
