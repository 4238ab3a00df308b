"""`--set KEY=VALUE` and the scales of a config: replaced keys, and error messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsebench.bench.config import RunConfig, load_run_config
from tsebench.core.config_files import with_settings
from tsebench.core.errors import ConfigError
from tsebench.systems.training.config import load_train_config

PAPER = """
name: table
datasets: [{dataset: full_set, role: seen}]
systems:
  - {name: soundbeam, label: one, options: {checkpoint: runs/train/one, query: classes}}
  - {name: soundbeam, label: two, options: {checkpoint: runs/train/two}, adapt: {dataset: big}}
  - mixture
metrics: [sdri]
scales:
  mini:
    datasets: [mini_sounds]
    systems:
      one: {options: {checkpoint: one_mini}}
      two: {options: {checkpoint: two_mini}, adapt: {dataset: small, mixtures: 8}}
  bare: {metrics: [{name: snri}]}
"""


@pytest.fixture
def load(tmp_path: Path):
    def read(*settings: str, text: str = PAPER) -> RunConfig:
        path = tmp_path / "table.yaml"
        path.write_text(text)
        return load_run_config(str(path), settings)

    return read


# Settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], {"a": 1, "b": {"c": [1, 2]}}),
        (["a=2"], {"a": 2, "b": {"c": [1, 2]}}),
        (["b.c=[3]"], {"a": 1, "b": {"c": [3]}}),
        (["b.c.1=5"], {"a": 1, "b": {"c": [1, 5]}}),
        (["b.d.e=x"], {"a": 1, "b": {"c": [1, 2], "d": {"e": "x"}}}),
        (["a=2", "a=3"], {"a": 3, "b": {"c": [1, 2]}}),
        (["a={x: 1}", "a.x=2"], {"a": {"x": 2}, "b": {"c": [1, 2]}}),
        (["a=k=v"], {"a": "k=v", "b": {"c": [1, 2]}}),
    ],
)
def test_settings(settings, expected) -> None:
    data = {"a": 1, "b": {"c": [1, 2]}}
    assert with_settings(data, settings, where="x") == expected
    assert data == {"a": 1, "b": {"c": [1, 2]}}


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("a", "--set 'a' is not KEY=VALUE; write for example"),
        ("a=[", "the value of --set 'a=[' is not YAML"),
        ("a.b=1", "here: --set a.b: 'b' cannot be set inside 1; set the whole key"),
        ("c.2=1", "here: --set c.2: '2' is not an index of a list of 2; the first is 0"),
        ("c.-1=1", "'-1' is not an index of a list of 2"),
        ("c.x=1", "'x' is not an index of a list of 2"),
    ],
)
def test_a_wrong_setting_is_an_error(setting: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_settings({"a": 1, "c": [1, 2]}, [setting], where="here")
    assert line in str(caught.value)


def test_an_unknown_key_is_told_by_the_model(load) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'batchsize'; did you mean 'batch_size'"):
        load("batchsize=3")
    with pytest.raises(ConfigError, match=r"bootstrap.level = 3: "):
        load("bootstrap.level=3")


def test_settings_of_a_training() -> None:
    before = load_train_config("speakerbeam")
    config = load_train_config("speakerbeam", ["net.conditioning=film", "optimiser.epochs=3"])
    assert config.net == {**before.net, "conditioning": "film"}
    assert config.optimiser.epochs == 3
    with pytest.raises(ConfigError, match=r"unknown key 'optimiser.epoch'; did you mean 'epochs'"):
        load_train_config("speakerbeam", ["optimiser.epoch=3"])


# Scales -------------------------------------------------------------------------------------------


def test_full_is_the_config_as_written(load) -> None:
    config = load()
    assert (config.name, config.scale, config.scales) == ("table", "full", {})
    assert config.datasets[0].dataset == "full_set"
    assert config.datasets[0].role == "seen"
    assert load("scale=full") == config


def test_a_scale_replaces_sets_and_lays_options_over(load) -> None:
    config = load("scale=mini")
    assert (config.name, config.scale, config.scales) == ("table_mini", "mini", {})
    assert [spec.dataset for spec in config.datasets] == ["mini_sounds"]
    one, two, mixture = config.systems
    assert one.title == "one"
    assert one.options == {"checkpoint": "one_mini", "query": "classes"}
    assert two.adapt is not None
    assert (two.adapt.dataset, two.adapt.how.mixtures, two.adapt.how.epochs) == ("small", 8, 10)
    assert mixture == load().systems[2]
    assert [metric.name for metric in config.metrics] == ["sdri"]


def test_a_scale_may_replace_metrics_alone(load) -> None:
    config = load("scale=bare")
    assert [metric.name for metric in config.metrics] == ["snri"]
    assert config.datasets == load().datasets
    assert config.systems == load().systems


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (["scale=minni"], "unknown scale 'minni'; did you mean 'mini'? (known: bare, full, mini)"),
        (["scale=mini", "scales.mini.systems.on={}"], "names system 'on'; did you mean 'one'?"),
        (
            ["scale=mini", "scales.mini.systems.one.option={}"],
            "scales.mini.systems.one: unknown key 'option'; did you mean 'options'?",
        ),
        (["scales.mini.dataset=[x]"], "unknown key 'scales.mini.dataset'"),
        (["scale=mini", "scales.mini.datasets=[]"], "scales.mini.datasets = []"),
        (["scale=mini", "scales.mini.systems.one.label=two"], "2 systems are called 'two'; give each its own `label`"),
        (["systems.1.adapt.epochs=-1"], "systems.1.adapt.epochs = -1"),
    ],
)
def test_a_wrong_scale_is_told_in_one_line(load, settings: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(*settings)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_scale_leaves_systems_out(load) -> None:
    text = PAPER.replace("  bare: {", "  bare: {leave_out: [two], ")
    assert [spec.title for spec in load("scale=bare", text=text).systems] == ["one", "mixture"]
    assert [spec.title for spec in load(text=text).systems] == ["one", "two", "mixture"]
    with pytest.raises(ConfigError, match="scale 'bare' names system 'tow'"):
        load("scale=bare", text=text.replace("[two]", "[tow]"))
