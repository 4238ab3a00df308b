"""A headless Chromium for tests of pages: it fails a test on any message in the console."""

from __future__ import annotations

import functools
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="selenium is not installed; pip install '.[dev]' has it")

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium or its driver is not installed (Debian: chromium, chromium-driver)"
)
_PIECES, _PAUSE_S = 8, 0.03
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--window-size=1280,1000",
)


@contextmanager
def chromium(profile: Path, *, flags: tuple[str, ...] = ()) -> Iterator[Chrome]:
    """A browser with a fresh profile."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*_FLAGS, f"--user-data-dir={profile}", *flags):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(executable_path=DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def served(folder: Path, *, in_pieces: bool = False) -> Iterator[str]:
    """The address of a plain web server of a folder; it knows no ranges, so it cannot seek.

    Args:
        in_pieces: pages arrive little by little, as from afar, so that browsers paint them before they are whole.
    """
    handler = functools.partial(_InPieces if in_pieces else _Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def console(driver: Chrome) -> list[str]:
    """New console messages since the last call: errors, warnings, policy violations."""
    return [f"{entry['level']}: {entry['message']}" for entry in driver.get_log("browser")]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _InPieces(_Quiet):
    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        size = -(-len(content) // _PIECES)
        for begin in range(0, len(content), size):
            outputfile.write(content[begin : begin + size])
            outputfile.flush()
            time.sleep(_PAUSE_S)
