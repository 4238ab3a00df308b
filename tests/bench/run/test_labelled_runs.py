"""Runs of systems with labelled outputs: scored by class-aware metrics, kept, read again; and what lacks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
import torch
from helpers.scripted import config, rows_of

from tsebench.bench.run.output_files import output_path, outputs_folder, read_outputs
from tsebench.bench.run.prepare import RunOptions
from tsebench.bench.run.runner import run
from tsebench.core.errors import AudioError, ConfigError
from tsebench.datasets.dataset import load_dataset
from tsebench.systems.protocol import Extraction, LabelledOutput, QueryBatch, SystemCard
from tsebench.systems.registry import SYSTEMS

pytestmark = pytest.mark.usefixtures("code_read_once", "own_cache")


class Labels:
    """The mixture under the labels of `found`, and NaN where a query is in `broken`."""

    found: ClassVar[tuple[str, ...]] = ()
    broken: ClassVar[tuple[str, ...]] = ()
    asked: ClassVar[list[str]] = []

    def __init__(self, *, device: str = "cpu") -> None:
        self.card = SystemCard(name="labels", family="external", description="a fake", labels_outputs=True)

    def extract(self, batch: QueryBatch) -> Extraction:
        Labels.asked += batch.ids
        outputs = [
            tuple(
                LabelledOutput(label, row[0] * (float("nan") if name in Labels.broken else 1)) for label in self.found
            )
            for name, row in zip(batch.ids, batch.mixture, strict=True)
        ]
        return Extraction(estimate=batch.mixture[:, 0], outputs=outputs)


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> type[Labels]:
    monkeypatch.setitem(SYSTEMS._entries, "labels", Labels)
    for name, value in {"found": (), "broken": (), "asked": []}.items():
        monkeypatch.setattr(Labels, name, value)
    return Labels


def go(out: Path, dataset: Path, *systems: str, metrics: list[Any]) -> Any:
    options = RunOptions(out=out, device="cpu", jobs=0, chunk_trials=4)
    run(config(dataset, systems=list(systems), metrics=metrics, keep_estimates=True), options)
    return rows_of(out).query("metric != 'snri'").set_index(["system", "metric", "trial_id"])


def test_outputs_are_scored_kept_and_read_again(labels: type[Labels], sounds: Path, tmp_path: Path) -> None:
    dataset = load_dataset(sounds)
    name, other, *_ = (trial.id for trial in dataset.trials if trial.target_ids)
    label = dataset[name][1].target_labels[0]
    labels.found = (label, "no/such class")
    labels.broken = (other,)
    rows = go(tmp_path / "run", sounds, "labels", "mixture", metrics=["ca_sdri", "label_accuracy"])
    score, accuracy = (rows.loc[("labels", metric, name)] for metric in ("ca_sdri", "label_accuracy"))
    assert (score["status"], accuracy["value"]) == ("ok", 0.0)
    assert score["value"] == pytest.approx(0.0, abs=1e-6)  # the mixture improves nothing, and a class is made up
    assert label in score["detail"]
    failure = rows.loc[("labels", "ca_sdri", other)]
    assert failure["status"] == "failed"
    assert failure["reason"].startswith(f"output 1 ({label}): non_finite:")
    of_mixture = rows.loc[("mixture", "ca_sdri", name)]
    assert (of_mixture["status"], of_mixture["reason"]) == ("undefined", "no_labelled_outputs")
    wavs = sorted((tmp_path / "run").rglob(f"outputs/{name}/*.wav"))
    assert [path.name for path in wavs] == [f"0_{label}.wav", "1_no_such_class.wav"]
    # Another metric takes the outputs that are kept.
    asked = len(labels.asked)
    rows = go(tmp_path / "run", sounds, "labels", "mixture", metrics=["ca_sdri", "label_accuracy", "capi_sdri"])
    assert len(labels.asked) == asked
    assert rows.loc[("labels", "capi_sdri", name), "value"] == pytest.approx(0.0, abs=1e-6)
    assert rows.loc[("labels", "capi_sdri", other), "status"] == "failed"


def test_a_run_without_such_a_system_is_refused(sounds: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"metric 'ca_sdri' needs labelled outputs of a system.*`labels_outputs`"):
        go(tmp_path / "run", sounds, "mixture", metrics=["ca_sdri"])


def test_outputs_that_were_cut_are_not_read(tmp_path: Path) -> None:
    wav = tmp_path / "t.wav"
    assert read_outputs(wav) is None
    folder = outputs_folder(wav)
    folder.mkdir(parents=True)
    soundfile.write(output_path(folder, 0, "dog"), np.zeros(8), 8000)
    with pytest.raises(AudioError, match="have no list of labels"):
        read_outputs(wav)
    (folder / "labels.json").write_text('["dog"]')
    (found,) = read_outputs(wav) or ()
    assert (found.label, found.signal.equal(torch.zeros(8))) == ("dog", True)
