"""Broken plug-ins of every kind: one line that names package, problem and fix; all others are listed and work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.plug_ins import installed
from helpers.runs import make_run, rows_of

from tsebench.bench.scoring.plan import plan_metrics
from tsebench.cli.list import registries_of_plug_ins
from tsebench.cli.main import main
from tsebench.core.errors import ConfigError, OutputError
from tsebench.reports.formats.registry import write_board
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.systems.registry import load_system, register_system

MODULE = '''
from tsebench.bench.metrics.protocol import MetricInfo
from tsebench.systems.protocol import Extraction, SystemCard

class Good:
    """A good system."""
    def __init__(self, *, device="cpu"):
        self.card = SystemCard(name="good", family="external", description="x")
    def extract(self, batch):
        return Extraction(estimate=batch.mixture[:, 0])

class NoExtract:
    def __init__(self, *, device="cpu"): ...

class NoDevice(Good):
    def __init__(self): ...

class OtherExtract(Good):
    def extract(self, mixture, rate): ...

def no_card(*, device):
    system = Good()
    system.card = {"name": "good"}
    return system

class Empty:
    def __init__(self, *, name="", context=None): ...

class NeedsMore:
    def __init__(self, alpha): ...

class NoInfo(Empty):
    def signature(self, rate): ...
    def compute(self, signals): ...

class WrongInfo(NoInfo):
    info = "dB"

class OtherName(NoInfo):
    info = MetricInfo(name="loudness")

class Draws:
    count, sample_rate_hz, vocabulary = 2, 8000, ()
    def __init__(self, *, context): ...
    def draw(self, index): return {}["mixture"]

class NoCompute:
    info = "dB"
    def signature(self, rate): ...

class Task:
    net_config = Good
    def build(self, config): ...
    def loss(self, net, batch, criterion): ...

def takes_nothing(): ...
def takes_three(one, two, three): ...
def raises(board, out=None): return board.no_such_table
def yields(board): yield "no plot"
number = 5
task, no_task = Task(), Empty()
'''
WRONG = [
    ("systems", "number", "5 is no class or function"),
    (
        "systems",
        "NoExtract",
        "class NoExtract has no method extract(batch) or method extract_with_truth(batch, truths)",
    ),
    ("systems", "NoDevice", "class NoDevice takes (), but is called with (device=...)"),
    ("systems", "OtherExtract", "class OtherExtract.extract takes (mixture, rate), but is called as extract(batch)"),
    ("tasks", "Task", "Task is a class; register an object of it, Task()"),
    ("tasks", "task", "class Task.build takes (config), but is called as build(config, classes=...)"),
    ("tasks", "no_task", "class Empty has no attribute 'net_config'"),
    ("corpora", "Empty", "class Empty has no method recordings()"),
    ("corpora", "NeedsMore", "class NeedsMore takes (alpha), but is called with (name=...)"),
    ("builders", "Empty", "class Empty has no method draw(index)"),
    ("builders", "NeedsMore", "class NeedsMore takes (alpha), but is called with (context=...)"),
    ("metrics", "NeedsMore", "TypeError: NeedsMore.__init__() missing 1 required positional argument: 'alpha'"),
    ("metrics", "NoInfo", "class NoInfo has no attribute 'info'"),
    ("metrics", "WrongInfo", "its info is of type str, not MetricInfo"),
    (
        "metrics",
        "OtherName",
        "its info is called 'loudness', but it is registered as 'acme_OtherName': give both one name",
    ),
    (
        "metrics",
        "NoCompute",
        "class NoCompute has no method compute(signals) or method compute_file(estimate=..., reference=..., "
        "sample_rate_hz=...) or method judge(answers, sample_rate_hz=..., submit=...)",
    ),
    (
        "recognisers",
        "takes_nothing",
        "function takes_nothing takes (), but is called with (argument, device=..., grammar=..., batch_size=...)",
    ),
    ("reports", "takes_nothing", "function takes_nothing takes (), but is called with (board, out)"),
    ("figures", "takes_three", "function takes_three takes (one, two, three), but is called with (board)"),
    ("paper_tables", "number", "its table is of type int, not PaperTable"),
]
SOUND = {"systems": "Good", "reports": "raises", "figures": "raises", "builders": "Draws"}


@pytest.fixture(scope="module")
def _acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Package acme-tse with all of these, and sound ones with them."""
    site = tmp_path_factory.mktemp("site")
    (site / "acme_tse.py").write_text(MODULE)
    groups: dict[str, dict[str, str]] = {}
    for kind, registry in registries_of_plug_ins().items():
        names = [*(name for each, name, _ in WRONG if each == kind), *filter(None, [SOUND.get(kind)])]
        groups[registry.group] = {f"acme_{name}": f"acme_tse:{name}" for name in names}
    groups["tsebench.systems"] |= {"mixture": "acme_tse:Good", "acme_no_card": "acme_tse:no_card"}
    groups["tsebench.figures"] |= {"acme_yields": "acme_tse:yields"}
    groups["tsebench.builders"] = {"acme_mix": "acme_tse:Empty"}
    with installed(site, "acme-tse", groups):
        yield


