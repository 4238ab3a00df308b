"""A training in MLflow: opened before the first step, alive while it goes on, one run over all its resumed parts."""

from __future__ import annotations

import hashlib
import math
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytorch_lightning as lightning
import yaml

from ...core.errors import ConfigError
from ...core.progress import Notify
from ...core.provenance import git_commit, versions
from ...core.tracking.entries import end_as_killed, experiment_of, last_step, log, log_datasets, page_of, run_of
from ...core.tracking.ids import TrackingIds, read_ids, write_ids
from ...core.tracking.models import log_model, register_model
from ...core.tracking.session import EVERY_S, Readings, RunSession
from ...core.tracking.store import connected, open_store
from ...core.tracking.tags import FOLDER, place_of, standard_tags
from ..checkpoints.checkpoint import CARD, WEIGHTS, CheckpointCard, read_checkpoint_card
from ..trainable import LossFacts
from .config import TrainConfig
from .lightning_module import ExtractionModule
from .state import LOG, EpochLog
from .valid_ratio import ratio_name

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "tsebench-train"
_RUN, _MODEL = "training", "model:"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """Facts of a training that are tracked before its first step.

    Attributes:
        identity: of config and data, see `state.run_identity`.
        data: fingerprints of the streams of training and of validation, by name.
        history: epochs that earlier parts have done.
        begun: whether the folder holds a state of an earlier part.
    """

    config: TrainConfig
    loss: LossFacts
    out: Path
    identity: str
    data: Mapping[str, Mapping[str, str]]
    history: Sequence[EpochLog] = ()
    begun: bool = False


class TrainingTracker:
    """The MLflow run of a training; `tracked_training` makes one. Without a store it does nothing."""

    def __init__(self, facts: TrainingFacts, *, uri: str | None, say: Notify, every_s: float = EVERY_S) -> None:
        self._facts, self._uri, self._say, self._every_s = facts, uri, say, every_s
        self._waiting: deque[Readings] = deque()
        self._session: RunSession | None = None
        self._run_id = ""
        self._last_epoch = self._last_step = -1
        self._best_loss = math.inf
        self._ended_ms: int | None = None  # when an earlier part ended the training, as long as there is nothing new

    def start(self) -> None:
        """Open the run, or the one of an earlier part.

        Raises:
            ConfigError: the store cannot be reached.
        """
        if self._uri is None:
            return
        client = connected(self._uri)
        with open_store(self._uri):
            self._open(client)
            for log_line in self._facts.history:
                self.add_epoch(log_line)
        self._session = RunSession(
            client,
            [self._run_id],
            uri=self._uri,
            gather=self._gather,
            say=self._say,
            later="the same `tsebench train` once more",
            every_s=self._every_s,
        )
        with open_store(self._uri):
            self._session.start()
            self._say(f"tracking in MLflow: {page_of(client, self._run_id, self._uri)}")

    def callbacks(self) -> list[lightning.Callback]:
        """Callbacks of the trainer that follow the training."""
        return [] if self._session is None else [MlflowLog(self)]

    def add_epoch(self, line: EpochLog) -> None:
        """Take the losses of an epoch, if they are not logged yet; the step is the epoch."""
        self._best_loss = min(self._best_loss, line.valid_loss)
        if line.epoch <= self._last_epoch:
            return
        self._last_epoch, self._ended_ms = line.epoch, None
        metrics = {"train_loss": line.train_loss, "valid_loss": line.valid_loss, "lr": line.lr}
        metrics |= {"best_valid_loss": self._best_loss}
        if line.valid_ratio is not None:
            name = ratio_name(self._facts.config.loss).lower().replace("-", "_")
            metrics |= {f"valid_{name}": line.valid_ratio}
        self._waiting.append(Readings(run_id=self._run_id, step=line.epoch, metrics=metrics))
        self.add_step(line.steps, loss=line.train_loss)

    def add_step(self, step: int, *, loss: float) -> None:
        """Take the state within an epoch; the step is that of the optimiser."""
        if step <= self._last_step:
            return
        self._last_step = step
        optimiser, data = self._facts.config.optimiser, self._facts.config.data
        total = math.ceil(data.per_epoch / optimiser.batch_size) * optimiser.epochs
        percent = round(100 * step / total, 2)
        metrics = {"progress/steps": step, "progress/train_loss": loss, "progress/percent": percent}
        self._waiting.append(Readings(run_id=self._run_id, step=step, metrics=metrics))

    def finish(self) -> None:
        """Log the checkpoint, its card and the log of epochs, register the model if the config says so, and end."""
        if self._uri is None or self._session is None:
            return
        self._session.stop()
        try:
            with open_store(self._uri) as client:
                self._log_checkpoint(client)
                client.set_terminated(self._run_id, status="FINISHED", end_time=self._ended_ms)
                page = page_of(client, self._run_id, self._uri)
        except ConfigError as error:
            problem = str(error).partition("; check")[0]
            self._say(
                f"not tracked, {problem}; the checkpoint is complete: the same `tsebench train` once more tracks it"
            )
            self._session.end("FINISHED")
        else:
            self._say(f"tracked in MLflow: {page}")

    def close(self, error: BaseException) -> None:
        """End the run of a training that an error or an interrupt has stopped."""
        if self._session is not None:
            self._session.abort(error)

    def _gather(self) -> Iterator[Readings]:
        while self._waiting:
            yield self._waiting.popleft()

    def _open(self, client: MlflowClient) -> None:
        facts, uri = self._facts, str(self._uri)
        experiment = experiment_of(client, EXPERIMENT, facts.out, uri)
        identity = hashlib.sha256(facts.identity.encode()).hexdigest()[:16]
        known = read_ids(facts.out, uri)
        before = known.runs if known is not None and known.identity == identity else {}
        if before and not facts.begun and last_step(client, before[_RUN], "valid_loss") >= 0:
            before = {}  # the state was deleted: this training starts over
        if known is not None and known.runs.get(_RUN) != before.get(_RUN):
            end_as_killed(client, known.runs.get(_RUN))
        tags = {
            **standard_tags(commit=git_commit(), description=facts.config.description),
            FOLDER: place_of(facts.out),
            "tsebench.identity": identity,
        }
        self._run_id = run_of(client, experiment, facts.config.name, before.get(_RUN), tags)
        write_ids(facts.out, uri, TrackingIds(identity=identity, runs={**before, _RUN: self._run_id}))
        info = client.get_run(self._run_id).info
        self._ended_ms = info.end_time if info.status == "FINISHED" else None
        self._log_facts(client)
        self._last_epoch = last_step(client, self._run_id, "valid_loss")
        self._last_step = last_step(client, self._run_id, "progress/steps")

    def _log_facts(self, client: MlflowClient) -> None:
        config = self._facts.config
        found = {f"version.{name}": text for name, text in versions().items()}
        log(
            client, self._run_id, parameters=_parameters(config, self._facts.loss) | found | {"git": git_commit() or ""}
        )
        for context, fingerprints in self._facts.data.items():
            log_datasets(client, self._run_id, fingerprints, context=context)
        text = yaml.safe_dump(config.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)
        client.log_text(self._run_id, text, "config.yaml")

    def _log_checkpoint(self, client: MlflowClient) -> None:
        out, config = self._facts.out, self._facts.config
        card = read_checkpoint_card(out)
        for name in (CARD, LOG):
            if (out / name).is_file():
                client.log_artifact(self._run_id, str(out / name))
        model_id = self._log_model(client, card)
        if config.tracking.register_as is not None:
            version = register_model(
                client,
                config.tracking.register_as,
                model_id=model_id,
                run_id=self._run_id,
                tags=_model_tags(card),
                description=config.description,
            )
            self._say(f"registered in MLflow: {config.tracking.register_as}, version {version}")

    def _log_model(self, client: MlflowClient, card: CheckpointCard) -> str:
        """Id of the model in MLflow: one for each state of the weights."""
        out, uri, key = self._facts.out, str(self._uri), _MODEL + card.sha256[:16]
        known = read_ids(out, uri)
        if known is not None and key in known.runs:
            return known.runs[key]
        with tempfile.TemporaryDirectory() as folder:
            for name in (WEIGHTS, CARD):
                (Path(folder) / name).write_bytes((out / name).read_bytes())
            model_id = log_model(
                client,
                self._run_id,
                name=self._facts.config.name,
                files=Path(folder),
                tags=_model_tags(card),
                parameters={f"net.{name}": str(value) for name, value in card.net.items()},
            )
        if known is not None:
            write_ids(out, uri, TrackingIds(identity=known.identity, runs={**known.runs, key: model_id}))
        return model_id


