"""Systems in a process of their own: what they do costs the trial at fault, and nothing outlives them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.forked import INSTEAD_OF_SUBPROCESS
from helpers.processes import have_ended

from tsebench.bench.cost.measure import measure_cost
from tsebench.bench.inference import isolation, system_process
from tsebench.bench.inference.ask import Inference
from tsebench.bench.inference.batching import Item
from tsebench.bench.inference.isolation import Isolated, IsolatedOracle
from tsebench.bench.inference.open_system import close_system, open_system
from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.doctor.system_checks import check_system
from tsebench.systems.protocol import AnySystem
from tsebench.systems.registry import SYSTEMS

PLUG_IN = '''
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path

import torch

from tsebench.core.errors import CheckpointError, ExtractionError
from tsebench.systems.protocol import Extraction, SystemCard


class Plugged:
    """Half of the mixture; `script` says what else happens, by the last letter of a query's id."""

    def __init__(self, *, script: dict[str, str] = {}, build: str = "", device: str = "cpu"):
        self.net = torch.nn.Linear(3, 2)
        self.script, self.kept = script, None
        self.card = SystemCard(
            name="plugged", family="discriminative", description="x", classes=("a", "b")
        )
        self.do(build)

    def do(self, act):
        if act == "segfault":
            ctypes.string_at(0)
        if act == "exit":
            sys.exit(0)
        if act == "end":
            os._exit(3)
        if act == "hang":
            time.sleep(600)
        if act == "hold":
            ctypes.PyDLL(None).sleep(600)
        if act == "orphans":
            left = [subprocess.Popen(["sleep", "600"], start_new_session=apart) for apart in (False, True)]
            Path(__file__).parents[1].with_name("orphans").write_text(" ".join(str(each.pid) for each in left))
            os.kill(os.getpid(), signal.SIGKILL)
        if act == "close":
            os.closerange(0, 256)
        if act == "memory":
            raise torch.OutOfMemoryError
        if act == "refuse":
            raise ExtractionError("no answer")
        if act == "weights":
            raise CheckpointError("no weights")
        if act == "print":
            print("x" * 100_000, flush=True)
            os.write(1, bytes(100_000))
        if act == "spoil":
            os.chdir("/")
            torch.set_default_dtype(torch.float64)
            os.close(1)
        if act == "many" and self.size > 2:
            raise torch.OutOfMemoryError

    def extract(self, batch):
        self.size = len(batch.ids)
        estimate = 0.5 * batch.mixture[:, 0]
        for row, name in enumerate(batch.ids):
            act = self.script.get(name[-1], "")
            self.do(act)
            if act == "huge":
                estimate = torch.zeros(1).expand(len(estimate), 10**12)
            if act == "list":
                estimate = [row for row in estimate]
            if act == "kept":  # what it keeps of a batch must not change with the next
                before, self.kept = self.kept, batch.mixture
                estimate = estimate if before is None else estimate + before.abs().max()
        if any(self.script.get(name[-1]) == "failures" for name in batch.ids):
            return Extraction(
                estimate=estimate.double(),
                class_probabilities=torch.full((len(batch.ids), 2), 0.25),
                transcripts=("\\ud800",) * len(batch.ids),
                activity=torch.full((len(batch.ids), 12), 0.75),
                failures={name: "no clue" for name in batch.ids if self.script.get(name[-1]) == "failures"},
            )
        batch.mixture.zero_()
        return Extraction(estimate=estimate)


class Oracle:
    def __init__(self, *, device: str = "cpu") -> None:
        self.card = SystemCard(name="oracle", family="oracle", description="x", privileged=True)

    def extract_with_truth(self, batch, truths):
        return Extraction(estimate=[truth.target[0] for truth in truths])
