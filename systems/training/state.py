"""State that a training run needs to continue after it was stopped: tensors and plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ...core.errors import CheckpointError, ConfigError
from ...core.files import write_atomic
from ..checkpoints.checkpoint import from_bytes, read_weights, to_bytes
from .config import StartConfig, TrainConfig

LAST, LOG = "last.ckpt", "train.log.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochLog:
    """One line of `train.log.jsonl`; losses (lower is better), seconds since training began.

    Attributes:
        unit: of the losses; "" for a plain number.
        valid_ratio: mean SNR of the validation estimates in dB (higher is better), SI-SDR for the loss "neg_si_sdr",
            over targets that are present; None without any, and in logs of older versions.
        mixture_ratio: the same of the mixtures.
    """

    epoch: int
    steps: int
    train_loss: float
    valid_loss: float
    lr: float
    seconds: float
    valid_ratio: float | None = None
    mixture_ratio: float | None = None
    unit: str = "dB"


@dataclass(slots=True, kw_only=True)
class Progress:
    """Counts and losses of all parts of a training run."""

    epochs: int = 0  # completed ones
    steps: int = 0
    seconds: float = 0.0  # of training
    best_loss: float = math.inf
    best_epoch: int = -1
    stale: int = 0  # epochs since the best one
    plateau: int = 0  # epochs since the best one or the last reduction of the learning rate
    reductions: int = 0  # of the learning rate by the "plateau" schedule
    history: list[EpochLog] = field(default_factory=list)

    def add(self, log: EpochLog, *, plateau_patience: int) -> bool:
        """Count an epoch; True if its validation loss is the best so far."""
        self.history.append(log)
        self.epochs, self.steps, self.seconds = log.epoch + 1, log.steps, log.seconds
        if log.valid_loss < self.best_loss:
            self.best_loss, self.best_epoch = log.valid_loss, log.epoch
            self.stale = self.plateau = 0
            return True
        self.stale += 1
        self.plateau += 1
        if self.plateau >= plateau_patience:
            self.reductions, self.plateau = self.reductions + 1, 0
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """Content of `last.ckpt`."""

    progress: Progress
    net: Mapping[str, Tensor]
    best: Mapping[str, Tensor]  # weights of the best epoch; empty before the first one
    optimiser: Mapping[str, Any]  # state of the optimiser; empty before the first epoch
    average: Mapping[str, Tensor] = field(default_factory=dict)  # of the weights; empty without one
    prepared: str = ""  # description of what `PreparingTask.prepare` fitted before the first epoch
    length: tuple[int, float | None] | None = None  # epochs and max_minutes of its config; None if unknown


def run_identity(config: TrainConfig, *, fingerprints: tuple[str, str]) -> str:
    """Settings and data that must be unchanged for a run to be resumed; its limits may change."""
    # A key that is younger than trainings that must go on is left out where it changes nothing.
    younger = {"ema"} if config.optimiser.ema is None else set()
    new_data = {"absent_share"} if config.data.absent_share is None else set()
    exclude: Any = {
        "description": True,
        "threads": True,
        "tracking": True,
        "data": {"render_threads", "render_processes", *new_data},
        "optimiser": {"epochs", "max_minutes", "patience", *younger},
    }
    if config.teacher is None:
        exclude["teacher"] = True
    exclude["start_from"] = True if config.start_from is None else _unset(config.start_from)
    return config.model_dump_json(exclude=exclude) + " ".join(fingerprints)


def _unset(start: StartConfig) -> dict[str, Any]:
    """Younger keys of first weights that change nothing, at any depth."""
    unset: dict[str, Any] = {} if start.only else {"only": True}
    return {**unset, "then": True if start.then is None else _unset(start.then)}


def length_of(config: TrainConfig) -> tuple[int, float | None]:
    """Epochs and minutes of a training."""
    return config.optimiser.epochs, config.optimiser.max_minutes


def check_length(state: TrainingState, config: TrainConfig, *, out: Path) -> None:
    """Check that a run is not resumed with another length where the learning rate depends on it.

    A cosine schedule falls to 0 at the end: what goes on from there at another rate is neither the training of the old
    config nor that of the new one.

    Raises:
        ConfigError: epochs or minutes differ from those of the earlier part.
    """
    optimiser, known = config.optimiser, state.length
    depends = optimiser.schedule in {"cosine", "warmup_cosine"} and state.progress.steps > 0
    if not depends or known is None or tuple(known) == length_of(config):
        return
    pairs = zip(("epochs", "max_minutes"), known, length_of(config), strict=True)
    key, before, now = next(each for each in pairs if each[1] != each[2])
    raise ConfigError(
        f"{str(out)!r} holds {state.progress.epochs} epochs of a training with optimiser.{key} = {_value(before)}, and "
        f"its learning rate (schedule {optimiser.schedule!r}) depends on that number: with {_value(now)} it would be "
        f"another training; set optimiser.{key} = {_value(before)}, or train from the start in another --out "
        "(schedules 'constant' and 'plateau' can go on)"
    )


def _value(number: float | None) -> str:
    return "null" if number is None else f"{number:g}"


def save_state(out: Path, state: TrainingState, *, identity: str) -> None:
    """Write `last.ckpt`, whole or not at all; an OutputError if the folder cannot be written."""
    content = {
        "identity": identity,
        "progress": asdict(state.progress),
        "net": dict(state.net),
        "best": dict(state.best),
        "optimiser": dict(state.optimiser),
        "average": dict(state.average),
        "prepared": state.prepared,
        "length": state.length,
    }
    write_atomic(out / LAST, to_bytes(content))


def load_state(out: Path, *, identity: str) -> TrainingState | None:
    """State of an earlier part of this run; None without one.

    Raises:
        CheckpointError: the file is damaged or unsafe.
        ConfigError: it belongs to a run with another config or other data.
    """
    path = out / LAST
    if not path.is_file():
        return None
    content = from_bytes(read_weights(path), path=path)
    keys = {"identity", "progress", "net", "best", "optimiser"}
    if not isinstance(content, dict) or set(content) - {"average", "prepared", "length"} != keys:
        raise CheckpointError(f"{str(path)!r} is not a training state; delete it to start afresh")
    tables = [content[key] for key in ("progress", "net", "best", "optimiser")] + [content.get("average", {})]
    if not all(isinstance(table, Mapping) for table in tables):
        raise CheckpointError(f"{str(path)!r} is not a training state; delete it to start afresh")
    if content.pop("identity") != identity:
        raise ConfigError(
            f"{str(path)!r} belongs to a run with another config or other data; choose another "
            "--out, or delete it to start afresh"
        )
    try:
        progress = dict(content.pop("progress"))
        history = [EpochLog(**line) for line in progress.pop("history")]
        length = content.pop("length", None)
        content["length"] = None if length is None else (int(length[0]), length[1])
        return TrainingState(progress=Progress(**progress, history=history), **content)
    except (IndexError, TypeError, ValueError, KeyError):
        raise CheckpointError(f"{str(path)!r} is not a training state; delete it to start afresh") from None
