"""Commands of the kill campaign, each with what it leaves: the same after any number of kills."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tsebench.bench.rows import read_rows

RATE_HZ = 8000


@dataclass(frozen=True)
class Job:
    """A command: its arguments for a folder of results, and what of the folder must be the same."""

    name: str
    arguments: Callable[[Path], list[str]]
    digest: Callable[[Path], str]


def file_digest(folder: Path, pattern: str = "**/*") -> str:
    """Of all files, their names included."""
    found = hashlib.sha256()
    for path in sorted(folder.glob(pattern)):
        if path.is_file():
            found.update(f"{path.relative_to(folder)} ".encode() + path.read_bytes())
    return found.hexdigest()


def row_digest(out: Path) -> str:
    """Of all rows of a run, whatever their shards; a trial that is there twice is an error."""
    rows = read_rows(out)
    keys = [key for key in ("system", "dataset", "trial_id", "metric") if key in rows]
    if rows.duplicated(keys).any():
        return "a row is there twice"
    rows = rows.drop(columns=[name for name in ("run_id",) if name in rows]).sort_values(keys)
    return hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()


def report_digest(out: Path) -> str:
    """Of the names of all files, and of the tables; pages name the time of their making."""
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    tables = [path.read_text() for path in sorted(out.rglob("*.csv"))]
    return hashlib.sha256(json.dumps([names, tables]).encode()).hexdigest()


def demo_digest(out: Path) -> str:
    """Of the names of all files, and of the recordings."""
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    return hashlib.sha256((json.dumps(names) + file_digest(out, "**/*.wav")).encode()).hexdigest()


def make_place(place: Path, *, trials: int) -> None:
    """Corpora of noise, configs and folders of estimates."""
    generator = np.random.default_rng(0)
    for label in ("a", "b", "c"):
        for number in range(4):
            write(place / "corpus" / label / f"{number}.wav", generator.uniform(-0.5, 0.5, 4000))
    for number in range(40):
        reference = np.sin(np.arange(8000) * (0.05 + 0.002 * number)) * 0.3
        write(place / "references" / f"{number}.wav", reference)
        write(place / "estimates" / f"{number}.wav", reference + 0.05 * generator.standard_normal(8000))
    for name, config in configs(place, trials).items():
        (place / f"{name}.json").write_text(json.dumps(config))


def write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.astype(np.float32), RATE_HZ, subtype="PCM_16")


def configs(place: Path, trials: int) -> Mapping[str, object]:
    """Configs of the set, of the run and of the training, as JSON, which is YAML."""
    params = {
        "count": trials,
        "sample_rate_hz": RATE_HZ,
        "duration_s": 0.5,
        "event_s": [0.2, 0.5],
        "n_classes": [2, 2],
        "level": "power",
        "events": {"corpus": "noises"},
    }
    noise = {"name": "noise", "builder": "sound_mix", "corpora": {"noises": {"kind": "folder"}}, "params": params}
    program = {"program": "cp {mixture} {output}", "cache": True}
    run = {
        "name": "kills",
        "datasets": [str(place / "sets" / "noise")],
        "systems": ["mixture", "silence", {"name": "command", "label": "copy", "options": program}],
        "metrics": ["snri", "si_sdri", "stoii"],
        "bootstrap": {"resamples": 10},
        "keep_estimates": True,
    }
    train = {
        "name": "kills",
        "system": "soundbeam",
        "net": {"num_filters": 16, "filter_length": 20, "bottleneck": 8, "hidden": 8, "blocks": 2, "stacks": 2,
                "embedding_dim": 8},
        "data": {"dataset": "mini_sounds", "per_epoch": 48, "valid": 8, "segment_s": 0.5, "render_processes": 1},
        "loss": {"name": "thresholded_snr"},
        "optimiser": {"epochs": 6, "batch_size": 4},
        "threads": 1,
    }  # fmt: skip
    return {"noise": noise, "run": run, "train": train}


def jobs(place: Path) -> dict[str, Job]:
    """All commands of the campaign."""
    corpus = ["--corpus", f"noises={place / 'corpus'}"]
    build = ["build", str(place / "noise.json"), *corpus, "--materialise", "--jobs", "2", "--out"]
    run = ["run", str(place / "run.json"), "--tracking-uri", "none", *corpus, "--device", "cpu", "--jobs", "2", "--out"]
    score = ["score", "--estimates", str(place / "estimates"), "--references", str(place / "references"),
             "--metrics", "si_sdr,pesq,stoi", "--device", "cpu", "--jobs", "2", "--out"]  # fmt: skip
    train = ["train", str(place / "train.json"), "--device", "cpu", "--tracking-uri", "none", "--out"]
    report = ["report", str(place / "done"), "--format", "html,md,csv,latex", "--out"]
    demo = ["demo", str(place / "done"), *corpus, "--random", "6", "--out"]

    def job(name: str, arguments: list[str], digest: Callable[[Path], str]) -> Job:
        return Job(name, lambda out: [*arguments, str(out)], digest)

    found = [
        job("build", build, file_digest),
        job("run", run, row_digest),
        job("score", score, row_digest),
        job("train", train, lambda out: file_digest(out, "model.pt")),
        job("report", report, report_digest),
        job("demo", demo, demo_digest),
    ]
    return {each.name: each for each in found}


def start(
    job: Job, out: Path, *, place: Path, before: Callable[[], None] | None = None, within: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, with a cache and a folder of temporary files of its own.

    Args:
        before: called in the new process.
        within: a command line that ends with the command that it runs.
    """
    temporary = Path(f"{out}-tmp")
    temporary.mkdir(parents=True, exist_ok=True)

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job starts with it ignored
        if before is not None:
            before()

    environment = {"TSEBENCH_CACHE": f"{out}-cache", "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    environment["PYTHONFAULTHANDLER"] = "1"
    # The torchmetrics that asteroid wants, where it is installed, would add lines to the one that is expected.
    environment["PYTHONWARNINGS"] = "ignore:pkg_resources is deprecated"
    return subprocess.Popen(
        [*within, sys.executable, "-m", "tsebench", *job.arguments(out)],
        env={**os.environ, **environment},
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509 - this process has no threads
    )
