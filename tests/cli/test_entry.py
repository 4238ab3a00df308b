"""The entry of the command line: an interrupt at any moment is one line and exit code 130."""

from __future__ import annotations

import subprocess
import sys

import pytest

HALF_IMPORTED = """
import os, signal, sys
import tsebench.cli.main as program
from tsebench.cli.entry import entry

def main():
    try:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    except KeyboardInterrupt:
        pass
    raise RecursionError("a module that is half there")

program.main = main
entry()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_that_a_library_caught_is_no_error_of_its_own(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", HALF_IMPORTED, name], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "tsebench: interrupted; start the same command again to go on\n"


def test_an_error_without_an_interrupt_is_shown() -> None:
    code = HALF_IMPORTED.replace("os.kill(os.getpid(), getattr(signal, sys.argv[1]))", "pass")
    done = subprocess.run([sys.executable, "-c", code, ""], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RecursionError: a module that is half there" in done.stderr
