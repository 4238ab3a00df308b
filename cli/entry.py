"""Entry of the command line: interrupted at any moment, it ends with one line and exit code 130."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from ..core.errors import INTERRUPTED, INTERRUPTED_LINE


def entry() -> NoReturn:
    """Run the command line; SIGTERM (of a queue or a container) ends it as Ctrl-C does, and nothing is left behind."""
    process, asked, interrupted = os.getpid(), threading.Event(), threading.Event()

    def leave() -> None:
        # Python would end by SIGINT if the interrupt came while it executed a string, as dataclasses do.
        if interrupted.is_set():
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == process:
            asked.set()
            raise KeyboardInterrupt
        # A forked worker ends as every program does.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    atexit.register(leave)  # the first one registered is the last one called
    try:
        signal.signal(signal.SIGTERM, interrupt)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as in a background job
            signal.signal(signal.SIGINT, interrupt)
        # The imports take a while, in which an interrupt must not end in a traceback.
        from .main import main

        main()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            interrupted.set()
        raise
    except BaseException as error:
        # A library may catch the interrupt while it is imported, and fail later because half of it is missing.
        if not (asked.is_set() or isinstance(error, KeyboardInterrupt)):
            raise
        interrupted.set()
        sys.stderr.write(f"tsebench: {INTERRUPTED_LINE}\n")
        sys.exit(INTERRUPTED)
