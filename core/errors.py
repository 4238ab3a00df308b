"""The exception tree: every error a user can cause is a `TsebenchError` with one clear line.

A message names the thing, its value, what is allowed and the fix. The command line prints it without a traceback and
leaves with `exit_code`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

LINE_LENGTH = 480
"""Longest message; with the name of the program in front it stays under 500 characters."""

_CORPUS = re.compile(r"--corpus ([\w.+-]+)=DIR")
_COMMAND = re.compile(r"(`[^`]*`)")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)(?: (?:DIR|CSV|N|NAME|OUT)\b)?")
_LIST_LENGTH = 240
_LONGEST_NAME = 200  # for which the nearest known one is searched

INTERRUPTED = 130
"""Exit code of a command that was interrupted."""

NO_SPACE = "no_space"
"""Begins the reason of a failure for want of room on a disk, which is tried again when the run goes on."""

INTERRUPTED_LINE = "interrupted; start the same command again to go on"


class TsebenchError(Exception):
    """Base of all errors that tsebench raises on purpose; its text is one line of at most `LINE_LENGTH` characters."""

    exit_code = 2

    def __str__(self) -> str:
        return one_line(super().__str__())


class ConfigError(TsebenchError):
    """A config file, a command-line value or an option is wrong."""


class UnknownNameError(ConfigError):
    """A name is not in a registry or not a key of a config; the message suggests the nearest.

    `broken` are plug-ins that cannot be loaded, and might have it.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, broken: Iterable[str] = ()) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        lost = sorted(broken)
        more = f"; plug-ins that cannot be used: {listed(lost, length=80)}" if lost else ""
        super().__init__(f"unknown {kind} {name!r}{suggest(name, self.known)}{more}")


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


class HubError(TsebenchError):
    """A repository of a hub cannot be reached, read or written, or is none."""


class ExtractionError(TsebenchError):
    """A system cannot answer one query; this costs the trial, never the run."""


class OutputError(TsebenchError):
    """A result cannot be written: read-only folder, full disk, or another run's folder."""


def check_jobs(jobs: object) -> None:
    """Check a number of processes or threads that Python code gives; 0 works in the calling process.

    Raises:
        ConfigError: it is no whole number from 0.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 0:
        raise ConfigError(f"jobs = {jobs!r} is no whole number from 0; give for example jobs=2")


@contextmanager
def python_words(folder: str = "") -> Iterator[None]:
    """Have errors name arguments (`out=`) where they name options of the command line (`--out`).

    Args:
        folder: temporary folder that is taken out of messages, because its files stand for signals of the caller.
    """
    try:
        yield
    except TsebenchError as error:
        text = str(error).replace(f"{folder}/", "") if folder else str(error)
        parts = _COMMAND.split(text)  # commands in backticks stay as they are
        parts[::2] = [_as_arguments(part) for part in parts[::2]]
        error.args = ("".join(parts),)
        raise


def _as_arguments(text: str) -> str:
    text = _CORPUS.sub(lambda found: f"corpora={{{found[1]!r}: DIR}}", text)
    return _OPTION.sub(lambda found: f"{found[1].replace('-', '_')}=", text)


def one_line(text: str, length: int = LINE_LENGTH) -> str:
    """A message on one line; a long one loses the middle of long words, then its own, and keeps thing and fix."""
    words = text.split()
    if sum(map(len, words)) + len(words) > length:
        words = [shortened(word, length // 4) for word in words]
    return shortened(" ".join(words), length)


def shortened(text: str, length: int) -> str:
    """A text without its middle if it is longer than `length`."""
    if len(text) <= length:
        return text
    first = length * 2 // 3
    return f"{text[:first]} … {text[first + 3 - length :]}"


def listed(names: Iterable[str], *, length: int = _LIST_LENGTH) -> str:
    """Names joined by commas, as many as `length` characters hold, at least one, "and N more"; "none" without any."""
    waiting = [shortened(name, _LONGEST_NAME) for name in names]
    shown: list[str] = []
    room = length
    for name in waiting:
        room -= len(name) + 2
        if shown and room < 0:
            break
        shown.append(name)
    more = len(waiting) - len(shown)
    return (", ".join(shown) or "none") + (f" and {more} more" if more else "")


def nearest_of(name: str, known: Iterable[str]) -> str:
    """The known name nearest to `name`; "" if none is near."""
    near = difflib.get_close_matches(name, [*known][:1000], n=1, cutoff=0.5) if len(name) <= _LONGEST_NAME else []
    return near[0] if near else ""


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error line: the known name nearest to `name`, and those that are known."""
    names = sorted(known)
    near = nearest_of(name, names)
    hint = f"; did you mean {near!r}?" if near else ""
    return f"{hint} (known: {listed(names)})"