'''
POINTS = """[tsebench.systems]
plugged = isolated_plug_in.plugged:Plugged
oracle_of_others = isolated_plug_in.plugged:Oracle
dies = isolated_plug_in.dies:Anything
leaves = isolated_plug_in.leaves:Anything
"""
LENGTHS = (900, 700, 900, 800)
Open = Callable[..., AnySystem]


def make_item(index: int, length: int) -> Item:
    noise = torch.randn(2, length, generator=torch.Generator().manual_seed(index))
    query = Query(id=f"t{index}", mixture=noise[:1], sample_rate_hz=8000, clues=Clues(enrollments=(noise[0, :50],)))
    return Item(index=index, query=query, truth=truth_of(noise))


def truth_of(noise: torch.Tensor) -> Truth:
    return Truth(target=noise[1:], interferers=noise[:1], active_classes=(), transcript=None)


ITEMS = [make_item(index, length) for index, length in enumerate(LENGTHS)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an installed package."""
    folder = tmp_path_factory.mktemp("site")
    package, metadata = folder / "isolated_plug_in", folder / "isolated_plug_in-1.0.dist-info"
    for path in (package, metadata):
        path.mkdir()
    (package / "__init__.py").touch()
    (package / "plugged.py").write_text(PLUG_IN)
    (package / "dies.py").write_text("import os; os.abort()")
    (package / "leaves.py").write_text("import sys; sys.exit(0)")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: isolated-plug-in\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(POINTS)
    return folder


@pytest.fixture
def plugged(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens plug-ins in processes that are forked, and closes them at the end."""
    monkeypatch.setattr(system_process, "subprocess", INSTEAD_OF_SUBPROCESS)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(SYSTEMS, "_plug_ins", None)
    monkeypatch.setattr(SYSTEMS, "_scanned", False)
    opened: list[AnySystem] = []

    def of(name: str = "plugged", **options: Any) -> AnySystem:
        settings = {key: options.pop(key) for key in ("isolation", "time_limit_s") if key in options}
        opened.append(open_system(name, device="cpu", options=options, **settings))
        return opened[-1]

    yield of
    for system in opened:
        close_system(system)
    assert not any(name.startswith("isolated_plug_in") for name in sys.modules)


def failures(system: AnySystem, *, batch_size: int = 4) -> dict[int, str]:
    """Reasons of failed trials; every other trial must have the right estimate."""
    answers = Inference(system, device="cpu", batch_size=batch_size).begin(ITEMS).finish()
    for item in ITEMS:
        estimate = answers[item.index].estimate
        if estimate is not None:
            torch.testing.assert_close(estimate, 0.5 * item.query.mixture[0])
    return {index: answer.failure for index, answer in answers.items() if answer.failure is not None}


def test_crashes_and_hangs_cost_the_trials_at_fault(plugged: Open) -> None:
    script = {"0": "segfault", "1": "hold", "2": "close", "3": "print"}
    found = failures(plugged(script=script, time_limit_s=1.0), batch_size=2)
    assert found[0] == "crashed: SIGSEGV"
    assert found[1] == "time_limit: no answer within 1 s; raise time_limit_s"
    assert found[2].startswith("crashed: ")
    assert set(found) == {0, 1, 2}


def test_what_needs_no_new_process(plugged: Open) -> None:
    system = plugged(script={"0": "exit", "1": "memory", "2": "spoil", "3": "huge"})
    process = system.host._process  # type: ignore[union-attr]
    assert failures(system) == {
        0: "SystemExit: 0",
        1: "out of memory",
        3: "estimate has 1000000000000 samples for mixtures of 800",
    }
    assert failures(system, batch_size=1).keys() == {0, 1, 3}
    assert system.host._process is process  # type: ignore[union-attr]


def test_answers_of_every_kind_come_back(plugged: Open) -> None:
    system = plugged(script={"0": "failures", "1": "list", "2": "refuse"})
    answers = Inference(system, device="cpu", batch_size=1).begin(ITEMS).finish()
    assert (answers[0].failure, answers[2].failure) == ("no clue", "no answer")
    both = Inference(system, device="cpu", batch_size=2).begin([ITEMS[0], ITEMS[3]]).finish()
    assert both[3].class_probabilities is not None
    assert both[3].class_probabilities.tolist() == [0.25, 0.25]
    assert both[3].activity is not None
    assert both[3].activity.tolist() == [0.75] * 10
    assert both[3].estimate is not None
    assert both[3].estimate.dtype == torch.float32


def test_memory_errors_halve_the_batch(plugged: Open) -> None:
    system = plugged(script=dict.fromkeys("0123", "many"))
    inference = Inference(system, device="cpu", batch_size=4)
    answers = inference.begin(ITEMS).finish()
    assert all(answer.failure is None for answer in answers.values())
    assert [len(batch) for batch in inference.bucket(ITEMS)] == [2, 2]


def test_what_a_system_keeps_of_a_batch_stays_as_it_was(plugged: Open) -> None:
    system = plugged(script={"0": "kept", "2": "kept"})
    answers = Inference(system, device="cpu", batch_size=1).begin([ITEMS[0], ITEMS[2]]).finish()
    expected = 0.5 * ITEMS[2].query.mixture[0]  # the first was zeroed after it was answered
    torch.testing.assert_close(answers[2].estimate, expected)


def test_an_oracle_gets_the_truth(plugged: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also that a process starts as it does outside of tests."""
    monkeypatch.setattr(system_process, "subprocess", subprocess)
    oracle = plugged("oracle_of_others")
    assert isinstance(oracle, IsolatedOracle)
    answers = Inference(oracle, device="cpu", batch_size=4).begin(ITEMS).finish()
    for item in ITEMS:
        assert item.truth.target is not None
        assert torch.equal(answers[item.index].estimate, item.truth.target[0])  # type: ignore[arg-type]


def test_batches_ahead(plugged: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inference, "batches_ahead", 1)
    assert failures(plugged(script={"1": "exit"}), batch_size=1) == {1: "SystemExit: 0"}


def test_doctor_and_cost(plugged: Open) -> None:
    system = plugged()
    results = {result.name: result for result in check_system(system, sample_rate_hz=8000, lengths_s=(0.3,))}
    assert results["lengths"].passed is False  # it changes the mixture in place
    cost = measure_cost(system, sample_rate_hz=8000, device="cpu", repeats=1)
    assert cost.params == 8
    assert cost.rtf is not None


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("plugged", {"build": "segfault"}, "system 'plugged' cannot be built: crashed: SIGSEGV"),
        ("plugged", {"build": "exit"}, "system 'plugged' cannot be built: SystemExit: 0"),
        ("plugged", {"nets": 3}, "system 'plugged': unknown key 'nets'"),
        ("dies", {}, "system 'dies' cannot be built: crashed: SIGABRT"),
        ("leaves", {}, "'leaves' .* cannot be loaded: SystemExit: 0"),
        ("pluggd", {}, "unknown system 'pluggd'"),
    ],
)
def test_a_system_that_cannot_be_built_is_one_error(
    plugged: Open, name: str, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        plugged(name, **options)


def test_errors_of_a_constructor_keep_their_kind(plugged: Open) -> None:
    with pytest.raises(CheckpointError, match=r"^no weights$"):
        plugged(build="weights")


def test_a_constructor_that_hangs(plugged: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "START_LIMIT_S", 0.2)
    with pytest.raises(ConfigError, match="cannot be built: time_limit"):
        plugged(build="hang", time_limit_s=0.2)


def test_shipped_systems_and_classes_of_the_script_stay_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    class Local:
        """Defined where no other process can import it."""

        def __init__(self, *, device: str = "cpu") -> None:
            raise SystemExit(0)

    monkeypatch.setitem(SYSTEMS._entries, "local", Local)
    assert not isinstance(open_system("mixture", device="cpu", options={}), Isolated)
    with pytest.raises(ConfigError, match="'local' cannot be built: SystemExit: 0"):
        open_system("local", device="cpu", options={})
    with pytest.raises(ConfigError, match="needs a class that can be imported"):
        open_system("local", device="cpu", options={}, isolation="process")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_what_a_system_started_ends_with_it(plugged: Open, site: Path) -> None:
    assert failures(plugged(script={"0": "orphans"}), batch_size=1) == {0: "crashed: SIGKILL"}
    group, apart = map(int, site.with_name("orphans").read_text().split())
    assert have_ended([group, apart])


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_the_process_ends_when_the_run_is_killed(site: Path) -> None:
    code = (
        "import os, signal; from tsebench.bench.inference.open_system import open_system\n"
        "system = open_system('plugged', device='cpu', options={})\n"
        "print(system.host._process._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert have_ended([int(done.stdout)])
