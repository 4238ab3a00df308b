"""Kill campaign: commands are killed at random moments and must go on to the same results; `make kills`.

    python tests/campaigns --number 100 --seed 0 --jobs run,score
    python tests/campaigns --number 0 --trials 3000 --jobs run      no temporary file stays behind

It prints a line for each failure and a table at the end; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from campaigns.campaign import campaign
from campaigns.jobs import jobs, make_place
from campaigns.kills import Result, finish


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=100, help="of kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=60, help="of the set")
    parser.add_argument("--jobs", default="", help="some of build,run,score,train,report,demo; all by default")
    options = parser.parse_args()
    os.nice(max(0, 5 - os.nice(0)))
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        place = Path(folder)
        make_place(place, trials=options.trials)
        known = jobs(place)
        # What the others need.
        for name, out in (("build", "sets"), ("run", "done")):
            if problem := finish(known[name], place / out, place=place):
                sys.exit(f"{name}: {problem}")
        chosen = {name: known[name] for name in options.jobs.split(",") if name} or known
        results = campaign(chosen, place=place, number=options.number, seed=options.seed, report=show)
    sys.exit(table(results))


def show(result: Result) -> None:
    """Print a failure at once."""
    print(f"{result.job}, {result.kind}: {result.problem or 'ok'}", flush=True)


def table(results: list[Result]) -> int:
    """Print tried and failed attempts by kind and command; 1 if any failed."""
    tried = Counter((result.kind, result.job) for result in results)
    failed = Counter((result.kind, result.job) for result in results if result.problem)
    print("| kind | command | tried | failed |\n| --- | --- | --- | --- |")
    for kind, job in sorted(tried):
        print(f"| {kind} | {job} | {tried[kind, job]} | {failed[kind, job]} |")
    print(f"| all | | {len(results)} | {failed.total()} |")
    return 1 if failed else 0


main()
