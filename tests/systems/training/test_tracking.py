"""Trainings in MLflow: one run over all parts, its steps, its end, and its checkpoint as a model."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.mlflow_store import empty_store
from mlflow import MlflowClient
from torch import nn

from tsebench.core.errors import ConfigError, TsebenchError
from tsebench.core.validation import StrictModel, parse
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.trainable import TASKS
from tsebench.systems.training.config import TrainConfig
from tsebench.systems.training.tracking import TrainingTracker
from tsebench.systems.training.train import train

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


class Noise:
    """Two sources of noise; one index may raise once."""

    classes: tuple[str, ...] = ("a", "b")
    sample_rate_hz = 8000

    def __init__(self, seed: int, *, at: int = -1, error: BaseException | None = None) -> None:
        self.fingerprint, self._seed, self._at, self._error = f"noise-{seed}" + "f" * 40, seed, at, error

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        if index == self._at and self._error is not None:
            raise self._error
        sources = torch.randn(2, 80, generator=torch.Generator().manual_seed(10**6 * self._seed + index))
        query = Query(id=f"m{index}", mixture=sources.sum(0)[None], sample_rate_hz=8000, clues=Clues(classes=("a",)))
        truth = Truth(target=sources[:1], interferers=sources[1:], active_classes=self.classes, transcript=None)
        return query, truth


class Scale(nn.Module):
    """One number."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))


class ScaleConfig(StrictModel):
    start: float = 1.0


class ScaleTask:
    net_config = ScaleConfig

    def build(self, _config: ScaleConfig, *, classes: tuple[str, ...]) -> Scale:
        return Scale()

    def loss(self, net: Scale, batch: Any, criterion: Any) -> torch.Tensor:
        mixture = batch.queries.mixture[:, 0]
        return criterion(estimate=net.scale * mixture, reference=batch.target, mixture=mixture, present=batch.present)


@pytest.fixture(autouse=True)
def scale_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TASKS, "_entries", {**TASKS._entries})
    TASKS.register("scale")(ScaleTask())


class Work:
    """A training of four epochs of four steps."""

    def __init__(self, place: Path) -> None:
        self.out, self.uri = place / "net", empty_store(place)
        self.client = MlflowClient(self.uri)

    def train(self, *, at: int = -1, error: BaseException | None = None, epochs: int = 4, register: str = "") -> None:
        data: dict[str, Any] = {
            "name": "tiny",
            "description": "A number.",
            "system": "scale",
            "data": {"dataset": "noise", "per_epoch": 8, "valid": 4, "render_threads": 0},
            "optimiser": {"lr": 0.05, "batch_size": 2, "epochs": epochs},
        }
        if register:
            data["tracking"] = {"register": register}
        config = parse(TrainConfig, data, where="config")
        streams = Noise(1, at=at, error=error), Noise(2)
        train(config, out=self.out, device="cpu", streams=streams, tracking_uri=self.uri)

    def only_run(self) -> Any:
        experiment = self.client.get_experiment_by_name("tsebench-train")
        assert experiment is not None
        (found,) = self.client.search_runs([experiment.experiment_id])
        return found

    def history(self, key: str) -> list[tuple[int, float]]:
        found = self.client.get_metric_history(self.only_run().info.run_id, key)
        return [(metric.step, metric.value) for metric in found]

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "train.log.jsonl").read_text().splitlines()]

    def check_complete(self, epochs: int = 4) -> None:
        """One finished run, with each epoch once and in order, as in the log of the training."""
        run = self.only_run()
        assert run.info.status == "FINISHED"
        for key in ("train_loss", "valid_loss", "lr"):
            assert self.history(key) == [(line["epoch"], line[key]) for line in self.log()]
        assert len(self.log()) == epochs
        best = [value for _, value in self.history("best_valid_loss")]
        assert best == sorted(best, reverse=True)
        steps = [step for step, _ in self.history("progress/steps")]
        assert steps == sorted(set(steps))
        assert self.history("progress/percent")[-1] == (4 * epochs, 100.0)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


