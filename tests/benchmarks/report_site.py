"""The report of 50 systems on 10,000 trials: time to build, size of the page, time to first paint; and `compare`.

The rows are simulated. A child process builds the site, so that its start is in the time; Chromium
opens the leaderboard from its file. Another one compares the run with itself after noise on a third of its values.

    python tests/benchmarks/report_site.py                  prints the section
    python tests/benchmarks/report_site.py --write          and puts it into docs/benchmarks.md
    python tests/benchmarks/report_site.py --systems 200    prints that of other sizes
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SYSTEMS, TRIALS = 50, 10_000
METRICS = {"si_sdri": 1.0, "sdri": 1.0, "pesqi": 0.1, "stoii": 0.01}
BUILD = """
import sys
from pathlib import Path
from tsebench.reports.formats.registry import write_board
from tsebench.reports.leaderboard.assemble import open_board
write_board(open_board([Path(sys.argv[1])]), Path(sys.argv[2]), ["html"])
"""
COMPARE = """
import sys
from pathlib import Path
from tsebench.reports.compare.compare_runs import CompareOptions, compare_runs
compare_runs(Path(sys.argv[1]), Path(sys.argv[2]), CompareOptions())
"""
OPENED = 5


def simulate(folder: Path, *, systems: int = SYSTEMS, trials: int = TRIALS) -> None:
    """A run folder: two trials to a mixture, failed values of PESQ, tags to slice by."""
    rng = np.random.default_rng(0)
    (folder / "rows").mkdir(parents=True)
    mixtures = [f"m{trial // 2:05d}" for trial in range(trials)]
    tags = {
        "input_snr_db": [f"{value:.1f}" for value in rng.uniform(-12, 12, trials)],
        "overlap": [f"{value:.2f}" for value in rng.uniform(0, 1, trials)],
        "enrollment_s": [f"{value:.1f}" for value in rng.uniform(1, 25, trials)],
        "gender_pair": rng.choice(["FF", "FM", "MM"], trials),
        "n_speakers": rng.choice(["2", "3"], trials),
    }
    common_part = {
        "run_id": ["sim"] * trials,
        "dataset": ["simulated"] * trials,
        "trial_id": [f"t{trial:05d}" for trial in range(trials)],
        "mixture_id": mixtures,
        "condition": ["FMQ"] * trials,
        "n_active": np.ones(trials, np.int32),
        "n_inactive": np.zeros(trials, np.int32),
        "cluster": mixtures,
        "weight": np.ones(trials),
        "detail": [""] * trials,
        **{f"tag_{name}": values for name, values in tags.items()},
    }
    hard = rng.normal(scale=2.0, size=trials)
    costs = {}
    for place in range(systems):
        name = f"system_{place:02d}"
        quality = 4.0 + 12.0 * place / systems
        costs[name] = {"params": 10.0 ** rng.uniform(5, 8) // 1, "rtf": 10.0 ** rng.uniform(-3, 0)}
        for metric, scale in METRICS.items():
            values = scale * (quality + hard + rng.normal(scale=1.5, size=trials))
            failed = np.zeros(trials, np.bool_)
            if metric == "pesqi" and place % 7 == 0:
                failed[rng.choice(trials, 20, replace=False)] = True
            table = {
                **common_part,
                "system": [name] * trials,
                "metric": [metric] * trials,
                "signature": [f"{metric}|simulated"] * trials,
                "value": np.where(failed, np.nan, values),
                "status": np.where(failed, "failed", "ok"),
                "reason": np.where(failed, "pesq_no_utterance", ""),
            }
            path = folder / "rows" / f"part-{name}-{metric}.parquet"
            pq.write_table(pa.table(table), path, compression="zstd")
    facts = {name: {"family": "discriminative", "cost": cost} for name, cost in costs.items()}
    record = {"run_id": "sim", "name": "simulated", "systems": facts}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")


def changed(run: Path, out: Path) -> None:
    """The same run with noise on the values of a third of its files."""
    (out / "rows").mkdir(parents=True)
    shutil.copy(run / "run.json", out / "run.json")
    rng = np.random.default_rng(1)
    for number, path in enumerate(sorted((run / "rows").iterdir())):
        table = pq.read_table(path)
        if number % 3 == 0:
            values = table["value"].to_numpy() + rng.normal(0.05, 0.5, table.num_rows)
            table = table.set_column(table.column_names.index("value"), "value", pa.array(values))
        pq.write_table(table, out / "rows" / path.name, compression="zstd")


def timed(program: str, first: Path, second: Path) -> tuple[float, float, float]:
    """Seconds of wall clock and of the processor of a child process, and the most memory of any so far, in GB."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", program, str(first), str(second)], check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss * 1024 / 1e9


def first_paints(page: Path) -> list[float]:
    """Milliseconds to the first contentful paint, each in a fresh browser; none without one."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        return []
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from helpers.browser import chromium

    found = []
    for _ in range(OPENED):
        with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as driver:
            driver.get("about:blank")
            driver.get(page.as_uri())
            script = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
            paint = None
            while paint is None:
                paint = driver.execute_script(script)
            found.append(float(paint))
    return found


def report(systems: int = SYSTEMS, trials: int = TRIALS) -> str:
    """The section of docs/benchmarks.md."""
    with tempfile.TemporaryDirectory() as place:
        run, out = Path(place) / "run", Path(place) / "site"
        simulate(run, systems=systems, trials=trials)
        wall, cpu, memory = timed(BUILD, run, out)
        page = out / "report.html"
        size = page.stat().st_size
        whole = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        paints = first_paints(page)
        changed(run, Path(place) / "candidate")
        compare_wall, compare_cpu, _ = timed(COMPARE, run, Path(place) / "candidate")
    paint = f"{statistics.median(paints):.0f} (largest {max(paints):.0f})" if paints else "no browser"
    rows = systems * trials * len(METRICS)
    lines = [
        ["build, s of wall clock", f"{wall:.1f}"],
        ["build, s of processor time", f"{cpu:.1f}"],
        ["build, GB of memory", f"{memory:.1f}"],
        ["leaderboard page, MB", f"{size / 1e6:.2f}"],
        ["whole site, MB", f"{whole / 1e6:.1f}"],
        [f"first contentful paint in Chromium, ms, median of {OPENED}", paint],
        ["compare with a changed run, s of wall clock", f"{compare_wall:.1f}"],
        ["compare with a changed run, s of processor time", f"{compare_cpu:.1f}"],
    ]
    load = os.getloadavg()[0]
    return (
        "## Report site\n\n"
        f"`tsebench report --format html` of {systems} systems on {trials:,} trials, "
        f"{len(METRICS)} metrics ({rows:,} simulated rows): ranks, intervals, slices, and pages "
        "of all systems and of 12 trials; by `python tests/benchmarks/report_site.py` with one "
        f"thread of linear algebra, at a load average of {load:.1f} on {os.cpu_count()} cores.\n\n"
        + common.table(["", "measured"], lines)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    parser.add_argument("--systems", type=int, default=SYSTEMS)
    parser.add_argument("--trials", type=int, default=TRIALS)
    options = parser.parse_args()
    if options.write and (options.systems, options.trials) != (SYSTEMS, TRIALS):
        parser.error("--write is for the usual size")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    text = report(options.systems, options.trials)
    print(text)
    if options.write:
        common.put_section(text)


if __name__ == "__main__":
    main()
