"""Report and comparison of 50 systems on 10,000 trials: time, memory, and size of the page.

Rows are simulated, and the commands run as a user starts them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from ...bench.metrics.protocol import MetricInfo
from ...bench.metrics.registry import metric_info
from ...bench.rows import read_shard_table, write_shard_table
from ...bench.score_row import ROWS, SAMPLE
from ...core.files import make_folder
from .page import load, table, user_environment
from .sections import Settings

SYSTEMS, TRIALS = 50, 10_000
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
METRICS = {"si_sdri": 1.0, "sdri": 1.0, "pesqi": 0.1, "stoii": 0.01}

_TIMED = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of wall clock and of the processor of a command, and its largest memory in GB."""

    wall_s: float
    cpu_s: float
    memory_gb: float


def simulate(folder: Path, *, systems: int = SYSTEMS, trials: int = TRIALS) -> None:
    """A run folder with one file for each system: two trials to a mixture, failed values of PESQ, tags to slice by."""
    rng = np.random.default_rng(0)
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
        SAMPLE: np.zeros(trials, np.int32),
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
        tables = []
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
            tables.append(pa.table(table))
        write_shard_table(folder / ROWS / f"part-{name}.parquet", pa.concat_tables(tables))
    facts = {name: {"family": "discriminative", "cost": cost} for name, cost in costs.items()}
    infos = TypeAdapter(dict[str, MetricInfo]).dump_python({name: metric_info(name) for name in METRICS}, mode="json")
    record = {"run_id": "sim", "name": "simulated", "systems": facts, "metrics": infos}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")


def changed(run: Path, out: Path) -> None:
    """The same run with noise on the values of every third metric of a system."""
    make_folder(out)
    shutil.copy(run / "run.json", out / "run.json")
    rng = np.random.default_rng(1)
    for number, path in enumerate(sorted((run / ROWS).iterdir())):
        table = read_shard_table(path)
        chosen = [name for place, name in enumerate(sorted(METRICS)) if (len(METRICS) * number + place) % 3 == 0]
        values = table["value"].to_numpy().copy()
        noisy = np.isin(table["metric"].to_numpy(zero_copy_only=False), chosen)
        values[noisy] += rng.normal(0.05, 0.5, int(noisy.sum()))
        place = table.column_names.index("value")
        write_shard_table(out / ROWS / path.name, table.set_column(place, table.schema.field(place), pa.array(values)))


def timed(*arguments: str) -> Cost:
    """Cost of a command of `tsebench`, its start included."""
    # A process between: the memory of a child counts that of its parent, as long as it is a copy of it.
    command = [sys.executable, "-c", _TIMED, sys.executable, "-m", "tsebench", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=user_environment())
    wall_s, cpu_s, memory = json.loads(done.stdout)
    return Cost(wall_s, cpu_s, memory * _RSS_UNIT / 1e9)


def report(settings: Settings) -> str:
    """The section of the page."""
    return section(5, 400) if settings.quick else section(SYSTEMS, TRIALS)


def section(systems: int, trials: int) -> str:
    """The section for a number of systems and trials."""
    with tempfile.TemporaryDirectory() as place:
        # First of few trials, which leaves compiled modules behind.
        _timed(Path(place) / "few", systems=2, trials=20)
        built, compared = _timed(Path(place), systems=systems, trials=trials)
        out = Path(place) / "site"
        page = (out / "report.html").stat().st_size
        whole = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    lines = [
        ["`tsebench report --format html`", *_cells(built)],
        ["`tsebench compare` with a changed run", *_cells(compared)],
    ]
    return "\n\n".join(
        [
            "## Reports at size",
            f"{systems} systems on {trials:,} trials, {len(METRICS)} metrics ({systems * trials * len(METRICS):,} "
            "simulated rows): ranks, intervals, slices, and pages of all systems and of 12 trials; and the comparison "
            f"with the same run after noise on a third of its values. {load()}",
            table(["", "s", "s of the processor", "GB of memory"], lines),
            f"The leaderboard's page has {page / 1e6:.2f} MB, the whole site {whole / 1e6:.1f} MB.",
        ]
    )


def _timed(place: Path, *, systems: int, trials: int) -> tuple[Cost, Cost]:
    """Costs of the report of a run, which is written to `site`, and of its comparison with a changed run."""
    run, other = place / "run", place / "candidate"
    simulate(run, systems=systems, trials=trials)
    changed(run, other)
    built = timed("report", str(run), "--out", str(place / "site"), "--format", "html")
    return built, timed("compare", str(run), str(other))


def _cells(cost: Cost) -> list[str]:
    return [f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", f"{cost.memory_gb:.1f}"]
