"""`tsebench.evaluate`: configs, systems and datasets as names, contents or objects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import tsebench
from tsebench.bench.run.record import read_record
from tsebench.datasets.dataset import Dataset

SMALL = {"params.count": 2, "params.duration_s": 1.0, "params.event_s": [0.3, 0.6]}
FAST = {"measure_cost": False}


class Half:
    """A system of a notebook, without a card."""

    def __init__(self, gain: float = 0.5) -> None:
        self.gain = torch.tensor(gain)

    def extract(self, batch: tsebench.QueryBatch) -> tsebench.Extraction:
        return tsebench.Extraction(estimate=self.gain * batch.mixture[:, 0])


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return tsebench.load_dataset("mini_sounds", settings=SMALL)


def evaluate(*arguments: Any, **more: Any) -> tsebench.Results:
    return tsebench.evaluate(*arguments, **{"settings": FAST, "device": "cpu", "jobs": 1, **more})


def test_a_system_by_name_on_a_dataset_in_memory(dataset: Dataset) -> None:
    results = evaluate("mixture", datasets=dataset, metrics="snri,si_sdr")
    assert results.out == Path.cwd() / "runs" / "mixture_on_mini_sounds"
    assert set(results.rows["metric"]) == {"snr", "snri", "si_sdr"}
    assert (results.trials, results.failed_trials) == (8, 0)
    record = read_record(results.out)
    assert record is not None
    assert record.datasets["mini_sounds"].fingerprint == dataset.card.fingerprint
    # Reports find the audio in the run folder.
    assert tsebench.load_dataset(results.out / "datasets" / "mini_sounds").card == dataset.card


def test_the_same_run_by_config_path_dict_and_objects(dataset: Dataset, tmp_path: Path) -> None:
    tsebench.build("mini_sounds", out=tmp_path / "sets", settings=SMALL)
    config = {"name": "run", "datasets": ["sets/mini_sounds"], "systems": ["mixture"], "metrics": "snri", **FAST}
    (tmp_path / "run.yaml").write_text(
        "name: run\ndatasets: [sets/mini_sounds]\nsystems: [mixture]\nmetrics: [snri]\nmeasure_cost: false\n"
    )
    found = [
        tsebench.evaluate(config, out="a", jobs=1),
        tsebench.evaluate("run.yaml", out="b", jobs=1),
        tsebench.evaluate(tmp_path / "run.yaml", out="c", jobs=1),
        tsebench.evaluate(tsebench.RunConfig.model_validate({**config, "metrics": ["snri"]}), out="d", jobs=1),
        tsebench.evaluate({**config, "datasets": [dataset]}, out="e", jobs=1),
        tsebench.evaluate("run.yaml", datasets=dataset, out="f", jobs=1),
        tsebench.evaluate("quickstart", systems="mixture", datasets=dataset, metrics="snri", settings=FAST, out="g"),
    ]
    columns = ["system", "dataset", "trial_id", "metric", "signature", "value"]
    for other in found[1:]:
        pd.testing.assert_frame_equal(other.rows[columns], found[0].rows[columns])
    assert [each.record.name for each in found] == ["run"] * 6 + ["quickstart"]


def test_objects_with_and_without_a_card(dataset: Dataset) -> None:
    loaded = tsebench.load_system("silence")
    results = evaluate([Half(), loaded, {"name": "mixture", "label": "input"}], datasets=dataset[:2], metrics="snr")
    assert set(results.rows["system"]) == {"Half", "silence", "input"}
    assert len(results.notes) == 2
    line = "'Half': no scores are reused, because it was given as an object"
    assert line in results.notes[0]
    assert line in str(results)
    labelled = evaluate(systems={"a": Half(0.5), "b": Half(2.0)}, datasets=dataset[:2], metrics="snr")
    means = labelled.means()["snr"].unstack()
    assert (means["a"] > means["b"]).all()


def test_an_object_that_changed_gets_no_old_score(dataset: Dataset) -> None:
    system, part = Half(0.5), dataset[:2]
    first = evaluate(system, datasets=part, metrics="snr", out="run")
    system.gain.fill_(2.0)
    second = evaluate(system, datasets=part, metrics="snr", out="run")
    assert (second.rows["value"] < first.rows["value"]).all()
    loaded = tsebench.load_system("mixture")
    before = evaluate(loaded, datasets=part, metrics="snr", out="loaded").rows["value"]
    loaded.extract = Half(2.0).extract  # type: ignore[method-assign, union-attr]
    assert (evaluate(loaded, datasets=part, metrics="snr", out="loaded").rows["value"] < before).all()


def test_metrics_and_systems_given_replace_those_of_a_dataset(dataset: Dataset) -> None:
    spec = {"dataset": "mini_sounds", "metrics": ["si_sdr"], "systems": ["silence"]}
    config = {"name": "x", "datasets": [spec], "systems": ["silence"]}
    with pytest.raises(tsebench.ConfigError, match="did you mean 'snr'"):
        evaluate(config, systems="mixture", metrics="snnr")
    results = evaluate(config, systems="mixture", metrics="snr", datasets=dataset[:1])
    assert set(results.rows["metric"]) == {"snr"}


class Bare:
    """Returns the estimates alone."""

    def extract(self, batch: tsebench.QueryBatch) -> torch.Tensor:
        return batch.mixture[:, 0]


def test_estimates_alone_are_an_answer(dataset: Dataset) -> None:
    results = evaluate([Bare(), "mixture"], datasets=dataset[:2], metrics="snr")
    values = results.rows.pivot_table(index="trial_id", columns="system", values="value")
    assert values["Bare"].equals(values["mixture"].rename("Bare"))


class OtherCall:
    def extract(self, mixture: torch.Tensor, enrollment: torch.Tensor) -> torch.Tensor:
        return mixture


class OtherCard(Bare):
    card = "other"


HELP = "evaluate takes a config"


@pytest.mark.parametrize(
    ("arguments", "more", "line"),
    [
        ((), {}, HELP),
        ((3,), {}, f"3 of type int is no config; {HELP}"),
        (("quikstart",), {}, "did you mean 'quickstart'"),
        (("mixture",), {}, "'mixture' is a system: add datasets"),
        ((Half(),), {}, "needs datasets: add for example datasets='mini_speech'"),
        ((Half,), {"datasets": "mini_sounds"}, r"give an instance: Half\(\)"),
        (("mixtur",), {"datasets": "mini_sounds"}, "neither a system nor a config; did you mean 'mixture'"),
        (("mixture",), {"datasets": "mini_sonds"}, "did you mean 'mini_sounds'"),
        (("mixture",), {"datasets": 3}, "3 of type int is no dataset"),
        (("mixture",), {"datasets": [3]}, "3 of type int is no dataset"),
        (("mixture",), {"datasets": "mini_sounds", "metrics": "si_sdrr"}, "did you mean 'si_sdr'"),
        (("mixture",), {"datasets": "mini_sounds", "metrics": ["snr", 3]}, "3 is not the name of a metric"),
        (("mixture",), {"datasets": "mini_sounds", "systems": "silence"}, "put all in one list"),
        (("mixture",), {"datasets": "mini_sounds", "device": "gpu"}, "unknown device 'gpu'"),
        (("mixture",), {"datasets": "mini_sounds", "settings": {"batchsize": 2}}, "did you mean 'batch_size'"),
        (([Half(), Half()],), {"datasets": "mini_sounds"}, "two systems are called 'Half'"),
        (([3],), {"datasets": "mini_sounds"}, "3 of type int is no system"),
        ((OtherCall(),), {"datasets": "mini_sounds"}, r"takes \(mixture, enrollment\), but is called with \(batch\)"),
        ((OtherCard(),), {"datasets": "mini_sounds"}, "its card is of type str, not SystemCard"),
        (({"name": "x"},), {}, "key 'datasets' is missing"),
        (({"nme": "x", "systems": ["mixture"], "datasets": ["mini_sounds"]},), {}, "did you mean 'name'"),
        ((Path("nope.yaml"),), {}, "no config 'nope.yaml'"),
        (("mixture",), {"datasets": "mini_sounds", "corpora": 3}, "not a mapping from names to folders"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(arguments: tuple[Any, ...], more: dict[str, Any], line: str) -> None:
    with pytest.raises(tsebench.ConfigError, match=line) as caught:
        tsebench.evaluate(*arguments, **more)
    assert len(str(caught.value)) < 500


def test_a_dataset_alone_is_no_run(dataset: Dataset) -> None:
    with pytest.raises(tsebench.ConfigError, match=r"is a dataset, not a config or a system; write evaluate\(system"):
        tsebench.evaluate(dataset)  # type: ignore[arg-type]


def test_a_folder_of_another_run_is_refused_in_words_of_python(dataset: Dataset) -> None:
    evaluate("mixture", datasets=dataset[:1], metrics="snr", out="here")
    with pytest.raises(tsebench.OutputError, match=r"choose another with out=, or empty it with fresh="):
        evaluate("quickstart", systems="mixture", datasets=dataset[:1], metrics="snr", out="here")


def test_results_are_shown_and_reported(dataset: Dataset) -> None:
    results = evaluate(["mixture", "silence"], datasets=dataset[:2], metrics="snr")
    assert repr(results).startswith(
        "<Results mixture-silence_on_mini_sounds: mixture, silence on mini_sounds; 4 trials;"
    )
    assert "mini_sounds" in str(results)
    assert results._repr_html_().count("<table>") == 2
    assert set(results.to_frame()["system"]) == {"mixture", "silence"}
    assert results.report(formats="md,csv")[0].name == "report.md"
    assert (Path.cwd() / "runs/mixture-silence_on_mini_sounds/report/report.md").is_file()
    with pytest.raises(tsebench.UnknownNameError, match="unknown report 'pdf'"):
        results.report(formats="pdf")
    assert repr(results.record).startswith("<run mixture-silence_on_mini_sounds (")
    folders = ["runs/mixture-silence_on_mini_sounds"]
    assert str(tsebench.leaderboard(folders)) == str(tsebench.leaderboard(folders[0])) == str(results)


@pytest.mark.parametrize(
    ("given", "line"),
    [(3, "a run folder is a path, not int"), ([], "no run folder given"), ("runs/none", "does not exist")],
)
def test_no_run_folder_is_one_line(given: Any, line: str) -> None:
    for read in (tsebench.read_rows, tsebench.leaderboard):
        with pytest.raises(tsebench.ConfigError, match=line):
            read(given)


SCRIPT = """
import tsebench
from tsebench.bench.metrics.protocol import MetricInfo

