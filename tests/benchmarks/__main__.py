"""The sections of docs/benchmarks.md that `tsebench bench` measures, with the real recordings of the tests.

    python tests/benchmarks                                     all of them
    python tests/benchmarks run whisper --quick                 options are those of `tsebench bench`
    python tests/benchmarks --asteroid-python PATH              and a comparison with asteroid
    python tests/benchmarks --out docs/benchmarks.md            and writes the page

asteroid has dependencies that tsebench has not, so it lives in an environment of its own:

    python -m venv asteroid && asteroid/bin/pip install "setuptools<81" \
        torch==2.13.0 asteroid==0.7.0 requests

The other modules of this folder measure what needs the tests' files; each has an option `--write`.
"""

from __future__ import annotations

import sys

from common import DIGITS

from tsebench.cli.entry import entry


def main() -> None:
    given = ["--recordings", str(DIGITS)] if DIGITS.is_dir() else []
    sys.argv[1:] = ["bench", *given, *sys.argv[1:]]
    entry()


if __name__ == "__main__":
    main()
