"""How long things take, against the packages that they agree with; nothing here is a test.

    python tests/benchmarks                                     prints the tables
    python tests/benchmarks --write                             and writes docs/benchmarks.md
    python tests/benchmarks --asteroid-python PATH              and compares with asteroid

asteroid has dependencies that tsebench has not, so it lives in an environment of its own:

    python -m venv asteroid && asteroid/bin/pip install "setuptools<81" \
        torch==2.13.0 asteroid==0.7.0 requests
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

SUBJECTS = ("metrics", "score")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("subjects", nargs="*", help=f"of {', '.join(SUBJECTS)}; all if none")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--asteroid-python", type=Path, help="interpreter that has asteroid")
    options = parser.parse_args()
    unknown = set(options.subjects) - set(SUBJECTS)
    if unknown or (options.subjects and options.write):
        parser.error("--write wants all subjects" if options.write else f"unknown: {unknown}")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before NumPy and torch start their threads
    import common
    import metrics
    import score

    chosen = options.subjects or SUBJECTS
    parts = [f"# Benchmarks\n\nWritten by `python tests/benchmarks --write`.\n\n"
             f"Machine: {common.machine()}."]  # fmt: skip
    if "metrics" in chosen:
        parts.append(metrics.report())
    if "score" in chosen:
        parts.append(score.report(options.asteroid_python))
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.write:
        common.PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
