"""A model that changed never gets the scores or the kept estimates of an earlier one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.forked import INSTEAD_OF_SUBPROCESS

from tsebench.bench.config import RunConfig
from tsebench.bench.inference import system_process
from tsebench.bench.rows import read_rows
from tsebench.bench.run.record import read_record, write_record
from tsebench.bench.run.runner import RunOptions, run
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.types import Query, Truth
from tsebench.systems.registry import SYSTEMS

SET: dict[str, Any] = {
    "name": "speech",
    "builder": "speech_mix",
    "corpora": {"speech": {"kind": "synthetic_speech"}},
    "params": {"count": 2, "sample_rate_hz": 8000, "n_speakers": 2, "mode": "min", "speech": {"corpus": "speech"}},
}
RunPackage = Callable[..., tuple[float, list[str]]]
# A WAVE file of 32-bit floats, which is read without a library: imports would take longer than all else.
INFER = """\
import sys
from array import array
gain = float(open({weights}).read())
sound = open(sys.argv[1], "rb").read()
assert sound[20] == 3
begin = sound.index(b"data") + 8
signal = array("f", (gain * sample for sample in array("f", sound[begin:])))
open(sys.argv[2], "wb").write(sound[:begin] + signal.tobytes())
with open({calls!r}, "a") as file: file.write("x")
"""


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "speech"
    build(DatasetConfig.model_validate(SET), folder, corpus_dirs={})
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TSEBENCH_CORPORA", "")
    monkeypatch.setattr(system_process, "subprocess", INSTEAD_OF_SUBPROCESS)


class Program:
    """A program that multiplies by the number in a file, and counts its calls."""

    def __init__(self, folder: Path, weights: Path, speech: Path) -> None:
        self.weights, self.speech, self._calls = weights, speech, folder.parent / "calls"
        folder.mkdir()
        weights.parent.mkdir(exist_ok=True)
        self.infer = folder / "infer me.py"
        self.infer.write_text(INFER.format(weights=repr(str(weights)), calls=str(self._calls)))
        self.said: list[str] = []

    @property
    def calls(self) -> int:
        """Queries since the last look."""
        count = len(self._calls.read_text()) if self._calls.exists() else 0
        self._calls.unlink(missing_ok=True)
        return count

    def gain(self, out: Path, gain: float | None = None, *, fresh: bool = False, **more: Any) -> float:
        """Run with a gain in the file, and the gain that the rows show: 1 − e for an error of e times the mixture."""
        if gain is not None:
            self.weights.write_text(str(gain))
        self.said = []
        keys = {key: more.pop(key) for key in ("depends", "cache") if key in more}
        options = {"program": [sys.executable, str(self.infer), "{mixture}", "{output}"], **more}
        system = {"name": "command", "label": "net", "options": options, **keys}
        config = RunConfig.model_validate(
            {"name": "x", "metrics": ["snr"], "datasets": [str(self.speech)], "systems": ["mixture", system],
             "keep_estimates": True, "measure_cost": False}
        )  # fmt: skip
        how = RunOptions(out=out, device="cpu", jobs=0, chunk_trials=2, fresh=fresh, say=self.said.append)
        run(config, how)
        return gain_of(out, self.speech)


def gain_of(out: Path, speech: Path) -> float:
    """The gain that the SNR of all trials in the rows of `net` shows."""
    rows = read_rows(out).query("metric == 'snr' and system == 'net'").set_index("trial_id")["value"]
    found = []
    for gain in (0.5, 0.25, 2.0):
        for query, truth in _trials(speech):
            assert truth.target is not None
            error = truth.target[0] - gain * query.mixture[0]
            snr_db = 10 * np.log10(float(truth.target.square().sum() / error.square().sum()))
            found += [gain] if abs(rows[query.id] - snr_db) < 1e-3 else []
    assert len(found) == len(rows) == 4
    assert len(set(found)) == 1
    return found[0]


@cache
def _trials(speech: Path) -> list[tuple[Query, Truth]]:
    return list(load_dataset(speech))


@pytest.fixture(params=["own folder", "elsewhere"])
def program(request: pytest.FixtureRequest, tmp_path: Path, speech: Path) -> Program:
    place = tmp_path / ("my code" if request.param == "own folder" else "far")
    return Program(tmp_path / "my code", place / "weights.txt", speech)


def test_changed_weights_that_nobody_names(program: Program, tmp_path: Path) -> None:
    assert program.gain(tmp_path / "a", 0.5) == 0.5
    assert "may read files that are not named" in program.said[0]
    assert program.gain(tmp_path / "a", 0.25) == 0.25
    assert program.gain(tmp_path / "b", 2.0) == 2.0
    assert program.gain(tmp_path / "a") == 2.0
    assert len(program.said) == 1


def test_depends_reuses_until_something_changes(tmp_path: Path, speech: Path) -> None:
    program = Program(tmp_path / "code", tmp_path / "far" / "weights.txt", speech)
    for depends in ({"depends": [str(tmp_path / "far")]}, {"depends": [str(tmp_path / "far" / "weights.txt")]}):
        assert program.gain(tmp_path / "a", 0.5, **depends) == 0.5
        assert program.calls
        assert program.said == []
        assert program.gain(tmp_path / "a", **depends) == 0.5
        assert program.calls == 0
        assert program.gain(tmp_path / "a", 0.25, **depends) == 0.25
        assert program.calls == 4


def test_cache_true_reuses_and_false_never(tmp_path: Path, speech: Path) -> None:
    program = Program(tmp_path / "code", tmp_path / "far" / "weights.txt", speech)
    assert program.gain(tmp_path / "a", 0.5, cache=True) == 0.5
    assert program.calls == 4
    assert program.gain(tmp_path / "a", cache=True) == 0.5
    assert program.calls == 0
    assert program.gain(tmp_path / "a", cache=False) == 0.5
    assert program.calls == 4
    assert "`cache: false`" in program.said[0]


def test_nothing_that_was_not_trusted_is_in_the_cache_later(tmp_path: Path, speech: Path) -> None:
    program = Program(tmp_path / "code", tmp_path / "far" / "weights.txt", speech)
    assert program.gain(tmp_path / "a", 0.5) == 0.5
    assert program.gain(tmp_path / "b", 0.25, cache=True) == 0.25


def test_an_interrupted_run_says_what_it_took_over(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "a"
    assert program.gain(out, 0.5) == 0.5
    assert program.calls == 4
    record = read_record(out)
    assert record is not None
    write_record(out, record.model_copy(update={"trials": None, "failed_trials": None}))  # as after a kill
    next((out / "rows").glob("part-speech-net-*")).unlink()
    wav = next(iter((out / "estimates" / "speech").glob("net-*/*.wav")))
    assert program.gain(out) == 0.5
    assert program.calls == 0
    assert len(program.said) == 1
    assert "4 of 4 trials are taken over from the interrupted run" in program.said[0]
    assert "--fresh" in program.said[0]
    before = wav.read_bytes()
    assert program.gain(out, fresh=True) == 0.5
    assert wav.read_bytes() == before


def test_an_interrupted_run_of_another_state_takes_over_nothing(tmp_path: Path, speech: Path) -> None:
    program = Program(tmp_path / "code", tmp_path / "code" / "weights.txt", speech)
    out = tmp_path / "a"
    program.gain(out, 0.5)
    record = read_record(out)
    assert record is not None
    write_record(out, record.model_copy(update={"trials": None, "failed_trials": None}))
    next((out / "rows").glob("part-speech-net-*")).unlink()
    assert program.gain(out, 0.25) == 0.25


# Classes of other packages ------------------------------------------------------------------------


@pytest.fixture
def run_package(
    tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[float, list[str]]]:
    """Writes a package of two files, and runs it in a folder; its gain as the rows show it."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    package = tmp_path / "site" / "changed_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from tsebench.systems.protocol import Extraction, SystemCard\nfrom .net import gain\n"
        "class Net:\n    def __init__(self, *, device='cpu', w: str = ''):\n        self.w = w\n"
        "        self.card = SystemCard(name='net', family='external', description='')\n"
        "    def extract(self, batch):\n        return Extraction(estimate=gain(self.w) * batch.mixture[:, 0])\n"
    )

    def go(out: Path, net: str, **options: Any) -> tuple[float, list[str]]:
        (package / "net.py").write_text(net)
        for name in [name for name in sys.modules if name.startswith("changed_package")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        monkeypatch.setitem(SYSTEMS._entries, "net", importlib.import_module("changed_package").Net)
        said: list[str] = []
        system = {"name": "net", "options": options}
        config = RunConfig.model_validate(
            {"name": "x", "metrics": ["snr"], "datasets": [str(speech)], "systems": ["mixture", system],
             "measure_cost": False, "isolation": "none", "keep_estimates": True}
        )  # fmt: skip
        run(config, RunOptions(out=out, device="cpu", jobs=0, say=said.append))
        return gain_of(out, speech), said

    return go


def test_a_package_of_two_files(run_package: RunPackage, tmp_path: Path) -> None:
    half, quarter = "def gain(w): return 0.5\n", "def gain(w): return 0.25\n"
    assert run_package(tmp_path / "a", half) == (0.5, [])
    assert run_package(tmp_path / "a", quarter) == (0.25, [])
    assert run_package(tmp_path / "b", half) == (0.5, [])
    assert run_package(tmp_path / "b", quarter) == (0.25, [])


def test_weights_by_option_and_by_environment(
    run_package: RunPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "w.txt"
    by_option = "from pathlib import Path\ndef gain(w): return float(Path(w).read_text())\n"
    by_environment = by_option.replace("Path(w)", "Path(os.environ['NET_WEIGHTS'])") + "import os\n"
    monkeypatch.setenv("NET_WEIGHTS", str(weights))
    for net, options in ((by_option, {"w": str(weights)}), (by_environment, {})):
        for gain in (0.5, 0.25, 2.0):
            weights.write_text(str(gain))
            assert run_package(tmp_path / "a", net, **options)[0] == gain
        assert run_package(tmp_path / "b", net, **options)[0] == 2.0
    (line,) = run_package(tmp_path / "a", by_environment)[1]
    assert "reads the user's environment (environ)" in line
