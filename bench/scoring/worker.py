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
from ...core.collector import collect_rarely
from ..outcome import attempt

READY = b"ready"
UNSENDABLE = (pickle.PicklingError, AttributeError, TypeError, RecursionError)
"""Errors of what cannot be pickled."""
_OF_THE_SCRIPT = b"__main__"
_LENGTH = struct.Struct("<Q")
FRAME_HEAD = _LENGTH.size
"""Bytes before the payload of a frame."""


def serve() -> None:
    """The worker's side: answer jobs from standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    collect_rarely()
    keep_freed_memory()  # PESQ frees some 600 pages with every signal
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)  # what a package prints must not end up between the replies
        try:
            write_frame(replies, READY)
            while (payload := read_frame(sys.stdin.buffer)) is not None:
                write_frame(replies, pickle.dumps(attempt(payload)))
        except BrokenPipeError:
            os._exit(0)  # the parent was killed; closing the pipe would raise once more


def packed(thing: object) -> bytes | None:
    """What is sent to a worker; None for code of the calling script or notebook, which a worker could not import.

    Raises one of `UNSENDABLE`.
    """
    payload = pickle.dumps(thing, protocol=pickle.HIGHEST_PROTOCOL)
    return None if _OF_THE_SCRIPT in payload else payload


def write_frame(stream: IO[bytes], payload: bytes) -> None:
    """Send a length and so many bytes."""
    stream.write(frame_head(payload))
    stream.write(payload)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame, or None if the other side is gone."""
    length = frame_length(stream.read(FRAME_HEAD))
    payload = b"" if length is None else stream.read(length)
    return payload if len(payload) == length else None


def frame_head(payload: bytes) -> bytes:
    """Bytes before a payload: its length."""
    return _LENGTH.pack(len(payload))


def frame_length(head: bytes) -> int | None:
    """Length of the payload after this head; None if it is not whole."""
    return int(_LENGTH.unpack(head)[0]) if len(head) == FRAME_HEAD else None
