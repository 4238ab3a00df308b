"""Worker processes of the pool: what crosses the pipe, and the loop that answers it.

Every worker imports this module, so that it must stay cheap.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from collections.abc import Sequence
from functools import partial
from io import BufferedReader
from typing import IO, cast

from ...core.allocator import keep_freed_memory
from ...core.collector import collect_rarely
from ..outcome import Job, Outcome, attempt

READY = b"ready"
UNSENDABLE = (pickle.PicklingError, AttributeError, TypeError, RecursionError, BufferError)
"""Errors of what cannot be pickled."""
_OF_THE_SCRIPT = b"__main__"
_NUMBER = struct.Struct("<Q")
FRAME_NUMBER = _NUMBER.size
"""Bytes of a number in the head of a frame."""

Packed = Sequence[bytes | memoryview]
"""A pickle, and the memory of its arrays, which is not copied."""


def serve() -> None:
    """The worker's side: answer jobs from standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    collect_rarely()
    keep_freed_memory()  # PESQ frees some 600 pages with every signal
    jobs = cast(BufferedReader, sys.stdin.buffer)
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)  # what a package prints must not end up between the replies
        try:
            write_frame(replies, READY)
            while (parts := read_frame(jobs)) is not None:
                write_frame(replies, pickle.dumps(attempt(partial(_done, parts))))
        except BrokenPipeError:
            os._exit(0)  # the parent was killed; closing the pipe would raise once more


def _done(parts: Sequence[bytearray]) -> float | Outcome:
    job: Job = pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 - ours
    return job()


def packed(thing: object) -> Packed | None:
    """What is sent to a worker; None for code of the calling script or notebook, which a worker could not import.

    Raises one of `UNSENDABLE`.
    """
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
    return None if _OF_THE_SCRIPT in head else (head, *(buffer.raw() for buffer in buffers))


def write_frame(stream: IO[bytes], payload: bytes) -> None:
    """Send a frame of one part."""
    stream.write(frame_head([payload]))
    stream.write(payload)
    stream.flush()


def read_frame(stream: BufferedReader) -> list[bytearray] | None:
    """The parts of the next frame, or None if the other side is gone."""
    count = frame_number(stream.read(FRAME_NUMBER))
    lengths = [frame_number(stream.read(FRAME_NUMBER)) for _ in range(count or 0)]
    parts = [bytearray(length or 0) for length in lengths]
    whole = all(
        length is not None and stream.readinto(part) == length for length, part in zip(lengths, parts, strict=True)
    )
    return parts if parts and whole else None


def frame_head(parts: Packed) -> bytes:
    """Bytes before the parts of a frame: their number, and the length of each."""
    return b"".join(map(_NUMBER.pack, (len(parts), *map(len, parts))))


def frame_number(text: bytes) -> int | None:
    """A number of the head of a frame; None if it is not whole."""
    return int(_NUMBER.unpack(text)[0]) if len(text) == FRAME_NUMBER else None
