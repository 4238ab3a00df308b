"""One of each in another package: installed by pip, found by entry points, trained, run and reported."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers.paths import ROOT

from tsebench import read_rows

pytestmark = [pytest.mark.slow, pytest.mark.long]

PACKAGE = ROOT / "docs" / "examples" / "plugin_package"
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

COMMANDS = {
    **{kind: ["list", kind] for kind in LISTED},
    "doctor": ["doctor", "example_gain", "--option", "gain=0.25"],
    "wrong": ["doctor", "example_gain", "--option", "gain=loud"],
    "train": ["train", "filter.yaml", "--out", "trained"],
    "run": [
        *("run", "run.yaml", "--out", "out", "--tracking-uri", "none", "--jobs", "1"),
        *("--format", "md,example_text"),
    ],
    "report": [
        *("report", "out", "--out", "figures", "--format", "figures"),
        *("--option", "figures.only=[example_points]", "--option", "figures.files=[svg]"),
    ],
}
# Runs the commands one after another; its last line says how each ended.
PROGRAM = """\
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from tsebench.cli.main import main
done = {}
for name, arguments in json.loads(sys.argv[1]).items():
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as errors:
        try:
            main(arguments)
            code = 0
        except SystemExit as end:
            code = end.code or 0
    done[name] = {"returncode": code, "stdout": out.getvalue(), "stderr": errors.getvalue()}
print()
print(json.dumps(done))
"""


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
    for path in PACKAGE.glob("*.yaml"):
        shutil.copy(path, folder)
    return folder


@dataclass(frozen=True, slots=True)
class Done:
    """Output of a command, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def done(place: Path) -> Mapping[str, Done]:
    """Results of `COMMANDS`, in one process where the example package is installed."""
    paths = [str(place / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(COMMANDS)],
        cwd=place,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return {name: Done(**fields) for name, fields in json.loads(ended.stdout.splitlines()[-1]).items()}


@pytest.fixture(scope="module")
def printed(done: Mapping[str, Done]) -> str:
    """Output of a run of everything, after the network is trained."""
    assert done["train"].returncode == 0, done["train"].stdout + done["train"].stderr
    assert done["run"].returncode == 0, done["run"].stdout + done["run"].stderr
    return done["run"].stdout


def test_class_has_at_most_fifteen_lines() -> None:
    tree = ast.parse((PACKAGE / "tsebench_example" / "example_gain.py").read_text())
    (example,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    docstrings = [n for n in ast.walk(example) if isinstance(n, ast.ClassDef | ast.FunctionDef)]
    documented = sum(n.body[0].end_lineno - n.body[0].lineno + 1 for n in docstrings if ast.get_docstring(n))
    blank = 2
    assert example.end_lineno - example.lineno + 1 - documented - blank <= 15


@pytest.mark.parametrize("kind", LISTED)
def test_it_is_listed(kind: str, done: Mapping[str, Done]) -> None:
    assert done[kind].returncode == 0, done[kind].stderr
    for name, text in LISTED[kind].items():
        line = next(line for line in done[kind].stdout.splitlines() if line.startswith(f"{name} "))
        assert text in line


def test_the_doctor_passes_the_system(done: Mapping[str, Done]) -> None:
    passed, wrong = done["doctor"], done["wrong"]
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "batch_invariance" in passed.stdout
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
    assert [line.split(" | ")[1].split()[0] for line in ranked] == ["example\\_filter", "example\\_gain"]
    leader, gain = (float(line.split(" | ")[4].replace("*", "").split()[0]) for line in ranked)
    assert float(ranked[1].split(" | ")[5].split()[0]) == pytest.approx(gain - leader, abs=0.011)


def test_the_report_the_table_and_the_figure_are_made(printed: str, place: Path, done: Mapping[str, Done]) -> None:
    text = (place / "out" / "report" / "example.md").read_text()
    assert "example\\_gain, FMQ 1:0, example_level_error: 9.03 dB (n = 12)" in text
    assert "Example table" in printed
    assert done["report"].returncode == 0, done["report"].stdout + done["report"].stderr
    assert (place / "figures" / "figures" / "example_points_pairs.svg").is_file()
