"""`tsebench score`, the whole command, against a plain loop over asteroid's metrics."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from common import table
from trials import DIGITS, Folders, write_trials

TRIALS, REPEATS = 300, 3
BASES = ("sdr", "si_sdr", "snr", "pesq", "stoi")
METRICS = ",".join([*BASES, *(f"{name}i" for name in BASES)])
PEER = Path(__file__).with_name("asteroid_peer.py")
OF_PEER = ("sdr", "si_sdr", "pesq", "stoi")


@dataclass(slots=True)
class Times:
    """Seconds of every repeat."""

    first: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    asteroid: list[float] = field(default_factory=list)


def report(asteroid_python: Path | None) -> str:
    """The section of the page."""
    head = "## Scoring folders"
    if not DIGITS.is_dir():
        return f"{head}\n\nNot measured: no recordings at {str(DIGITS)!r}."
    times, differences = Times(), {}
    with TemporaryDirectory() as place:
        folders = write_trials(Path(place) / "audio", TRIALS)
        for repeat in range(REPEATS):
            differences = _round(folders, Path(place) / str(repeat), times, asteroid_python)
    return "\n\n".join([head, _explained(), _table(times), *_agreement(differences), _start()])


def _round(folders: Folders, place: Path, times: Times, asteroid_python: Path | None) -> dict[str, float]:
    """Every side once, on an empty cache of scores; the largest difference of each metric."""
    place.mkdir()
    for system, measured in zip(folders.estimates, (times.first, times.later), strict=True):
        measured.append(_seconds(_ours(folders, system, place), cache=place / "cache"))
    if asteroid_python is None:
        return {}
    out = place / "asteroid.json"
    command = [asteroid_python, PEER, folders.estimates[0], folders.references, folders.mixtures]
    times.asteroid.append(_seconds([*map(str, command), str(out)]))
    return _differences(place / "run", folders.estimates[0].name, json.loads(out.read_text()))


def _ours(folders: Folders, system: Path, place: Path) -> list[str]:
    """Both systems are scored into one run folder."""
    return [
        *(sys.executable, "-m", "tsebench", "score", "--metrics", METRICS),
        *("--system", system.name, "--estimates", str(system), "--out", str(place / "run")),
        *("--references", str(folders.references), "--mixtures", str(folders.mixtures)),
    ]


def _seconds(command: list[str], *, cache: Path | None = None) -> float:
    """Wall time of a process, as a user starts it: without limits on threads."""
    limits = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
    environment = {name: value for name, value in os.environ.items() if name not in limits}
    if cache is not None:
        environment["TSEBENCH_CACHE"] = str(cache)
    begin = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _differences(run: Path, system: str, theirs: dict[str, dict[str, float]]) -> dict[str, float]:
    """Largest difference of the values of each metric, over all trials."""
    from tsebench import read_rows

    rows = read_rows(run)
    ours = rows[rows["system"] == system].set_index(["metric", "trial_id"])["value"]
    return {name: max(abs(ours[name, trial] - values[name]) for trial, values in theirs.items()) for name in OF_PEER}


def _explained() -> str:
    return (
        f"The whole command with its start, on {TRIALS} trials of 5 to 7 s at 8000 Hz (two real "
        f"talkers of digits, 16-bit wav files): {', '.join(BASES)} and the improvement of each "
        "over the mixture, `--jobs 2`, with the leaderboard and the report. The first system on a "
        "set also needs the scores of the mixtures, which are kept for every later one. The other "
        "side reads the same files in a loop and calls `asteroid.metrics.get_metrics` 0.7.0 with "
        f"{', '.join(OF_PEER)}, which takes the metrics of input and output every time. Medians of "
        f"{REPEATS} rounds, in which all sides take turns."
    )


def _table(times: Times) -> str:
    peer = median(times.asteroid) if times.asteroid else None
    lines = [
        ["`tsebench score`, first system", *_cells(median(times.first), peer)],
        ["`tsebench score`, later system", *_cells(median(times.later), peer)],
        ["loop over asteroid", f"{peer:.1f}" if peer else "not measured", ""],
    ]
    return table(["", "seconds", "times faster"], lines)


def _cells(seconds: float, peer: float | None) -> tuple[str, str]:
    return f"{seconds:.1f}", f"{peer / seconds:.1f}" if peer else "not measured"


def _agreement(differences: dict[str, float]) -> list[str]:
    if not differences:
        return []
    found = ", ".join(f"{name} {value:.0e}" for name, value in differences.items())
    return [f"Largest difference of a value: {found}."]


def _start() -> str:
    """The shortest command."""
    command = [sys.executable, "-m", "tsebench", "--help"]
    return f"`tsebench --help`: {median(_seconds(command) for _ in range(5)):.2f} s."
