"""A system of another package: installed by pip, found by its entry point, run and checked."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tsebench import read_rows

HERE = Path(__file__).parent / "example_package"
DATASET = """\
name: two
builder: speech_mix
split: test
corpora:
  speech: {kind: synthetic_speech}
params: {count: 2, mode: min, speech: {corpus: speech}}
"""
RUN = """\
name: example
datasets: [{dataset: two.yaml, metrics: [si_sdr, snr]}]
systems: [mixture, {name: example_gain, options: {gain: 0.25}}]
"""

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """`tsebench ...` in a place where the example is installed."""
    place = tmp_path_factory.mktemp("example")
    # pip builds inside of the source folder.
    source = shutil.copytree(HERE, place / "source")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    install += ["--no-build-isolation", "--target", str(place / "site"), str(source)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (place / "two.yaml").write_text(DATASET)
    (place / "run.yaml").write_text(RUN)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tsebench", *words],
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(place / "site"), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_class_has_at_most_fifteen_lines():
    tree = ast.parse((HERE / "tsebench_example.py").read_text())
    (example,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    docstrings = [n for n in ast.walk(example) if isinstance(n, ast.ClassDef | ast.FunctionDef)]
    documented = sum(n.body[0].end_lineno - n.body[0].lineno + 1 for n in docstrings if ast.get_docstring(n))
    blank = 2
    assert example.end_lineno - example.lineno + 1 - documented - blank <= 15


def test_it_is_listed(command):
    done = command("list", "systems")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "example_gain" in line)
    assert "The mixture times a gain; put a network in its place." in line


def test_the_doctor_passes_it(command):
    done = command("doctor", "example_gain", "--option", "gain=0.25")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "batch_invariance" in done.stdout
    wrong = command("doctor", "example_gain", "--option", "gain=loud")
    assert wrong.returncode == 2
    assert "example_gain" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_it_runs(command, tmp_path):
    out = tmp_path / "out"
    done = command("run", "run.yaml", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = read_rows(out)
    values = rows.pivot_table(index="trial_id", columns=["system", "metric"], values="value")
    assert len(values) == 4
    gained, plain = values["example_gain"], values["mixture"]
    assert (gained["si_sdr"] - plain["si_sdr"]).abs().max() < 1e-3
    # ‖s − g (s + n)‖² / ‖s‖² = (1 − g)² + g² ‖n‖² / ‖s‖², but for the product of two voices.
    noise = 10 ** (-plain["snr"] / 10)
    expected = -10 * np.log10(0.75**2 + 0.25**2 * noise)
    assert (gained["snr"] - expected).abs().max() < 0.3
