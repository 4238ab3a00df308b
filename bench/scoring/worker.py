"""Worker processes of the pool: what crosses the pipe, and the loop that answers it.

Every worker imports this module, so that it must stay cheap.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from typing import IO

from ...core.allocator import keep_freed_memory
from ..outcome import attempt

READY = b"ready"
_LENGTH = struct.Struct("<Q")


def serve() -> None:
    """The worker's side: answer jobs from standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    keep_freed_memory()  # PESQ frees some 600 pages with every signal
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)  # what a package prints must not end up between the replies
        try:
            write_frame(replies, READY)
            while (payload := read_frame(sys.stdin.buffer)) is not None:
                write_frame(replies, pickle.dumps(attempt(payload)))
        except BrokenPipeError:
            os._exit(0)  # the parent was killed; closing the pipe would raise once more


def write_frame(stream: IO[bytes], payload: bytes) -> None:
    """Send a length and so many bytes."""
    stream.write(_LENGTH.pack(len(payload)))
    stream.write(payload)
    stream.flush()


def read_frame(stream: IO[bytes], most: int = 1 << 40) -> bytes | None:
    """The next frame, or None if the other side is gone or sends more than `most` bytes."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    payload = stream.read(length) if length <= most else b""
    return payload if len(payload) == length else None