def test_what_is_tracked(work: Work) -> None:
    work.train()
    work.check_complete()
    run = work.only_run()
    assert run.info.run_name == "tiny"
    assert run.data.params["optimiser.lr"] == "0.05"
    assert run.data.params["system"] == "scale"
    assert run.data.params["seed"] == "0"
    assert run.data.params["version.torch"] == version("torch")
    assert run.data.tags["mlflow.note.content"] == "A number."
    assert run.data.tags["mlflow.source.type"] == "LOCAL"
    inputs = {(each.dataset.name, each.tags[0].value): each.dataset.digest for each in run.inputs.dataset_inputs}
    assert inputs == {
        ("noise:train", "training"): ("noise-1" + "f" * 40)[:36],
        ("noise:valid", "validation"): ("noise-2" + "f" * 40)[:36],
    }
    names = {item.path for item in work.client.list_artifacts(run.info.run_id)}
    assert names == {"config.yaml", "card.json", "train.log.jsonl"}
    (model,) = work.client.search_logged_models([run.info.experiment_id])
    assert model.source_run_id == run.info.run_id
    assert model.tags["tsebench.sha256"] == json.loads((work.out / "card.json").read_text())["sha256"]
    files = {Path(path).name for path in Path(model.artifact_location.removeprefix("file://")).iterdir()}
    assert files == {"model.pt", "card.json"}  # no pickled code


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), "KILLED"), (TsebenchError("the data is odd"), "FAILED")]
)
def test_a_stopped_training_goes_on_in_its_run(work: Work, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)):
        work.train(at=19, error=error)  # in the third epoch
    first = work.only_run()
    assert first.info.status == status
    assert first.data.tags.get("tsebench.error") == (None if status == "KILLED" else "TsebenchError: the data is odd")
    assert [step for step, _ in work.history("valid_loss")] == [0, 1]
    work.train()
    work.check_complete()
    after = work.only_run()
    assert (after.info.run_id, after.info.start_time) == (first.info.run_id, first.info.start_time)
    assert "tsebench.error" not in after.data.tags


@pytest.mark.parametrize("at", [3, 19])
def test_a_killed_training_goes_on_in_its_run(work: Work, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the first epoch, before it has a state, or in the third; what was not sent comes later."""
    with monkeypatch.context() as patch:
        patch.setattr(TrainingTracker, "close", lambda self, _: self._session._stop.set())
        with pytest.raises(KeyboardInterrupt):
            work.train(at=at, error=KeyboardInterrupt())
    first = work.only_run()
    assert first.info.status == "RUNNING"
    work.train()
    work.check_complete()
    assert work.only_run().info.run_id == first.info.run_id


def test_a_training_that_starts_over_is_a_new_run(work: Work) -> None:
    work.train(epochs=1)
    first = work.only_run()
    for name in ("last.ckpt", "model.pt", "card.json", "train.log.jsonl"):
        (work.out / name).unlink()
    work.train(epochs=1)
    runs = work.client.search_runs([first.info.experiment_id])
    assert len(runs) == 2
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_finished_training_stays_as_it_ended_until_it_goes_on(work: Work) -> None:
    work.train(epochs=2)
    first = work.only_run()
    work.train(epochs=2)
    assert work.only_run().info.end_time == first.info.end_time
    assert len(work.client.search_logged_models([first.info.experiment_id])) == 1
    work.train(epochs=3)
    work.check_complete(3)
    assert work.only_run().info.end_time > first.info.end_time


def test_a_checkpoint_is_registered_once(work: Work) -> None:
    work.train(epochs=1, register="my net")
    work.train(epochs=1, register="my net")
    (version,) = work.client.search_model_versions("name='my net'")
    assert version.run_id == work.only_run().info.run_id
    assert version.tags["tsebench.architecture"] == "scale"
    folder = Path(version.source.removeprefix("file://"))
    assert (folder / "model.pt").read_bytes() == (work.out / "model.pt").read_bytes()


@pytest.mark.parametrize("name", [" ", "a/b", "a:b", "'", "x" * 300])
def test_a_name_that_no_model_can_have_is_refused(work: Work, name: str) -> None:
    with pytest.raises(ConfigError, match=r"tracking\.register: .* is no name of a model; use letters"):
        work.train(register=name)
    assert not work.out.exists()


def test_a_model_cannot_be_registered_without_a_store(tmp_path: Path) -> None:
    data = {"name": "x", "system": "scale", "data": {"dataset": "noise", "per_epoch": 8, "valid": 4}}
    config = parse(TrainConfig, data | {"tracking": {"register": "net"}}, where="config")
    with pytest.raises(ConfigError, match=r"tracking\.register = 'net' needs MLflow; give a store with --tracking-uri"):
        train(config, out=tmp_path / "net", device="cpu", streams=(Noise(1), Noise(2)))


def test_the_tracking_of_a_training_can_change(work: Work) -> None:
    """It is no part of what must be the same when a training goes on."""
    work.train(epochs=1)
    work.train(epochs=2, register="later")
    assert work.only_run().info.status == "FINISHED"
    assert len(work.client.search_model_versions("name='later'")) == 1


def test_a_store_that_cannot_be_reached_stops_the_training_before_it_begins(work: Work) -> None:
    work.uri = "http://127.0.0.1:9"
    with pytest.raises(ConfigError, match=r"cannot be used: .*--tracking-uri none"):
        work.train()
    assert not (work.out / "last.ckpt").exists()


def test_a_store_that_dies_costs_a_warning(
    work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    with monkeypatch.context() as patch, caplog.at_level("WARNING", "tsebench.train"):
        patch.setattr(MlflowClient, "log_batch", fail)
        patch.setattr(TrainingTracker, "_log_facts", lambda *_: None)
        work.train()
    warned = [record.message for record in caplog.records if "no route to host" in record.message]
    assert len(warned) == 1
    assert "the same `tsebench train` once more tracks them later" in warned[0]
    work.train()
    work.check_complete()
