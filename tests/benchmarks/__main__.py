"""How long things take, against the packages that they agree with; nothing here is a test.

    python tests/benchmarks                                     prints the tables
    python tests/benchmarks --write                             and puts them in docs/benchmarks.md
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
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    parser.add_argument("--asteroid-python", type=Path, help="interpreter that has asteroid")
    options = parser.parse_args()
    unknown = set(options.subjects) - set(SUBJECTS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before NumPy and torch start their threads
    import common
    import metrics
    import score

    chosen = options.subjects or SUBJECTS
    sections = []
    if "metrics" in chosen:
        sections.append(metrics.report())
    if "score" in chosen:
        sections.append(score.report(options.asteroid_python))
    print("\n\n".join([common.head(), *sections]))
    if options.write:
        common.put_head()
        for section in sections:
            common.put_section(section)


if __name__ == "__main__":
    main()
