"""The command `tsebench` for shell scripts, in a process that is forked from one that has imported it already."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from helpers.forked import CONTEXT, Descriptor

_CLIENT = """\
#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as wire:
    wire.connect({address!r})
    request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(wire, [len(request).to_bytes(4, "big")], [0, 1, 2])
    wire.sendall(request)
    code = wire.recv(1)
sys.exit(code[0] if code else 70)
"""


@contextmanager
def command_in(folder: Path) -> Iterator[None]:
    """Have an executable `tsebench` in `folder`."""
    address = str(folder / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        client = folder / "tsebench"
        client.write_text(_CLIENT.format(python=sys.executable, address=address))
        client.chmod(0o755)
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket) -> None:
    """Run one command after another until the listener is shut down."""
    while True:
        try:
            wire, _ = listener.accept()
        except OSError:
            return
        with wire:
            head, numbers, _, _ = socket.recv_fds(wire, 4, 3)
            request = json.loads(_received(wire, int.from_bytes(head, "big")))
            process = CONTEXT.Process(target=_run, args=(*request, [DupFd(number) for number in numbers]))
            process.start()
            for number in numbers:
                os.close(number)
            process.join()
            wire.sendall(bytes([(process.exitcode or 0) & 0xFF]))


def _received(wire: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        found += wire.recv(length - len(found))
    return found


def _run(arguments: list[str], folder: str, environment: dict[str, str], streams: list[Descriptor]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(stream.detach(), number)
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
    main: Any = __import__("tsebench.cli.main", fromlist=["main"]).main
    main(arguments)