class MlflowLog(lightning.Callback):
    """Tells a tracker of each epoch, and every few seconds of the step."""

    def __init__(self, tracker: TrainingTracker) -> None:
        self._tracker = tracker
        self._next_s = 0.0

    def on_train_batch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: object) -> None:
        """Log the mean loss of the epoch so far, at most every few seconds."""
        del trainer
        if isinstance(module, ExtractionModule) and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + EVERY_S
            self._tracker.add_step(module.steps, loss=module.train_loss.value)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Log the epoch."""
        del trainer
        if isinstance(module, ExtractionModule):
            self._tracker.add_epoch(module.progress.history[-1])


@contextmanager
def tracked_training(facts: TrainingFacts, *, uri: str | None, say: Notify) -> Iterator[TrainingTracker]:
    """Track a training that is carried out inside.

    Raises:
        ConfigError: the store cannot be reached at the start; one that fails later costs a warning.
    """
    tracker = TrainingTracker(facts, uri=uri, say=say)
    tracker.start()
    try:
        yield tracker
    except BaseException as error:
        tracker.close(error)
        raise
    tracker.finish()


def _parameters(config: TrainConfig, loss: LossFacts) -> dict[str, object]:
    """The config as parameters `SECTION.KEY`; `loss` is the name of a system's own loss."""
    found: dict[str, object] = {}
    unused = {"description", "tracking"}
    if not loss.of_estimates:
        found, unused = {"loss": loss.name}, {*unused, "loss"}
    for section, values in config.model_dump(mode="json", exclude=unused).items():
        if isinstance(values, dict):
            found |= {f"{section}.{key}": value for key, value in values.items()}
        else:
            found[section] = values
    return found


def _model_tags(card: CheckpointCard) -> dict[str, str]:
    tags = {
        "tsebench.architecture": card.architecture,
        "tsebench.sha256": card.sha256,
        "tsebench.training_data": ", ".join(card.training_data),
        "tsebench.licence": card.licence,
    }
    if card.best_valid_loss is not None:
        tags["tsebench.best_valid_loss"] = f"{card.best_valid_loss:.4f}"
    return tags
