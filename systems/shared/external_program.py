"""Run a user's program: command line with placeholders, time limit, and last line of its stderr."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Formatter
from typing import IO

from ...core.errors import ConfigError, ExtractionError, suggest
from ...core.text import safe_text
from ...datasets.types import Direction, Spans

PLACEHOLDERS = (
    "batch",
    "classes",
    "enrollment",
    "enrollments",
    "mixture",
    "negative_text",
    "output",
    "query",
    "seed",
    "text",
)
_STDERR_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One query on disk: the files that the program reads, and the one that it must write."""

    id: str
    sample_rate_hz: int
    mixture: Path
    enrollments: tuple[Path, ...]
    classes: tuple[str, ...]
    text: str | None
    negative_text: str | None
    activity: Spans | None
    direction: Direction | None
    seed: int
    output: Path

    def as_json(self) -> str:
        """JSON object with the fields of this class; paths are absolute."""
        return json.dumps(asdict(self), default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Program and its arguments, as templates."""

    argv: tuple[str, ...]  # the program (an absolute path) and its arguments
    placeholders: frozenset[str]  # names in braces in the arguments

    @classmethod
    def parse(cls, command: str | Sequence[str]) -> Program:
        """Split a command line as a POSIX shell would, and check it; no shell ever runs it.

        Raises:
            ConfigError: it is empty, has an open quote or wrong placeholders, or its program cannot be executed.
        """
        try:
            argv = shlex.split(command) if isinstance(command, str) else list(command)
        except ValueError as error:
            raise _wrong(f"program = {command!r}: {error}; close it") from None
        if not argv:
            raise _wrong("program is empty; give a command such as `my_model {mixture} {output}`")
        placeholders = frozenset(name for argument in argv for name in _names(argument))
        _check_placeholders(placeholders)
        return cls(argv=(_find(argv[0]), *argv[1:]), placeholders=placeholders)

    @property
    def batched(self) -> bool:
        """Whether the program is started once for a batch."""
        return "batch" in self.placeholders

    def fill_query(self, job: Job, *, query_file: Path) -> list[str]:
        """Arguments for one query; an argument with `{enrollments}` is repeated for each enrollment."""
        if "enrollment" in self.placeholders and not job.enrollments:
            raise ExtractionError("clue: the program takes an {enrollment}, the query has none")
        filled: list[str] = []
        for argument in self.argv:
            paths = job.enrollments if "enrollments" in _names(argument) else (None,)
            filled += [
                argument.format(
                    classes=",".join(job.classes),
                    enrollment=job.enrollments[0] if job.enrollments else "",
                    enrollments=path,
                    mixture=job.mixture,
                    negative_text=job.negative_text or "",
                    output=job.output,
                    query=query_file,
                    seed=job.seed,
                    text=job.text or "",
                )
                for path in paths
            ]
        return filled

    def fill_batch(self, *, batch_file: Path) -> list[str]:
        """Arguments for a batch."""
        return [argument.format(batch=batch_file) for argument in self.argv]


def run_program(argv: Sequence[str], *, time_limit_s: float, device: str) -> None:
    """Run a program to its end, in its own process group and without a shell.

    What is left of the group is killed then, at the time limit, and on Ctrl-C. Only the end of stderr is kept.

    Raises:
        ExtractionError: it cannot start, exits with another code than 0, or takes too long; ends with the last line of
            its stderr.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"TSEBENCH_DEVICE": device},
            start_new_session=True,
        )
    except OSError as error:
        raise ExtractionError(f"exit: cannot start {argv[0]!r}: {error.strerror}") from None
    with process, _Tail(process.stderr) as said:
        try:
            code = process.wait(timeout=time_limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            # Also after success, for children that it left, and on Ctrl-C: a new session does not get its signal.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if code is None:
        raise ExtractionError(f"timeout: killed after {time_limit_s:g} s{said.last_line()}; raise time_limit_s")
    if code:
        raise ExtractionError(f"exit: {_exit(code)}{said.last_line()}")


class _Tail:
    """Reads a stream to its end in a thread and keeps its last bytes; a context manager."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._stream = stream
        self._tail = b""
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> _Tail:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A process that left the group may keep the stream open for ever.
        self._thread.join(timeout=1.0)

    def last_line(self) -> str:
        """Last line, ready to be appended; what an ended program wrote is waited for."""
        self._thread.join(timeout=1.0)
        lines = self._tail.decode(errors="replace").strip().splitlines()
        return f" and said: {safe_text(lines[-1])}" if lines else " and said nothing"

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            while self._stream and (part := os.read(self._stream.fileno(), 1 << 16)):
                self._tail = (self._tail + part)[-_STDERR_TAIL_BYTES:]


def _names(argument: str) -> list[str]:
    """Placeholders of one argument; `{{` and `}}` are braces."""
    try:
        fields = [part[1:] for part in Formatter().parse(argument)]
    except ValueError as error:
        raise _wrong(f"program: argument {argument!r}: {error}; write {{{{ and }}}} for braces") from None
    names: list[str] = []
    for name, spec, conversion in fields:
        if name is None:
            continue
        if name not in PLACEHOLDERS or spec or conversion:
            raise _wrong(f"program: unknown placeholder {{{name}}} in {argument!r}{suggest(name, PLACEHOLDERS)}")
        names.append(name)
    return names


def _check_placeholders(names: frozenset[str]) -> None:
    if "batch" in names and len(names) > 1:
        others = ", ".join(f"{{{name}}}" for name in sorted(names - {"batch"}))
        raise _wrong(f"program: {{batch}} starts it once for a batch, {others} once for a query; keep one")
    if not names & {"batch", "query", "output"}:
        raise _wrong("program: no placeholder says where to write the estimate; add {output}, {query} or {batch}")


def _find(program: str) -> str:
    found = shutil.which(program)
    if found:
        # Links stay: a virtual environment's python finds its packages by the name of the link.
        return str(Path(found).absolute())
    if _is_file(program):
        raise _wrong(f"program {program!r} is not executable; chmod +x it or name its interpreter")
    raise _wrong(f"program {program!r} is not found; give its path or put its folder on PATH")


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long for a file name, or with a zero byte
        return False


def _exit(code: int) -> str:
    if code > 0:
        return f"the program ended with exit code {code}"
    try:
        return f"the program was killed by signal {signal.Signals(-code).name}"
    except ValueError:
        return f"the program was killed by signal {-code}"


def _wrong(message: str) -> ConfigError:
    return ConfigError(f"system 'command': {message}")
