"""Signals in memory as folders of files, so that they are scored as files are."""

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
    for name, signal in _named(signals, role):
        _write(signal, folder / f"{name}.wav", _what(name, role), role, sample_rate_hz, mono=mono and name == ONLY)
    return folder


def folders_of_outputs(signals: Any, folder: Path, role: str, sample_rate_hz: int | None) -> Path | list[Path]:
    """The folders that are named, one for each output, or `folder` with a sub-folder for each.

    Args:
        signals: a folder with one sub-folder for each output, a list of folders, or signals as `folder_of_signals`
            takes them, each an array [S, T] (S outputs) or a list of S signals.
        folder: gets `s1/NAME.wav`, `s2/NAME.wav`, ...

    Raises:
        ConfigError, AudioError, OutputError: as `folder_of_signals`.
    """
    if isinstance(signals, str | Path):
        return Path(signals).expanduser()
    if isinstance(signals, list | tuple) and signals and all(_is_folder(each) for each in signals):
        return [Path(each).expanduser() for each in signals]
    for name, several in _named(signals, role):
        what = _what(name, role)
        if isinstance(several, str | Path) or getattr(several, "ndim", 2) != 2:
            raise ConfigError(f"{what} is one signal; with a permutation give an array [S, T], or a list of S signals")
        for place, signal in enumerate(several, 1):
            path = folder / f"s{place}" / f"{name}.wav"
            _write(signal, path, f"output {place} of {what}", role, sample_rate_hz, mono=False)
    return folder


def _write(signal: Any, path: Path, what: str, role: str, sample_rate_hz: int | None, *, mono: bool) -> None:
    # What is not finite in an estimate is a failed row, as in a file.
    samples, rate = samples_of(signal, what, sample_rate_hz, finite=role != "estimates")
    if mono and len(samples) > 1:
        raise ConfigError(
            f"{what} has {len(samples)} channels where mono is needed; add channel=0 ... {len(samples) - 1}, or "
            "channel='mean' (outputs of a separator: permutation='si_sdr')"
        )
    make_folder(path.parent)
    write(path, samples, rate)


def _what(name: str, role: str) -> str:
    return f"{role}[{name!r}]" if name != ONLY else role.removesuffix("s")


def _is_folder(value: object) -> bool:
    return isinstance(value, str | Path) and Path(value).expanduser().is_dir()


def _named(signals: Any, role: str) -> Iterator[tuple[str, Any]]:
    """Each signal with its name; the same names for lists of one length."""
    if isinstance(signals, Mapping):
        for name, signal in signals.items():
            parts = PurePosixPath(str(name)).parts
            if not parts or ".." in parts or parts[0] == "/" or "\0" in str(name):
                shown = shortened(repr(name), 60)
                raise ConfigError(f"{role}: {shown} cannot be the name of a trial; use letters and digits")
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
