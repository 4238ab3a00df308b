"""`tsebench score`, the whole command, against the package pesq alone and a plain loop over asteroid's metrics."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ...bench.rows import read_rows
from .page import missing, table, user_environment
from .sections import Settings
from .talkers import ScoredFolders, source, talkers_of, write_trials

TRIALS, REPEATS, WARM_UP = 300, 3, 2
BASES = ("sdr", "si_sdr", "snr", "pesq", "stoi")
QUICK = tuple(name for name in BASES if name != "pesq")
JOBS = 2
PEER = Path(__file__).with_name("asteroid_loop.py")
FLOOR = Path(__file__).with_name("pesq_floor.py")
OF_PEER = ("sdr", "si_sdr", "pesq", "stoi")


@dataclass(slots=True)
class ScoreTimes:
    """Seconds of every repeat.

    Attributes:
        first_quick: without PESQ, as is `later_quick`.
        first_floor: PESQ alone of the first system's estimates and of the mixtures.
        later_floor: PESQ alone of the later system's estimates.
    """

    first: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    first_quick: list[float] = field(default_factory=list)
    later_quick: list[float] = field(default_factory=list)
    first_floor: list[float] = field(default_factory=list)
    later_floor: list[float] = field(default_factory=list)
    asteroid: list[float] = field(default_factory=list)


def report(settings: Settings) -> str:
    """The section of the page."""
    head = "## Scoring folders"
    if line := missing("pesq", "tsebench[quality]"):
        return f"{head}\n\n{line}"
    trials, repeats = (30, 1) if settings.quick else (TRIALS, REPEATS)
    times, differences = ScoreTimes(), {}
    with TemporaryDirectory() as place:
        recordings = talkers_of(settings, Path(place) / "recordings")
        # Each command once, which leaves compiled modules and files in memory behind.
        few = write_trials(Path(place) / "few", WARM_UP, recordings)
        _round(few, Path(place) / "warm-up", ScoreTimes(), settings.asteroid_python)
        folders = write_trials(Path(place) / "audio", trials, recordings)
        for repeat in range(repeats):
            differences = _round(folders, Path(place) / str(repeat), times, settings.asteroid_python)
    explained = _explained(trials, repeats, source(settings))
    return "\n\n".join([head, explained, _table(times), *_agreement(differences), _start()])


def _round(folders: ScoredFolders, place: Path, times: ScoreTimes, asteroid_python: Path | None) -> dict[str, float]:
    """Every side once, on an empty cache of scores; the largest difference of each metric."""
    place.mkdir()
    for bases, *both in ((BASES, times.first, times.later), (QUICK, times.first_quick, times.later_quick)):
        out = place / ("run" if bases is BASES else "quick")
        for system, measured in zip(folders.estimates, both, strict=True):
            measured.append(_seconds(_ours(folders, system, out, bases), cache=out.with_suffix(".cache")))
    first, later = folders.estimates
    times.first_floor.append(_seconds(_floor(folders, first, folders.mixtures)))
    times.later_floor.append(_seconds(_floor(folders, later)))
    if asteroid_python is None:
        return {}
    out = place / "asteroid.json"
    command = [asteroid_python, PEER, folders.estimates[0], folders.references, folders.mixtures]
    times.asteroid.append(_seconds([*map(str, command), str(out)]))
    return _differences(place / "run", folders.estimates[0].name, json.loads(out.read_text()))


def _ours(folders: ScoredFolders, system: Path, out: Path, bases: Sequence[str]) -> list[str]:
    """Both systems are scored into one run folder, by metrics and their improvements."""
    return [
        *(sys.executable, "-m", "tsebench", "score", "--metrics", ",".join([*bases, *(f"{name}i" for name in bases)])),
        *("--system", system.name, "--estimates", str(system), "--out", str(out)),
        *("--references", str(folders.references), "--mixtures", str(folders.mixtures), "--jobs", str(JOBS)),
    ]


def _floor(folders: ScoredFolders, *scored: Path) -> list[str]:
    return [sys.executable, str(FLOOR), str(JOBS), str(folders.references), *map(str, scored)]


def _seconds(command: list[str], *, cache: Path | None = None) -> float:
    """Wall time of a process, as a user starts it."""
    environment = user_environment()
    if cache is not None:
        environment["TSEBENCH_CACHE"] = str(cache)
    begin = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _differences(run: Path, system: str, theirs: dict[str, dict[str, float]]) -> dict[str, float]:
    """Largest difference of the values of each metric, over all trials."""
    rows = read_rows(run)
    ours = rows[rows["system"] == system].set_index(["metric", "trial_id"])["value"]
    return {name: max(abs(ours[name, trial] - values[name]) for trial, values in theirs.items()) for name in OF_PEER}


def _explained(trials: int, repeats: int, talkers: str) -> str:
    return (
        f"The whole command with its start, on {trials} trials of 5 to 7 s at 8000 Hz (two of the "
        f"{talkers}, 16-bit wav files): {', '.join(BASES)} and the improvement of each "
        f"over the mixture, `--jobs {JOBS}`, with the leaderboard and the report. The first system on a "
        "set also needs the scores of the mixtures, which are kept for every later one. The other "
        "side reads the same files in a loop and calls `asteroid.metrics.get_metrics` with "
        f"{', '.join(OF_PEER)}, which takes the metrics of input and output every time. The floor is a "
        f"pool of {JOBS} processes that read the same files and call the package pesq alone. Medians of "
        f"{repeats} rounds, in which all sides take turns, after each command ran once on {WARM_UP} trials."
    )


def _table(times: ScoreTimes) -> str:
    peer = median(times.asteroid) if times.asteroid else None
    lines = [
        ["`tsebench score`, first system", *_cells(times.first, times.first_floor, peer)],
        ["`tsebench score`, later system", *_cells(times.later, times.later_floor, peer)],
        ["the same without PESQ, first system", f"{median(times.first_quick):.1f}", "", "", ""],
        ["the same without PESQ, later system", f"{median(times.later_quick):.1f}", "", "", ""],
        ["loop over asteroid", f"{peer:.1f}" if peer else "not measured", "", "", ""],
    ]
    return table(["", "seconds", "floor", "times the floor", "times faster than asteroid"], lines)


def _cells(ours: list[float], floor: list[float], peer: float | None) -> tuple[str, str, str, str]:
    """Seconds of ours and of the floor, and how they compare; the ratio is the median of those of each round."""
    ratio = median(one / other for one, other in zip(ours, floor, strict=True))
    faster = f"{peer / median(ours):.1f}" if peer else "not measured"
    return f"{median(ours):.1f}", f"{median(floor):.1f}", f"{ratio:.2f}", faster


def _agreement(differences: dict[str, float]) -> list[str]:
    if not differences:
        return []
    found = ", ".join(f"{name} {value:.0e}" for name, value in differences.items())
    return [f"Largest difference of a value: {found}."]


def _start() -> str:
    """The shortest command."""
    command = [sys.executable, "-m", "tsebench", "--help"]
    return f"`tsebench --help`: {median(_seconds(command) for _ in range(5)):.2f} s."
