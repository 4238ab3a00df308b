"""One of each in another package: installed by pip, found by entry points, trained, run and reported."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers.paths import TESTS

from tsebench import read_rows

pytestmark = pytest.mark.slow

PACKAGE = TESTS / "example_package"
DATASET = """\
name: pairs
builder: example_pairs
split: test
corpora:
  tones: {kind: example_tones}
params: {count: 6, sounds: {corpus: tones}}
"""
TRAIN = """\
name: filter
system: example_filter
net: {taps: 9}
data: {dataset: pairs.yaml, per_epoch: 8, valid: 4}
optimiser: {batch_size: 4, epochs: 1}
"""
RUN = """\
name: example
datasets: [{dataset: pairs.yaml, metrics: [si_sdr, snr, example_level_error]}]
systems:
  - mixture
  - {name: example_gain, options: {gain: 0.25}}
  - {name: example_filter, options: {checkpoint: trained}}
rank_by: example_level_error
paper_tables: [example_table]
"""
LISTED = {
    "systems": {
        "example_gain": "The mixture times a gain; put a network in its place.",
        "example_filter": "A linear filter with a gain by the enrollment",
    },
    "corpora": {"example_tones": "Tones of one second, labelled by pitch."},
    "builders": {"example_pairs": "Pairs of recordings with one trial for each of the two."},
    "metrics": {"example_level_error": "levels of estimate and reference [dB, lower is better]"},
    "reports": {"example_text": "Write `example.md`"},
}

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package in `site` and the configs."""
    folder = tmp_path_factory.mktemp("example")
    # pip builds inside the source folder.
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    install += ["--no-build-isolation", "--target", str(folder / "site"), str(source)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, text in (("pairs", DATASET), ("filter", TRAIN), ("run", RUN)):
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def python(place: Path) -> Command:
    """`python ...` where the example package is installed."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        paths = [str(place / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=place,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def command(python: Command) -> Command:
    """`tsebench ...` where the example package is installed."""
    return partial(python, "-m", "tsebench")


@pytest.fixture(scope="module")
def printed(command: Command) -> str:
    """Output of a run of everything, after the network is trained."""
    trained = command("train", "filter.yaml", "--out", "trained")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    done = command("run", "run.yaml", "--out", "out", "--tracking-uri", "none", "--format", "md,example_text")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_class_has_at_most_fifteen_lines() -> None:
    tree = ast.parse((PACKAGE / "tsebench_example" / "example_gain.py").read_text())
    (example,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    docstrings = [n for n in ast.walk(example) if isinstance(n, ast.ClassDef | ast.FunctionDef)]
    documented = sum(n.body[0].end_lineno - n.body[0].lineno + 1 for n in docstrings if ast.get_docstring(n))
    blank = 2
    assert example.end_lineno - example.lineno + 1 - documented - blank <= 15


def test_it_is_listed(python: Command) -> None:
    program = "from tsebench.cli.main import app\nfor kind in {}: app(['list', kind], standalone_mode=False)"
    done = python("-c", program.format(list(LISTED)))
    assert done.returncode == 0, done.stderr
    for name, text in (pair for entries in LISTED.values() for pair in entries.items()):
        line = next(line for line in done.stdout.splitlines() if line.startswith(f"{name} "))
        assert text in line


def test_the_doctor_passes_the_system(command: Command) -> None:
    done = command("doctor", "example_gain", "--option", "gain=0.25")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "batch_invariance" in done.stdout
    wrong = command("doctor", "example_gain", "--option", "gain=loud")
    assert wrong.returncode == 2
    assert "example_gain" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_the_run_has_the_values(printed: str, place: Path) -> None:
    rows = read_rows(place / "out")
    assert (rows["status"] == "ok").all()
    values = rows.pivot_table(index="trial_id", columns=["system", "metric"], values="value")
    assert len(values) == 12
    gained, plain = values["example_gain"], values["mixture"]
    assert (gained["si_sdr"] - plain["si_sdr"]).abs().max() < 1e-3
    # Tones of different pitch are orthogonal: ‖s − g (s + n)‖² / ‖s‖² = (1 − g)² + g² ‖n‖² / ‖s‖².
    noise = 10 ** (-plain["snr"] / 10)
    expected = -10 * np.log10(0.75**2 + 0.25**2 * noise)
    assert (gained["snr"] - expected).abs().max() < 0.3
    # Two sources of one power: the mixture is 3 dB above each, a quarter of it 12 dB lower.
    assert (plain["example_level_error"] - 10 * np.log10(2)).abs().max() < 0.1
    assert (gained["example_level_error"] - 20 * np.log10(4) + 10 * np.log10(2)).abs().max() < 0.1


def test_the_metric_has_its_unit_and_ranks(printed: str, place: Path) -> None:
    lines = (place / "out" / "report" / "report.md").read_text().splitlines()
    assert any("example\\_level\\_error dB ↓" in line for line in lines)
    # Systems are in its order, and differences to the leader are its own: 9.03 − 6.5 dB.
    ranked = [line for line in lines if line.startswith("| 1 |")]
    assert [line.split(" | ")[1].split()[0] for line in ranked] == ["mixture", "example\\_filter", "example\\_gain"]
    gain, leader = (float(line.split(" | ")[4].strip("*").split()[0]) for line in (ranked[2], ranked[1]))
    assert float(ranked[2].split(" | ")[5].split()[0]) == pytest.approx(gain - leader, abs=0.011)


def test_the_report_the_table_and_the_figure_are_made(printed: str, place: Path, command: Command) -> None:
    text = (place / "out" / "report" / "example.md").read_text()
    assert "example\\_gain, FMQ 1:0, example_level_error: 9.03 dB (n = 12)" in text
    assert "Example table" in printed
    done = command(
        "report", "out", "--out", "figures", "--format", "figures",
        "--option", "figures.only=[example_points]", "--option", "figures.files=[svg]",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (place / "figures" / "figures" / "example_points_pairs.svg").is_file()
