"""Makes `trees`, the small copies of corpora that tests write, importable from every test; slow files run first."""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure() -> None:
    """A background job starts with SIGINT ignored; tests of interrupts, and the processes they start, need it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test first: the last worker must not be left with a long one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection() -> None:
    """Collect without looking for garbage among what stays, which takes a fifth of the time with 12,000 tests."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage again in the tests themselves."""
    gc.enable()
