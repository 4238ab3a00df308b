"""The exception tree: every error a user can cause is a `TsebenchError` with one clear line.

A message names the thing, its value, what is allowed and the fix. The command line prints it without a traceback and
leaves with `exit_code`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TsebenchError(Exception):
    """Base of all errors that tsebench raises on purpose."""

    exit_code = 2


class ConfigError(TsebenchError):
    """A config file, a command-line value or an option is wrong."""


class UnknownNameError(ConfigError):
    """A name is not in a registry or not a key of a config; the message suggests the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(f"unknown {kind} {name!r}{suggest(name, self.known)}")


class DuplicateNameError(TsebenchError):
    """Two entries of a registry claim the same name."""


class AudioError(TsebenchError):
    """An audio file is missing, unreadable, empty, not finite or has the wrong channels or rate."""


class CorpusError(TsebenchError):
    """A corpus folder is missing, incomplete or not laid out as expected."""


class DatasetError(TsebenchError):
    """A benchmark set cannot be built or opened, or its manifest is damaged."""


class CheckpointError(TsebenchError):
    """A checkpoint is missing, damaged, unsafe to load or does not fit its system."""


class ExtractionError(TsebenchError):
    """A system cannot answer one query; this costs the trial, never the run."""


class OutputError(TsebenchError):
    """A result cannot be written: read-only folder, full disk, or another run's folder."""


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error line: the known name nearest to `name`, and all that are known."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{hint} (known: {', '.join(names) if names else 'none'})"
