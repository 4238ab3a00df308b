"""Run configs: what they mean, and what the one line says when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tsebench.bench.config import RunConfig, check_titles, load_run_config
from tsebench.bench.scoring.plan import MetricSpec
from tsebench.core.config_files import shipped_names
from tsebench.core.errors import ConfigError
from tsebench.core.provenance import resolve_device, versions

GOOD = "name: x\ndatasets: [mini_sounds]\nsystems: [mixture]\n"


def load(tmp_path: Path, text: str) -> RunConfig:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return load_run_config(str(path))


def test_defaults_and_bare_names(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    assert config.datasets[0].dataset == "mini_sounds"
    assert config.datasets[0].metrics is None
    assert config.systems[0].name == config.systems[0].title == "mixture"
    assert [spec.name for spec in config.metrics] == ["sdri", "si_sdri"]
    assert (config.batch_size, config.keep_estimates, config.seed) == (8, False, 0)


def test_everything_spelt_out(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        name: x
        datasets:
          - mini_speech
          - {dataset: mini_sounds, metrics: [snri], systems: [beam]}
        systems:
          - {name: soundbeam, label: beam, options: {checkpoint: soundbeam_mini_1hot}}
          - silence
        metrics: [sdri]
        batch_size: 2
        bootstrap: {resamples: 10, level: 0.9}
        """,
    )
    assert [spec.title for spec in config.systems] == ["beam", "silence"]
    assert config.systems[0].options == {"checkpoint": "soundbeam_mini_1hot"}
    assert config.datasets[1].metrics == (MetricSpec(name="snri"),)
    assert config.datasets[1].systems == ("beam",)
    assert config.bootstrap.level == 0.9
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_configs_are_right(name: str) -> None:
    assert load_run_config(name).datasets


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD + "metric: [sdri]", "unknown key 'metric'; did you mean 'metrics'? (known: batch_"),
        (GOOD + "batchsize: 3", "unknown key 'batchsize'; did you mean 'batch_size'?"),
        (GOOD + "bootstrap: {levle: 0.9}", "unknown key 'bootstrap.levle'; did you mean 'level'?"),
        (
            "name: x\ndatasets: [{dataset: a, metric: [b]}]\nsystems: [c]",
            "unknown key 'datasets.0.metric'; did you mean 'metrics'? (known: dataset, metrics, ",
        ),
        (
            "name: x\ndatasets: [a]\nsystems: [{name: c, option: {}}]",
            "unknown key 'systems.0.option'; did you mean 'options'? (known: adapt, ",
        ),
        ("name: x\ndatasets: [a]", "key 'systems' is missing; add it"),
        ("name: x\ndatasets: [{metrics: [a]}]\nsystems: [c]", "key 'datasets.0.dataset' is missing; add it"),
        (GOOD + "batch_size: 0", "batch_size = 0: must be 1 or more"),
        (GOOD + "batch_size: many", "batch_size = 'many': must be a whole number"),
        (GOOD + "keep_estimates: 7", "keep_estimates = 7: must be true or false"),
        (GOOD + "metrics: 3", "metrics = 3: must be a list, such as [a, b]"),
        (GOOD + "metrics: []", "metrics = []: must be a list of at least 1 entry"),
        (GOOD + "bootstrap: {level: 1.5}", "bootstrap.level = 1.5: must be less than 1"),
        ("name: x\ndatasets: []\nsystems: [c]", "datasets = []: must be a list of at least 1"),
        ("name: x\ndatasets: 3\nsystems: [c]", "datasets = 3: must be a list, such as [a, b]"),
        ("name: x\ndatasets: [a]\nsystems: [3]", "systems.0 = 3: must be keys with values"),
        ("name: a/b\ndatasets: [a]\nsystems: [c]", "name = 'a/b': must be a name of letters, digits and _ . + -"),
        (
            "name: x\ndatasets: [{dataset: a, metrics: []}]\nsystems: [c]",
            "datasets.0.metrics = []: must be a list of at least 1 entry",
        ),
        (
            "name: x\ndatasets: [a]\nsystems: [c, {name: d, label: c}]",
            "2 systems are called 'c'; give each its own `label`",
        ),
        (
            "name: x\ndatasets: [{dataset: a, systems: [mixtur]}]\nsystems: [mixture]",
            "dataset 'a' names system 'mixtur'; did you mean 'mixture'? (known: mixture)",
        ),
        (
            "name: x\ndatasets: [{dataset: a, systems: [c, c]}]\nsystems: [c]",
            "dataset 'a' names system 'c' 2 times; name it once",
        ),
        (GOOD + "a: [", "is not YAML: while parsing a flow node"),
        ("- a\n- b\n", "must hold `key: value` lines at its top level"),
        ("", "must hold `key: value` lines at its top level"),
    ],
)
def test_a_wrong_config_is_told_in_one_line(text: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert "run.yaml" in message
    assert line in message


def test_several_problems_are_counted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\(and 2 more problems\)"):
        load(tmp_path, GOOD + "a: 1\nb: 2\nc: 3")


def test_an_unknown_config_suggests_a_shipped_one() -> None:
    with pytest.raises(ConfigError, match=r"no config 'quikstart'.*did you mean 'quickstart'"):
        load_run_config("quikstart")


def test_titles_are_checked_where_there_is_no_file() -> None:
    config = RunConfig.model_validate({"name": "n", "datasets": ["a"], "systems": ["b", "b"]})
    with pytest.raises(ConfigError, match="here: 2 systems are called 'b'"):
        check_titles(config, where="here")


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "", "meta"])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown device .* \(known: auto, cpu, cuda, cuda:N\)"):
        resolve_device(device)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    with pytest.raises(ConfigError, match=r"'cuda:1' is not available, .* no GPUs.*--device cpu"):
        resolve_device("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [resolve_device(name) for name in ("auto", "cuda", "cuda:1")] == ["cuda", "cuda", "cuda:1"]
    with pytest.raises(ConfigError, match="torch sees 2 GPUs here; use cuda:0 to cuda:1"):
        resolve_device("cuda:2")


def test_versions_name_what_values_depend_on() -> None:
    found = versions()
    assert found["torch"] == torch.__version__
    assert {"python", "tsebench", "numpy", "scipy", "soxr", "pesq", "pystoi"} <= set(found)
    assert "not installed" not in found.values()


def test_a_string_is_a_list_of_one_or_of_names(tmp_path: Path) -> None:
    config = load(tmp_path, "name: x\ndatasets: mini_sounds\nsystems: mixture\nmetrics: sdri, si_sdr")
    assert [spec.dataset for spec in config.datasets] == ["mini_sounds"]
    assert [spec.name for spec in config.systems] == ["mixture"]
    assert [spec.name for spec in config.metrics] == ["sdri", "si_sdr"]