acme = pytest.mark.usefixtures("_acme")


@acme
@pytest.mark.parametrize(("kind", "name", "problem"), WRONG)
def test_a_wrong_entry_is_one_line(kind: str, name: str, problem: str) -> None:
    registry = registries_of_plug_ins()[kind]
    with pytest.raises(ConfigError) as caught:
        registry.get(f"acme_{name}")
    line = str(caught.value)
    assert line.startswith(f"{registry.kind} plug-in 'acme_{name}' (acme_tse:{name}) of package 'acme-tse' ")
    assert f"cannot be used: {problem}; correct it (docs/plugins.md) or uninstall 'acme-tse'" in line


@acme
def test_others_are_listed_and_the_broken_ones_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["list", "systems"])
    assert not end.value.code
    out, errors = capsys.readouterr()
    names = [line.split()[0] for line in out.splitlines()]
    assert {"acme_Good", "mixture", "td_speakerbeam"} <= set(names)
    assert "acme_NoExtract" not in names
    assert errors.count("tsebench: warning: system plug-in") == 5
    assert "plug-in 'mixture' (acme_tse:Good) of package 'acme-tse' cannot be used: tsebench has a system" in errors


@acme
def test_a_group_that_nothing_reads_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["list", "plugins"])
    out, errors = capsys.readouterr()
    assert re.search(r"^acme_Good +system of acme-tse 1\.0: acme_tse:Good$", out, re.MULTILINE)
    assert "nothing reads the entry-point group 'tsebench.builders'; write 'tsebench.datasets'" in errors


@acme
@pytest.mark.parametrize("topic", ["metric acme_NoInfo", "system acme_NoExtract", "builder acme_NeedsMore"])
def test_explain_names_the_fix(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["explain", *topic.split()])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "of package 'acme-tse' cannot be used: " in error


@acme
def test_the_doctor_names_them(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("tsebench.doctor.machine.check_machine", lambda _: [])
    with pytest.raises(SystemExit) as end:
        main(["doctor"])
    assert end.value.code == 2
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("PROBLEM  plug-in: ") for line in lines)
    assert len(lines) > len(WRONG) > 0
    assert sum("of package 'acme-tse' cannot be used: " in line for line in lines) == len(lines) - 1
    assert "nothing reads the entry-point group 'tsebench.builders'" in lines[-1]


@acme
def test_what_a_function_makes_is_checked_before_a_run() -> None:
    with pytest.raises(ConfigError, match="'acme_no_card' cannot be used: its card is of type dict, not SystemCard"):
        load_system("acme_no_card")


def test_a_class_of_a_notebook_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from tsebench.systems.registry import SYSTEMS

    monkeypatch.setattr(SYSTEMS, "_entries", dict(SYSTEMS._entries))
    register_system("notebook")(lambda device: object())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"system 'notebook' cannot be used: class object has no attribute 'card'"):
        load_system("notebook")


@acme
def test_a_plan_with_other_metrics_goes_on() -> None:
    assert plan_metrics(["si_sdr"]).names
    with pytest.raises(ConfigError, match="metric plug-in 'acme_NoInfo'"):
        plan_metrics(["acme_NoInfo"])
    with pytest.raises(ConfigError, match=r"unknown metric 'acme_x'.*; plug-ins that cannot be used: acme_NeedsMore,"):
        plan_metrics(["acme_x"])


@acme
def test_a_report_that_raises_costs_itself(tmp_path: Path) -> None:
    board = open_board([make_run(tmp_path / "run", rows_of([1.0, 2.0, 3.0]))])
    problem = "report 'acme_raises' of package 'acme-tse': AttributeError: .*every other format was written to"
    with pytest.raises(OutputError, match=problem):
        write_board(board, tmp_path / "out", ["acme_raises", "csv"])
    assert list((tmp_path / "out").glob("*.csv"))


@acme
def test_code_that_raises_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "set.yaml"
    config.write_text("{name: a, builder: acme_Draws, split: test, corpora: {}, params: {}}")
    command = ["build", str(config), "--out", str(tmp_path / "sets")]
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 2
    line = "tsebench: package 'acme-tse' raised KeyError: 'mixture' (acme_tse line "
    assert capsys.readouterr().err.splitlines()[-1].startswith(line)
    monkeypatch.setenv("TSEBENCH_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main(command)


@acme
def test_a_figure_that_raises_is_left_out_with_the_reason(tmp_path: Path) -> None:
    board = open_board([make_run(tmp_path / "run", rows_of([1.0, 2.0, 3.0]))])
    options = {"figures": {"only": ("acme_raises", "acme_yields", "box"), "files": ("svg",)}}
    written = write_board(board, tmp_path, ["figures"], options)
    assert any(path.name.startswith("box_") for path in written)
    index = (tmp_path / "figures" / "figures.md").read_text()
    assert "acme_raises, all that follow: package 'acme-tse' raised AttributeError" in index
    assert "acme_yields, one: package 'acme-tse' raised AttributeError" in index.replace("\\_", "_")
