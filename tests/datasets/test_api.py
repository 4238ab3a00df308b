"""Datasets in Python: what `load_dataset` and `build` take, items, batches, parts, tables and reprs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import tsebench
from tsebench.core.config_files import SHIPPED
from tsebench.core.errors import ConfigError
from tsebench.datasets.api import config_of
from tsebench.datasets.config import DatasetConfig, load_dataset_configs
from tsebench.datasets.dataset import Dataset
from tsebench.datasets.signals.audio import write

SMALL = {"params.count": 2, "params.duration_s": 1.0, "params.event_s": [0.3, 0.6]}
SHIPPED_CONFIG = SHIPPED / "datasets" / "mini_sounds.yaml"


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return tsebench.load_dataset("mini_sounds", settings=SMALL)


def contents() -> dict[str, Any]:
    data = load_dataset_configs("mini_sounds")[0].model_dump()
    short = {"count": 2, "duration_s": 1.0, "event_s": [0.3, 0.6]}
    return {**data, "params": {**data["params"], **short}}


def test_a_config_is_a_name_a_path_a_dict_or_an_object(dataset: Dataset) -> None:
    nested = {"params": {"count": 2, "duration_s": 1.0, "event_s": [0.3, 0.6]}}
    texts = ["params.count=2", "params.duration_s=1.0", "params.event_s=[0.3,0.6]"]
    found = [
        tsebench.load_dataset("mini_sounds", settings=texts),
        tsebench.load_dataset(SHIPPED_CONFIG, settings=nested),
        tsebench.load_dataset(contents()),
        tsebench.load_dataset(DatasetConfig.model_validate(contents())),
    ]
    assert {each.card.fingerprint for each in found} == {dataset.card.fingerprint}


def test_build_writes_a_folder_that_load_dataset_opens(dataset: Dataset, tmp_path: Path) -> None:
    built = tsebench.build("mini_sounds", out=tmp_path, settings=SMALL)
    folder = tmp_path / "mini_sounds"
    assert built.card.fingerprint == dataset.card.fingerprint
    assert tsebench.load_dataset(folder).card == built.card
    assert tsebench.load_dataset(str(folder)).card == built.card
    written = (folder / "card.json").stat().st_mtime_ns
    tsebench.build("mini_sounds", out=tmp_path, settings=SMALL)  # the folder is opened
    assert (folder / "card.json").stat().st_mtime_ns == written
    tsebench.build("mini_sounds", out=tmp_path, settings=SMALL, fresh=True)
    assert (folder / "card.json").stat().st_mtime_ns > written
    with pytest.raises(tsebench.DatasetError, match=r"from another config; .* out="):
        tsebench.build("mini_sounds", out=tmp_path, settings={**SMALL, "seed": 3})
    with pytest.raises(tsebench.ConfigError, match="open it with load_dataset"):
        tsebench.build(folder)
    with pytest.raises(tsebench.ConfigError, match="settings change a config alone"):
        tsebench.load_dataset(folder, settings=SMALL)


@pytest.mark.parametrize(
    ("source", "more", "line"),
    [
        ("mini", {}, "is a collection of 2 datasets; name one of them: mini_speech, mini_sounds"),
        ("mini_spech", {}, "did you mean 'mini_speech'"),
        (3, {}, "a dataset is a name, a path, a dict or a DatasetConfig, not int"),
        ({"name": "x"}, {}, "dataset 'x': key 'builder' is missing"),
        ("mini_sounds", {"settings": {"params": {"cout": 2}}}, "did you mean 'count'"),
        ("mini_sounds", {"settings": 3}, "neither a mapping nor a list of KEY=VALUE"),
        ("mini_sounds", {"corpora": "esc10=DIR"}, "not a mapping from names to folders"),
        (
            "mini_sounds",
            {"corpora": {"esc10": "DIR"}},
            r"corpora=\{'esc10': DIR\}: no dataset here has a corpus 'esc10'",
        ),
        ("esc10_sounds", {}, r"corpora=\{'esc10': DIR\}"),
        (Path(__file__).parent, {}, "holds no dataset"),
    ],
)
def test_a_wrong_source_is_one_line(source: Any, more: dict[str, Any], line: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.delenv("TSEBENCH_CORPORA", raising=False)
    with pytest.raises(tsebench.TsebenchError, match=line) as caught:
        tsebench.load_dataset(source, **more)
    assert len(str(caught.value)) < 500
    assert "--" not in str(caught.value)


def test_corpora_are_folders_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    rng = np.random.default_rng(0)
    for label in ("dog", "cat", "cow"):
        (tmp_path / "animals" / label).mkdir(parents=True)
        for take in range(2):
            write(
                tmp_path / "animals" / label / f"{take}.wav", 0.1 * rng.standard_normal(8000).astype(np.float32), 8000
            )
    config = {
        **contents(),
        "name": "mine",
        "corpora": {"animals": {"kind": "folder"}},
        "params": {
            "sample_rate_hz": 8000,
            "count": 1,
            "duration_s": 1.0,
            "n_classes": [2, 2],
            "event_s": [0.3, 0.6],
            "snr_db": [0.0, 5.0],
            "events": {"corpus": "animals"},
            "background_db": -30.0,
            "conditions": ["1:0"],
            "clues": ["classes"],
        },
    }
    with pytest.raises(tsebench.CorpusError, match=r"corpora=\{'animals': DIR\}"):
        tsebench.load_dataset(config)
    dataset = tsebench.load_dataset(config, corpora={"animals": str(tmp_path / "animals")})
    assert set(dataset.to_frame()["target"]) <= {"dog", "cat", "cow"}


def test_items_by_place_id_and_slice(dataset: Dataset) -> None:
    items = list(dataset)
    assert len(items) == len(dataset) == len(dataset.trials)
    query, truth = items[1]
    assert torch.equal(dataset[1][0].mixture, query.mixture)
    assert torch.equal(dataset[np.int64(1)][0].mixture, query.mixture)
    assert torch.equal(dataset[query.id][0].mixture, query.mixture)
    assert dataset[-1][0].id == items[-1][0].id
    assert truth.interferers.shape[-1] == query.mixture.shape[-1]
    part = dataset[1:3]
    assert [each.id for each in part.trials] == [each.id for each in dataset.trials[1:3]]
    assert torch.equal(part[0][0].mixture, query.mixture)
    assert dataset[:].card == dataset.card
    assert part.card.fingerprint != dataset.card.fingerprint
    assert part.card.counts["trials"] == 2


def test_a_part_is_the_dataset_that_would_be_built_alone(dataset: Dataset) -> None:
    one = tsebench.load_dataset("mini_sounds", settings={**SMALL, "params.count": 1})
    part = dataset.select(trial for trial in dataset.trials if trial.mixture_id == one.trials[0].mixture_id)
    assert (part.card.fingerprint, part.card.counts) == (one.card.fingerprint, one.card.counts)


@pytest.mark.parametrize(
    ("chosen", "error", "line"),
    [
        (99, IndexError, "8 trials; 99 is none of their places"),
        ("test-x", tsebench.UnknownNameError, "unknown trial 'test-x'"),
        (1.5, TypeError, "by its place, its id or a slice, not by float"),
        (slice(0, 0), tsebench.DatasetError, "none of its 8 trials is chosen"),
    ],
)
def test_no_such_item_is_one_line(dataset: Dataset, chosen: Any, error: type[Exception], line: str) -> None:
    with pytest.raises(error, match=line):
        _ = dataset[chosen]


def test_a_trial_is_chosen_once(dataset: Dataset) -> None:
    with pytest.raises(tsebench.DatasetError, match="chosen 2 times"):
        dataset.select([0, 0])


def test_a_batch_is_what_a_system_takes(dataset: Dataset) -> None:
    system = tsebench.load_system("mixture")
    batch = dataset.batch([0, dataset.trials[1].id])
    assert batch.ids == tuple(trial.id for trial in dataset.trials[:2])
    extraction = system.extract(batch)  # type: ignore[union-attr]
    assert extraction.estimate.shape == (2, 8000)
    assert torch.equal(tsebench.collate([dataset[0], dataset[1][0]]).mixture, batch.mixture)
    assert len(dataset.batch(0)) == len(dataset.batch(slice(0, 1))) == 1
    twice = dataset.batch(slice(0, 2), sample_rate_hz=16000)
    assert (twice.sample_rate_hz, twice.mixture.shape[-1], twice.lengths.tolist()) == (16000, 16000, [16000, 16000])
    slow, fast = (each.clues[0].enrollments[0] for each in (batch, twice))
    assert len(fast) == 2 * len(slow)


def test_a_batch_of_something_else_is_one_line(dataset: Dataset) -> None:
    with pytest.raises(tsebench.ConfigError, match="a batch of no queries"):
        dataset.batch([])
    with pytest.raises(tsebench.ConfigError, match="not of ndarray"):
        tsebench.collate([np.zeros(3)])  # type: ignore[list-item]
    other = tsebench.Query(id="q", mixture=torch.zeros(1, 9), sample_rate_hz=16000, clues=tsebench.Clues())
    with pytest.raises(tsebench.ConfigError, match="sample rates 8000, 16000; give those of one"):
        tsebench.collate([dataset[0], other])


def test_a_dataset_crosses_to_another_process(dataset: Dataset) -> None:
    copied: Dataset = pickle.loads(pickle.dumps(dataset[:2]))
    assert copied.card == dataset[:2].card
    assert torch.equal(copied[0][0].mixture, dataset[0][0].mixture)
    trials = pickle.loads(pickle.dumps(dataset.trials))
    assert trials.to_frame().equals(dataset.to_frame())


def test_trials_are_a_table(dataset: Dataset) -> None:
    frame = dataset.to_frame()
    pd.testing.assert_frame_equal(frame, dataset.trials.to_frame())
    assert frame["trial_id"].tolist() == [trial.id for trial in dataset.trials]
    assert {"mixture_id", "condition", "n_active", "target", "sources", "classes", "duration_s"} <= set(frame.columns)
    assert set(frame["duration_s"]) == {1.0}
    absent = frame[frame["condition"] == "FUQ"]
    assert set(absent["target"]) == {""}
    assert dataset.select(absent["trial_id"]).to_frame()["trial_id"].tolist() == absent["trial_id"].tolist()
    assert dataset.trials[0].id in dataset.trials._repr_html_()


def test_reprs_are_one_short_line(dataset: Dataset) -> None:
    query, truth = dataset[0]
    system = tsebench.load_system("mixture")
    batch = dataset.batch([0, 1])
    expected = {
        "<Dataset mini_sounds: 8 trials of 2 mixtures, 2.0 s at 8000 Hz": dataset,
        "<8 trials: test-000000": dataset.trials,
        f"<Query {query.id}: mixture 1.00 s at 8000 Hz; clues: enrollment of": query,
        "<Clues: enrollment of": query.clues,
        "<Truth: target 8000 samples": truth,
        f"<Trial {query.id}: ": dataset.trials[0],
        "<QueryBatch of 2 (test-000000": batch,
        "<Extraction: estimate [2 x 8000]": system.extract(batch),  # type: ignore[union-attr]
        "<System mixture: baseline; clues: none; any sample rate": system,
    }
    for start, each in expected.items():
        assert repr(each).startswith(start)
        assert "\n" not in repr(each)
        assert "tensor" not in repr(each)
        assert len(repr(each)) < 300


def test_a_folder_of_its_name_does_not_hide_a_shipped_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mini_speech").mkdir()
    monkeypatch.chdir(tmp_path)
    assert config_of("mini_speech").name == "mini_speech"
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ConfigError, match=r"folder 'nothing' holds no dataset \(no card.json\)"):
        config_of("nothing")


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump(config_of("mini_speech").model_dump(mode="json") | {"name": "mine"})
    )
    assert config_of("~/mine.yaml").name == "mine"