@tsebench.register_metric("peak")
class Peak:
    info = MetricInfo(name="peak")
    def signature(self, sample_rate_hz):
        return "peak|1"
    def compute_file(self, *, estimate, reference, sample_rate_hz):
        return float(abs(estimate).max())

class Half:
    def extract(self, batch):
        return tsebench.Extraction(estimate=0.5 * batch.mixture[:, 0])

@tsebench.register_system("registered")
class Registered(Half):
    def __init__(self, *, device="cpu"):
        self.card = tsebench.SystemCard(name="registered", family="discriminative", description="half")

results = tsebench.evaluate([Half(), "registered"], datasets="sets/mini_sounds", metrics="peak,stoi", jobs=2)
failed = results.rows[results.rows["status"] == "failed"]
assert failed.empty, failed[["system", "metric", "reason"]]
"""


@pytest.mark.long
def test_a_script_on_standard_input_needs_no_main_guard(dataset: Dataset, tmp_path: Path) -> None:
    tsebench.build("mini_sounds", out=tmp_path / "sets", settings={**SMALL, "params.count": 1})
    done = subprocess.run(
        [sys.executable, "-"], input=SCRIPT, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_arguments_for_rows_are_refused_with_folders() -> None:
    with pytest.raises(tsebench.ConfigError, match=r"^level, seed: the configs of the run folders say that"):
        tsebench.leaderboard("runs/x", level=0.9, seed=1)
